"""Takes a store into an archive, and makes one of it again."""

import asyncio
from pathlib import Path

from sqlalchemy.engine import make_url

from osms_storage.backups import files, tables
from osms_storage.backups.archive import Archive, ArchiveWriter, Manifest, Progress
from osms_storage.errors import ArchiveRefusedError
from osms_storage.migrations import expected_schema
from osms_storage.private_files import new_file
from osms_storage.store import Store
from osms_storage.urls import store_file, store_url

_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


async def back_up(store: Store, out: Path, tell: Progress) -> Manifest:
    """Write all of a store as it is at one moment into a new file; return what is in it.

    Nobody is kept from writing meanwhile. The file is there once it is whole, for its owner alone;
    until then an SQLite store has a copy beside it.

    Raises SchemaMismatchError if the store is of another release, StoreUnavailableError,
    ArchiveUnwritableError, OSError if the file is there or cannot be made.
    """
    source = store_file(store.url)
    with new_file(out) as file:
        archive = ArchiveWriter(file)
        if source is None:
            return await tables.dump(store, archive, tell)
        return await files.dump(source, archive, out.with_name(f"{out.name}.part.db"), tell)


async def restore(archive: Archive, store: str, verified: Progress, restored: Progress) -> None:
    """Make the store, given as path or URL, that a backup was made of.

    The archive is read twice: nothing is written before all of it was found whole (``verified``
    hears how far), and the store is there only once its rows were counted (``restored``).

    Raises ArchiveRefusedError for another engine or schema, ArchiveDamagedError,
    StoreNotEmptyError, SchemaMismatchError for an empty database of another release,
    StoreUnavailableError, StoreFullError, OSError if a file cannot be made.
    """
    _check_fit(archive, store)
    path = store_file(store)
    if path is None:
        async with Store(store) as opened:
            await tables.check_empty(opened)
            await asyncio.to_thread(archive.verify, verified)
            await tables.load(opened, archive, restored)
    else:
        files.check_absent(path)
        await asyncio.to_thread(archive.verify, verified)
        await files.load(path, archive, restored)


def _check_fit(archive: Archive, store: str) -> None:
    manifest, engine = archive.manifest, make_url(store_url(store)).get_backend_name()
    if manifest.engine != engine:
        made, wanted = (_NAMES.get(name, name) for name in (manifest.engine, engine))
        raise ArchiveRefusedError(
            f"The archive was made of a store in {made}, and cannot be restored into {wanted}."
        )
    if manifest.schema != expected_schema():
        raise ArchiveRefusedError(
            f"The archive has schema {manifest.schema}, this release restores "
            f"{expected_schema()}: restore it by the release that made it, then `osms init` of "
            "this one brings the store up."
        )
