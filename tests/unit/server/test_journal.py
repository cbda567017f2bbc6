"""The journal: nobody is answered before the entry is durable."""

import asyncio
import errno
import os
import resource
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from osms.v1 import access_record_pb2 as pb
from osms.v1 import core_pb2
from osms.v1.access_record_pb2 import ChainHead
from osms_server.access import chain_files, journal
from osms_server.access.chain_files import chains_in, files_of
from osms_server.access.entries import packed_access
from osms_server.access.folder_verification import verify_folder
from osms_server.access.journal import Journal
from osms_server.errors import Reason, RequestError
from tests.unit.server.chains import (
    CALLER,
    FIRST_IIN,
    MemoryKeeper,
    entry,
    people_in,
    records_in,
)

NOW = datetime(2026, 12, 5, tzinfo=UTC)


def opened(folder: Path) -> Journal:
    """Return a journal whose clock stands."""
    return Journal(folder, lambda: NOW, [ChainHead(writer="w", number=3, hash=b"h")])


async def write(log: Journal, *iins: int) -> None:
    """Write an entry about each of some people, as one caller."""
    await log.write(singles=[entry(iin) for iin in iins])


async def assert_refused(log: Journal, iin: int) -> None:
    """Check that a caller gets no answer."""
    with pytest.raises(RequestError) as caught:
        await write(log, iin)
    assert caught.value.reason == Reason.ERROR_REASON_ACCESS_LOG_UNAVAILABLE


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_files, "FILE_BYTES", 8 * 1024)


async def test_a_chain_begins_with_what_the_store_had_and_ends_as_it_should(
    tmp_path: Path,
) -> None:
    """The first record holds the heads of other chains, the last says that it is the last."""
    async with opened(tmp_path / "log") as log:
        await write(log, FIRST_IIN)
    first, second, third = records_in(tmp_path / "log")
    assert first.heads == [ChainHead(writer="w", number=3, hash=b"h")]
    assert people_in([second]) == [FIRST_IIN]
    assert third.last
    assert [record.written_at_us for record in (first, second, third)] == [
        int(NOW.timestamp() * 1e6)
    ] * 3


async def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    """Folders are closed to everybody else, also one that was open, and so are files."""
    (tmp_path / "log").mkdir(mode=0o755)
    async with opened(tmp_path / "log") as log:
        await write(log, FIRST_IIN)
    paths = [tmp_path / "log", *(tmp_path / "log").rglob("*")]
    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert modes == {True: 0o700, False: 0o600}


async def test_nobody_is_answered_before_the_sync_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller goes on only when its record is durable."""
    async with opened(tmp_path) as log:
        allowed, begun, sync = threading.Event(), threading.Event(), os.fdatasync

        def wait(descriptor: int) -> None:
            begun.set()
            assert allowed.wait(10)
            sync(descriptor)

        monkeypatch.setattr(os, "fdatasync", wait)
        task = asyncio.create_task(write(log, FIRST_IIN))
        assert await asyncio.to_thread(begun.wait, 10)
        durable = log.position.durable
        assert not task.done()
        allowed.set()
        await task
        assert log.position.durable == durable + 1


async def test_who_comes_during_a_write_shares_the_next(tmp_path: Path) -> None:
    """Callers of one moment share a record; those who come meanwhile share another."""
    async with opened(tmp_path) as log:
        begun, allowed, sync = threading.Event(), threading.Event(), os.fdatasync

        def wait(descriptor: int) -> None:
            begun.set()
            assert allowed.wait(10)
            sync(descriptor)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fdatasync", wait)
            first = [asyncio.create_task(write(log, FIRST_IIN + i)) for i in range(5)]
            assert await asyncio.to_thread(begun.wait, 10)
            later = [asyncio.create_task(write(log, FIRST_IIN + i)) for i in range(5, 50)]
            await asyncio.sleep(0)
            allowed.set()
            await asyncio.gather(*first, *later)
        await write(log, FIRST_IIN + 50)
    people = [people_in([record]) for record in records_in(tmp_path)]
    assert [len(group) for group in people] == [0, 5, 45, 1, 0]
    assert sorted(iin for group in people for iin in group) == list(
        range(FIRST_IIN, FIRST_IIN + 51)
    )


async def test_a_caller_that_goes_away_breaks_nobody(tmp_path: Path) -> None:
    """Callers cancelled while they wait, or while they are written, leave the others answered."""
    async with opened(tmp_path) as log:
        for _ in range(20):
            tasks = [asyncio.create_task(write(log, FIRST_IIN + i)) for i in range(20)]
            for task in tasks[::2]:
                await asyncio.sleep(0)
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(result is None for result in ended[1::2])
        tasks = [asyncio.create_task(write(log, FIRST_IIN)) for _ in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await write(log, FIRST_IIN + 99)
    assert (await verify_folder(tmp_path, MemoryKeeper())).findings == ()


def failing(code: int) -> Callable[..., int]:
    """Return a system call that fails."""

    def fail(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    return fail


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow to the size of one of the journal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * 1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def call_fails(name: str, code: int) -> Iterator[None]:
    """Let a system call fail."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, failing(code))
        yield


TROUBLES: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "sync": lambda: call_fails("fdatasync", errno.EIO),
    "write": lambda: call_fails("pwrite", errno.EIO),
    "full": full_disk,
    "read-only": lambda: call_fails("open", errno.EROFS),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_without_a_log_no_answer_leaves_and_later_all_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """Callers are refused while nothing can be written, and answered again once it can be."""
    monkeypatch.setattr(journal, "BEGINS_EVERY_S", 0.0)
    answered, refused = [], 0
    async with opened(tmp_path / "log") as log:
        await write(log, FIRST_IIN)
        with TROUBLES[trouble]():
            for iin in range(FIRST_IIN + 1, FIRST_IIN + 60):
                try:
                    await write(log, iin)
                except RequestError:
                    refused += 1
                else:  # where a file has room left yet
                    answered.append(iin)
        await write(log, FIRST_IIN + 60, FIRST_IIN + 61)
        assert refused > 20
    chains = chains_in(tmp_path / "log")
    assert len(chains) == 2  # what could not be begun has left nothing
    people = people_in(records_in(tmp_path / "log"))
    assert {FIRST_IIN, *answered, FIRST_IIN + 60, FIRST_IIN + 61} <= set(people)
    assert (await verify_folder(tmp_path / "log", MemoryKeeper())).findings == ()


async def test_after_an_error_a_new_chain_is_not_begun_at_every_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers are refused at once for a while, without a touch of the disk."""
    monkeypatch.setattr(journal, "BEGINS_EVERY_S", 60.0)
    async with opened(tmp_path) as log:
        with call_fails("fdatasync", errno.EIO):
            await assert_refused(log, FIRST_IIN)
        await assert_refused(log, FIRST_IIN)
        assert log.position == ("", 0)


async def test_a_folder_that_was_removed_is_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies in a file without a name is not counted as written; a new folder is made."""
    monkeypatch.setattr(journal, "BEGINS_EVERY_S", 0.0)
    async with opened(tmp_path / "log") as log:
        await write(log, FIRST_IIN)
        shutil.rmtree(tmp_path / "log")
        await assert_refused(log, FIRST_IIN + 1)
        await write(log, FIRST_IIN + 2)
    assert people_in(records_in(tmp_path / "log")) == [FIRST_IIN + 2]


async def test_a_gateway_without_a_log_does_not_start(tmp_path: Path) -> None:
    """A folder that cannot be made is an error at once."""
    (tmp_path / "log").write_text("")
    with pytest.raises(OSError, match="log"):
        async with opened(tmp_path / "log"):
            raise AssertionError


async def test_too_much_waiting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: beyond what may wait, a caller is refused at once, and others are not."""
    monkeypatch.setattr(journal, "WAITING_BYTES_MAX", 10 * journal.SINGLE_BYTES)
    async with opened(tmp_path) as log:
        tasks = [asyncio.create_task(write(log, FIRST_IIN + i)) for i in range(12)]
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, RequestError) for result in ended] == [False] * 10 + [True] * 2
        await write(log, *range(FIRST_IIN, FIRST_IIN + 20))  # alone, anything is taken


async def test_large_entries_have_records_and_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A roster larger than a file is written, and records stay about as large as they may be."""
    monkeypatch.setattr(journal, "RECORD_BYTES_MAX", 4 * journal.SINGLE_BYTES)
    people = list(range(FIRST_IIN, FIRST_IIN + 5_000))
    roster = packed_access(
        CALLER,
        pb.ACCESS_KIND_ROSTER_REPORT,
        people,
        [1] * 5_000,
        purpose=core_pb2.PURPOSE_ROSTER,
        answered_at_us=1,
        revision=1,
    )
    async with opened(tmp_path) as log:
        for number in range(9):  # more than half of a file, so that the next is made
            await write(log, FIRST_IIN + number)
        await asyncio.gather(
            *(write(log, FIRST_IIN + i) for i in range(8)), log.write(packed=[roster])
        )
        await log.write()
    records = records_in(tmp_path)[10:]
    assert [(len(r.singles), len(r.packed)) for r in records] == [(4, 0), (4, 0), (0, 1), (0, 0)]
    assert records[2].packed == [roster]
    assert len(files_of(chains_in(tmp_path)[0])) == 3
    assert (await verify_folder(tmp_path, MemoryKeeper())).findings == ()
