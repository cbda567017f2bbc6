"""Backups of SQLite stores: their file, page by page as it was at one moment."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from osms_storage.backups.archive import PART_BYTES, Archive, ArchiveWriter, Manifest, Progress
from osms_storage.backups.contents import count_rows, describe
from osms_storage.errors import ArchiveDamagedError, ArchiveUnwritableError, StoreNotEmptyError
from osms_storage.private_files import new_file, passing_file
from osms_storage.sqlite import BUSY_TIMEOUT_S, translated

_MEMBER = "store.db"
_PAGES_AT_ONCE = 1_024
_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file, and would take for a part of it."""


async def dump(source: Path, archive: ArchiveWriter, copy: Path, tell: Progress) -> Manifest:
    """Write a store's file into an archive by way of a copy, which is removed again."""
    with passing_file(copy):
        with translated():
            await asyncio.to_thread(_copy, source, copy, tell)
            async with _read_only(copy) as connection:
                facts = await describe(connection)
                rows = await count_rows(connection)
        await asyncio.to_thread(_pack, copy, archive, tell)
        return archive.end(**facts, rows=rows)


def _copy(source: Path, copy: Path, tell: Progress) -> None:
    with (
        closing(_connect(source, "rw")) as reading,
        closing(_connect(copy, "rw")) as writing,
    ):
        reading.execute("PRAGMA query_only=ON")
        writing.execute("PRAGMA journal_mode=OFF")
        writing.execute("PRAGMA synchronous=OFF")
        # All pages of the moment of this read. Without it a write between two steps would make
        # SQLite begin anew, again and again while registers stream in.
        reading.execute("BEGIN")
        reading.execute("SELECT COUNT(*) FROM sqlite_master")
        (page_bytes,) = reading.execute("PRAGMA page_size").fetchone()

        def copied(_: int, remaining: int, total: int) -> None:
            # Half of the work: then the copy is packed.
            tell((total - remaining) * page_bytes, 2 * total * page_bytes)

        try:
            reading.backup(writing, pages=_PAGES_AT_ONCE, progress=copied)
        except sqlite3.Error as exc:
            if exc.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise ArchiveUnwritableError("the disk is full") from exc
            raise


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{_uri(path)}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)


def _uri(path: Path) -> str:
    return f"file:{quote(str(path.absolute()))}"


def _pack(copy: Path, archive: ArchiveWriter, tell: Progress) -> None:
    size = copy.stat().st_size
    with copy.open("rb") as file:
        while data := file.read(PART_BYTES):
            archive.add(_MEMBER, data)
            tell(size + archive.bytes_done, 2 * size)


@asynccontextmanager
async def _read_only(path: Path) -> AsyncIterator[AsyncConnection]:
    """Read a file that nobody writes, without leaving anything beside it."""
    options = {"mode": "ro", "immutable": "1", "uri": "true"}
    url = URL.create("sqlite+aiosqlite", database=_uri(path), query=options)
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def load(path: Path, archive: Archive, tell: Progress) -> None:
    """Make a store's file of what is in an archive; it is there once it was checked.

    Raises StoreNotEmptyError, ArchiveDamagedError, OSError if it cannot be made.
    """
    check_absent(path)
    with new_file(path) as file:

        def unpack() -> None:
            done = 0
            for data, packed_bytes in archive.parts(_MEMBER):
                file.write(data)
                done += packed_bytes
                tell(done, archive.packed_bytes())
            file.flush()

        await asyncio.to_thread(unpack)
        async with _read_only(Path(file.name)) as connection:
            facts = await describe(connection)
            rows = await count_rows(connection)
        manifest = archive.manifest
        found = (facts["revision"], facts["recorded_at"], rows)
        if found != (manifest.revision, manifest.recorded_at, manifest.rows):
            raise ArchiveDamagedError(_MEMBER)


def check_absent(path: Path) -> None:
    """Raise StoreNotEmptyError if there is a store, or anything that SQLite keeps beside it."""
    for beside in ("", *_BESIDE):
        if path.with_name(path.name + beside).exists():
            raise StoreNotEmptyError
