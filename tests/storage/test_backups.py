"""Backups: a store at one moment in one file, and the same store again."""

import asyncio
import gzip
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from concurrent.futures import Future
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osms_storage.backups import Archive, Manifest, back_up, restore
from osms_storage.backups.archive import ArchiveWriter
from osms_storage.errors import (
    ArchiveDamagedError,
    ArchiveRefusedError,
    ArchiveUnwritableError,
    SchemaMismatchError,
    StoreNotEmptyError,
)
from osms_storage.migrations import expected_schema, migrate
from osms_storage.private_files import new_file
from osms_storage.store import Store
from tests.postgres import Postgres
from tests.storage.conftest import Copy
from tests.storage.fill import Contents, contents, fill

ROWS = 50


def ignore(done: int, total: int) -> None:
    """Be told how far it has come."""
    assert done <= total


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let archives have many parts."""
    for module in ("files", "tables"):
        monkeypatch.setattr(f"osms_storage.backups.{module}.PART_BYTES", 4_096)


@pytest.fixture
def empty(copy: Copy, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store of the same engine may be restored: nothing is there."""
    if request.node.callspec.params["copy"] == "sqlite":
        return str(tmp_path / "restored.db")
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(server.create())


def left(folder: Path, pattern: str) -> list[str]:
    """Return the names of files in a folder."""
    return sorted(path.name for path in folder.glob(pattern))


async def filled(store: str) -> Contents:
    """Fill a store; return what is in it."""
    async with Store(store) as opened:
        await fill(opened, ROWS)
        return await contents(opened)


async def backed_up(store: str, out: Path) -> Manifest:
    """Back a store up."""
    async with Store(store) as opened:
        return await back_up(opened, out, ignore)


async def restored(archive: Path, store: str) -> Contents:
    """Restore a store; return what is in it."""
    with Archive(archive) as opened:
        await restore(opened, store, ignore, ignore)
    async with Store(store) as made:
        return await contents(made)


@pytest.mark.usefixtures("small_parts")
async def test_what_is_restored_equals_what_was_backed_up(
    copy: Copy, empty: str, tmp_path: Path
) -> None:
    """Every row of every table is there again, nulls and empty texts and all."""
    store, out = copy(), tmp_path / "backup.tar"
    before = await filled(store)
    manifest = await backed_up(store, out)
    assert manifest.rows == {name: len(rows) for name, rows in before.items()}
    assert min(manifest.rows.values()) >= ROWS
    assert manifest.revision == max(row[0] for row in before["revision"])
    assert await restored(out, empty) == before
    assert left(tmp_path, "*.part*") == []


async def test_a_restored_store_takes_what_comes_next(
    copy: Copy, empty: str, tmp_path: Path
) -> None:
    """It is a store like any other: its next revision follows the last one of the backup."""
    out = tmp_path / "backup.tar"
    manifest = await backed_up(copy(), out)
    await restored(out, empty)
    async with Store(empty) as opened, opened.writing("TEST") as unit:
        await unit.open_batch("TEST")
    assert unit.revision == manifest.revision + 1


async def test_ordinary_programs_open_an_archive(copy: Copy, tmp_path: Path) -> None:
    """It is a tar of gzip parts, and the hashes of its manifest are those of its members."""
    out = tmp_path / "backup.tar"
    manifest = await backed_up(copy(), out)
    with tarfile.open(out, "r:") as tar:
        members = {member.name: tar.extractfile(member) for member in tar}
        found = {name: file.read() for name, file in members.items() if file is not None}
    told = json.loads(found["manifest.json"])
    assert (told["format"], told["schema"]) == (1, expected_schema())
    assert (
        found["manifest.json.sha256"].split()[0]
        == sha256(found["manifest.json"]).hexdigest().encode()
    )
    for name, hashes in manifest.parts.items():
        for number, digest in enumerate(hashes, 1):
            part = found[f"{name}/{number:06}.gz"]
            assert sha256(part).hexdigest() == digest
            assert gzip.decompress(part)


async def test_a_backup_is_of_one_moment(
    copy: Copy, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is committed after its first step is not in it, in whatever table it stands."""
    monkeypatch.setattr("osms_storage.backups.files._PAGES_AT_ONCE", 1)
    store, out = copy(), tmp_path / "backup.tar"
    before = await filled(store)
    loop = asyncio.get_running_loop()
    writes: list[Future[None]] = []

    async def write(opened: Store) -> None:
        async with opened.writing("TEST") as unit:
            await unit.open_batch("TEST")

    async with Store(store) as opened, Store(store) as writing:

        def tell(done: int, total: int) -> None:
            if len(writes) < 5:
                writes.append(asyncio.run_coroutine_threadsafe(write(writing), loop))
                if threading.current_thread() is not threading.main_thread():
                    writes[-1].result(10)

        await back_up(opened, out, tell)
        await asyncio.gather(*map(asyncio.wrap_future, writes))
    assert len(writes) == 5
    assert await restored(out, empty) == before


# --- refused -------------------------------------------------------------------------------------


async def test_no_file_is_overwritten(copy: Copy, tmp_path: Path) -> None:
    """What is there stays as it is."""
    out = tmp_path / "backup.tar"
    out.write_text("kept")
    with pytest.raises(FileExistsError, match=r"backup\.tar"):
        await backed_up(copy(), out)
    assert out.read_text() == "kept"


async def test_two_backups_do_not_write_one_file(sqlite_template: Path, tmp_path: Path) -> None:
    """The second one says that there is a first, and lets it go on."""
    out = tmp_path / "backup.tar"
    with new_file(out) as first:
        first.write(b"first")
        with pytest.raises(BlockingIOError, match="Another process"):
            await backed_up(str(sqlite_template), out)
    assert out.read_bytes() == b"first"


async def test_a_store_that_holds_something_is_not_restored_into(
    copy: Copy, tmp_path: Path
) -> None:
    """Not even the store of the backup itself; it stays as it was."""
    store, out = copy(), tmp_path / "backup.tar"
    before = await filled(store)
    await backed_up(store, out)
    with pytest.raises(StoreNotEmptyError):
        await restored(out, store)
    async with Store(store) as opened:
        assert await contents(opened) == before


async def test_a_database_of_others_is_not_restored_into(
    postgres: Postgres, postgres_template: str, tmp_path: Path
) -> None:
    """A table that is not the gateway's own is somebody's."""
    out = tmp_path / "backup.tar"
    await backed_up(postgres.url(postgres_template), out)
    name = postgres.create()
    postgres.sql("CREATE TABLE theirs (x int)", name)
    with pytest.raises(StoreNotEmptyError):
        await restored(out, postgres.url(name))
    assert postgres.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name) == "1\n"


async def test_a_migrated_database_without_rows_is_empty(
    postgres: Postgres, postgres_template: str, tmp_path: Path
) -> None:
    """A restore that was killed after it made its tables is run again."""
    out = tmp_path / "backup.tar"
    await backed_up(postgres.url(postgres_template), out)
    url = postgres.url(postgres.create())
    await migrate(url)
    assert (await restored(out, url))["revision"]


@pytest.mark.parametrize("beside", ["-wal", "-shm", "-journal"])
async def test_a_file_beside_which_sqlite_kept_something_is_not_made(
    sqlite_template: Path, tmp_path: Path, beside: str
) -> None:
    """SQLite would take the journal of a store that was deleted for this one's."""
    out = tmp_path / "backup.tar"
    await backed_up(str(sqlite_template), out)
    (tmp_path / f"restored.db{beside}").touch()
    with pytest.raises(StoreNotEmptyError):
        await restored(out, str(tmp_path / "restored.db"))


async def test_an_archive_of_another_engine_is_refused(
    postgres: Postgres, sqlite_template: Path, tmp_path: Path
) -> None:
    """Words say which engine it was made of."""
    out = tmp_path / "backup.tar"
    await backed_up(str(sqlite_template), out)
    with pytest.raises(ArchiveRefusedError, match="SQLite, and cannot be restored into PostgreSQL"):
        await restored(out, postgres.url(postgres.create()))


async def test_an_archive_of_another_schema_is_refused(
    copy: Copy, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words say which schema it has, and which one this release restores."""
    store, out = copy(), tmp_path / "backup.tar"
    await backed_up(store, out)
    monkeypatch.setattr("osms_storage.backups.transfer.expected_schema", lambda: "9999")
    with pytest.raises(ArchiveRefusedError, match=rf"{expected_schema()}.*9999"):
        await restored(out, empty)


async def test_a_store_of_another_schema_is_not_backed_up(copy: Copy, tmp_path: Path) -> None:
    """The release that knows it does that."""
    store, out = copy(), tmp_path / "backup.tar"
    async with Store(store) as opened, opened.writing("TEST") as unit:
        await unit.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaMismatchError, match="9999"):
        await backed_up(store, out)
    assert left(tmp_path, "backup*") == []


@pytest.mark.parametrize("text", [b"", b"hello", bytes(10_240)], ids=["empty", "text", "zeros"])
def test_what_is_no_archive_is_refused(tmp_path: Path, text: bytes) -> None:
    """A file of another kind is as good as a damaged one."""
    path = tmp_path / "other"
    path.write_bytes(text)
    with pytest.raises(ArchiveDamagedError):
        Archive(path)


@pytest.fixture(scope="module")
def archive(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The archive of a small store."""
    folder = tmp_path_factory.mktemp("archive")
    store = str(shutil.copy(sqlite_template, folder / "store.db"))
    asyncio.run(backed_up(store, folder / "backup.tar"))
    return (folder / "backup.tar").read_bytes()


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_archive_changes_nothing(
    archive: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    """A byte that changed or an end that is missing is found before anything is made."""
    place = data.draw(st.integers(0, len(archive) - 1))
    damage = data.draw(st.integers(0, 255))
    spoilt = archive[:place]
    if damage:
        spoilt += bytes([archive[place] ^ damage]) + archive[place + 1 :]
    path, target = tmp_path / "spoilt.tar", tmp_path / "restored.db"
    path.write_bytes(spoilt)
    try:
        asyncio.run(restored(path, str(target)))
    except ArchiveDamagedError:
        assert not list(tmp_path.glob("restored.db*"))
    else:
        # What a tar fills its blocks up with.
        assert archive[place:].strip(b"\0") == b"" or archive[place] == 0
        target.unlink()


async def test_what_is_damaged_after_it_was_verified_is_not_restored(
    copy: Copy, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every part is compared again as it is restored; nothing of the others stays."""
    store, out = copy(), tmp_path / "backup.tar"
    await filled(store)
    await backed_up(store, out)
    with tarfile.open(out, "r:") as tar:
        place = next(m for m in reversed(tar.getmembers()) if m.name.endswith(".gz")).offset_data
    spoilt = bytearray(out.read_bytes())
    spoilt[place + 12] ^= 1
    out.write_bytes(spoilt)
    monkeypatch.setattr(Archive, "verify", lambda *_: None)
    with pytest.raises(ArchiveDamagedError):
        await restored(out, empty)
    if empty.startswith("postgresql"):
        async with Store(empty) as opened:
            assert not any((await contents(opened)).values())
    else:
        assert left(tmp_path, "restored*") == []


# --- cut off -------------------------------------------------------------------------------------

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from osms_storage.backups import Archive, back_up, files, restore, tables
from osms_storage.private_files import new_file
from osms_storage.store import Store
what, store, archive, count = *sys.argv[1:4], int(sys.argv[4])
files.PART_BYTES = tables.PART_BYTES = 4_096
told = 0
def tell(done, total):
    global told
    told += 1
    if told == count:
        os.kill(os.getpid(), signal.SIGKILL)
async def run():
    if what == "backup":
        async with Store(store) as opened:
            await back_up(opened, Path(archive), tell)
    else:
        with Archive(Path(archive)) as opened:
            await restore(opened, store, lambda *_: None, tell)
asyncio.run(run())
"""


def killed(what: str, store: str, archive: Path, count: int) -> None:
    """Back up or restore in a process that is killed when it tells for the so-manieth time."""
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, what, store, str(archive), str(count)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def test_a_backup_that_is_killed_leaves_no_archive(copy: Copy, tmp_path: Path) -> None:
    """And the next one is written as if nothing had been, with nothing left of the first."""
    store, out = copy(), tmp_path / "backup.tar"
    asyncio.run(filled(store))
    killed("backup", store, out, 8)
    assert not out.exists()
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob("backup.tar*"))
    asyncio.run(backed_up(store, out))
    assert left(tmp_path, "backup.tar*") == ["backup.tar"]
    with Archive(out) as opened:
        opened.verify(ignore)


@pytest.mark.usefixtures("small_parts")
def test_a_restore_that_is_killed_leaves_no_store(copy: Copy, empty: str, tmp_path: Path) -> None:
    """Neither half a file nor a row in a database; run again it restores everything."""
    store, out = copy(), tmp_path / "backup.tar"
    before = asyncio.run(filled(store))
    asyncio.run(backed_up(store, out))
    killed("restore", empty, out, 20)
    assert not Path(empty).exists()
    assert asyncio.run(restored(out, empty)) == before


def test_a_disk_that_is_full_is_said_so() -> None:
    """The archive's disk is meant, not the store's."""
    with open("/dev/full", "wb", buffering=0) as full:
        archive = ArchiveWriter(full)
        with pytest.raises(ArchiveUnwritableError, match="No space left"):
            archive.add("payment", b"rows")
