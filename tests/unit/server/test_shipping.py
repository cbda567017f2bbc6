"""Records on their way from the journals of processes to the store."""

import asyncio
import errno
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from osms_server.access import chain_files, chain_reader, shipping
from osms_server.access.chain import Chain
from osms_server.access.chain_files import SPARE, chains_in, files_of
from osms_server.access.folder_verification import verify_folder
from osms_server.access.journal import Journal
from osms_server.access.shipping import Shipper
from osms_server.errors import RequestError
from osms_storage.clock import system_clock
from osms_storage.errors import BrokenChainError, StoreUnavailableError
from tests.unit.server.chains import (
    FIRST_IIN,
    WRITER,
    MemoryKeeper,
    entry,
    frames_of,
    lay,
    sealed_records,
)

AWAY = StoreUnavailableError("away")


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_files, "FILE_BYTES", 2 * 1024)


async def write(log: Journal, first: int, count: int) -> list[int]:
    """Write records of one entry each; return whom they are about."""
    people = list(range(FIRST_IIN + first, FIRST_IIN + first + count))
    for iin in people:
        await log.write(singles=[entry(iin)])
    return people


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for knows no events
            await asyncio.sleep(0.001)


async def ship_all(shipper: Shipper) -> None:
    """Ship as long as there is more."""
    while await shipper.ship():
        pass


async def test_records_are_shipped_while_more_are_written(tmp_path: Path) -> None:
    """The store gets what is durable, in order; files go when it has all of them."""
    keeper = MemoryKeeper()
    async with Journal(tmp_path, system_clock) as log:
        shipper = Shipper(tmp_path, keeper, log)
        people = []
        for turn in range(5):
            people += await write(log, 20 * turn, 20)
            assert shipper.waiting == 20 + (turn == 0)
            await ship_all(shipper)
            assert keeper.people() == people
            assert shipper.waiting == 0
            files = files_of(tmp_path / log.position.writer)
            assert len([file for file in files if file.name != SPARE]) == 1
        assert keeper.ended == set()
        writer = log.position.writer
    # The journal ended as it should; what is left is its last record.
    await ship_all(shipper)
    await ship_all(shipper)
    assert keeper.ended == {writer}
    assert chains_in(tmp_path) == []


async def test_a_transaction_takes_only_so_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has gathered is kept in small parts, one after another without a rest."""
    records = sealed_records(40)
    monkeypatch.setattr(chain_reader, "READ_BYTES_MAX", len(records[1]) * 10)
    monkeypatch.setattr(shipping, "READ_BYTES_MAX", len(records[1]) * 10)
    lay(tmp_path, frames_of(records))
    keeper = MemoryKeeper()
    shipper = Shipper(tmp_path, keeper)
    shipped = []
    while await shipper.ship():
        shipped.append(keeper.chains[WRITER].number)
    assert len(shipped) >= 3
    assert all(0 < after - before <= 11 for before, after in pairwise([0, *shipped]))
    await ship_all(shipper)
    assert keeper.records[WRITER] == records


async def test_nothing_is_shipped_before_it_is_durable(tmp_path: Path) -> None:
    """What stands in a file beyond the last durable record is left there."""
    keeper = MemoryKeeper()
    async with Journal(tmp_path, system_clock) as log:
        await write(log, 0, 1)
        writer, durable = log.position
        log.position = log.position._replace(durable=durable - 1)
        shipper = Shipper(tmp_path, keeper, log)
        await ship_all(shipper)
        assert keeper.chains[writer].number == durable - 1


async def test_a_chain_is_shipped_by_its_process_alone_while_that_lives(tmp_path: Path) -> None:
    """Others leave it to its writer, and take it over afterwards."""
    keeper = MemoryKeeper()
    other = Shipper(tmp_path, keeper)
    async with Journal(tmp_path, system_clock) as log:
        people = await write(log, 0, 30)
        await ship_all(other)
        assert keeper.chains == {}
        assert other.waiting == 0
    await ship_all(other)
    await ship_all(other)
    assert keeper.people() == people
    assert chains_in(tmp_path) == []


async def test_a_chain_has_one_shipper(tmp_path: Path) -> None:
    """Of several processes one takes over what a dead one left; the store gets it once."""
    lay(tmp_path, frames_of(sealed_records(4)))
    first, second = MemoryKeeper(), MemoryKeeper()
    shipper, other = Shipper(tmp_path, first), Shipper(tmp_path, second)
    await shipper.ship()
    await other.ship()
    assert first.chains[WRITER].number == 4
    assert second.chains == {}
    # One that ends leaves it to the other.
    shipper.close()
    await other.ship()
    assert second.chains[WRITER].number == 4
    other.close()


@pytest.mark.parametrize("failures", [[AWAY] * n for n in (1, 2, 5)], ids=len)
async def test_a_store_that_was_away_gets_everything_once(
    tmp_path: Path, failures: list[Exception]
) -> None:
    """Whether it failed before or after it kept the records, it has each once afterwards."""
    keeper = MemoryKeeper()
    async with Journal(tmp_path, system_clock) as log:
        shipper = Shipper(tmp_path, keeper, log)
        people = await write(log, 0, 30)
        await shipper.ship()
        people += await write(log, 30, 30)
        keeper.errors = list(failures)
        while keeper.errors:
            with pytest.raises(StoreUnavailableError):
                await shipper.ship()
            people += await write(log, 100 * len(keeper.errors), 1)  # answers do not wait for it
            assert shipper.waiting > 0
        await ship_all(shipper)
        assert keeper.people() == people
        assert shipper.waiting == 0


async def test_a_store_that_is_away_at_the_start_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task goes on by itself, and says how much waits."""
    monkeypatch.setattr(shipping, "RESTS_AFTER_ERROR_S", 0.001)
    monkeypatch.setattr(shipping, "SHIPS_EVERY_S", 0.001)
    lay(tmp_path, frames_of(sealed_records(4)))
    keeper = MemoryKeeper(errors=[AWAY] * 10)
    shipper = Shipper(tmp_path, keeper)
    task = asyncio.create_task(shipper.run())
    await until(lambda: len(keeper.errors) < 10)
    assert shipper.waiting == 4
    await until(lambda: WRITER in keeper.ended and not chains_in(tmp_path))
    task.cancel()
    assert keeper.chains[WRITER].number == 4


@pytest.mark.parametrize("written", [0, 20, 512, 600])
async def test_what_a_crash_left_of_the_last_write_is_not_shipped(
    tmp_path: Path, written: int
) -> None:
    """What stands before it is, and then the files go: nobody was answered by it."""
    frames = frames_of(sealed_records(3, people=20))
    torn = frames[2][:written]
    if written % 512 == 0:  # sectors that were never written, in a file filled with zeros
        torn += bytes(len(frames[2]) - written)
    lay(tmp_path, []).write_bytes(b"".join([*frames[:2], torn]))
    keeper = MemoryKeeper()
    shipper = Shipper(tmp_path, keeper)
    for _ in range(3):
        await shipper.ship()
    assert keeper.chains[WRITER].number == 2
    assert chains_in(tmp_path) == []


async def test_a_damaged_chain_is_left_to_whoever_looks_into_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands before the fault is shipped, the files stay, and others are not held up."""
    frames = frames_of(sealed_records(4))
    broken = bytearray(frames[2])
    broken[60] ^= 1
    lay(tmp_path, [*frames[:2], bytes(broken), frames[3]])
    keeper = MemoryKeeper()
    async with Journal(tmp_path, system_clock) as log:
        shipper = Shipper(tmp_path, keeper, log)
        people = await write(log, 50, 30)
        for _ in range(20):
            await shipper.ship()
        assert set(people) <= set(keeper.people())
        assert keeper.chains[WRITER].number == 2
        assert shipper.waiting == 2
        shipper.close()
    assert len(files_of(tmp_path / WRITER)) == 1
    assert capsys.readouterr().out.count("not whole") == 1


@pytest.mark.parametrize("kept_files", [1, 2])
async def test_a_file_that_lost_its_number_in_a_crash_is_the_last(
    tmp_path: Path, kept_files: int
) -> None:
    """Its records are shipped after those of the files with numbers, or alone."""
    frames = frames_of(sealed_records(6))
    lay(tmp_path, frames[4:]).rename(tmp_path / WRITER / SPARE)
    keeper = MemoryKeeper()
    if kept_files == 2:
        lay(tmp_path, frames[:4])
    else:
        await kept(keeper, WRITER, sealed_records(4))
    assert (await verify_folder(tmp_path, keeper)).findings == ()
    shipper = Shipper(tmp_path, keeper)
    for _ in range(4):
        await shipper.ship()
    assert keeper.records[WRITER] == sealed_records(6)
    assert chains_in(tmp_path) == []


async def test_a_chain_the_store_knows_otherwise_is_damaged(tmp_path: Path) -> None:
    """Nothing is added behind a head that does not fit, nor behind a gap."""
    lay(tmp_path, frames_of(sealed_records(4, people=2)))
    lay(tmp_path, frames_of(sealed_records(4))[2:], first=3, writer="f" * 16)
    keeper = MemoryKeeper()
    chain = await kept(keeper, WRITER, sealed_records(2))
    shipper = Shipper(tmp_path, keeper)
    for _ in range(4):
        await shipper.ship()
    shipper.close()
    assert chain.number == 2
    assert set(keeper.chains) == {WRITER}
    assert len(chains_in(tmp_path)) == 2


async def kept(keeper: MemoryKeeper, writer: str, records: list[bytes]) -> Chain:
    """Let a store have records; return how far it has the chain."""
    await keeper.keep(writer, list(enumerate(records, 1)), ended=False)
    return keeper.chains[writer]


async def test_a_chain_that_does_not_fit_the_store_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told of once, its files stay, and it holds up no other."""
    keeper, records = MemoryKeeper(), sealed_records(3)
    lay(tmp_path, frames_of(records))

    async def refuse(writer: str, *_: object, **__: object) -> None:
        raise BrokenChainError(writer, 2, "another record")

    kept, keeper.keep = keeper.keep, refuse  # type: ignore[method-assign] # the store has others
    shipper = Shipper(tmp_path, keeper)
    await ship_all(shipper)
    keeper.keep = kept  # type: ignore[method-assign]
    async with Journal(tmp_path, system_clock) as log:
        people = await write(log, 10, 1)
    for _ in range(3):  # what there is, its end, and once more
        await ship_all(shipper)
    assert keeper.people() == people
    assert [path.name for path in chains_in(tmp_path)] == [WRITER]
    assert capsys.readouterr().out.count("does not fit the store") == 1


async def test_one_chain_that_cannot_be_kept_holds_up_no_other(tmp_path: Path) -> None:
    """A defect met with one chain is raised only after the others had their turn."""
    lay(tmp_path, frames_of(sealed_records(2)), writer="0" * 16)
    other = frames_of(sealed_records(2))
    lay(tmp_path, other)
    keeper = MemoryKeeper()
    shipper = Shipper(tmp_path, keeper)
    keeper.errors = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        await shipper.ship()
    assert keeper.chains[WRITER].number == 2
    shipper.close()


async def test_what_a_crash_left_before_the_first_record_is_swept_away(tmp_path: Path) -> None:
    """Folders and files without a record hold nothing anybody was answered by."""
    (tmp_path / ("a" * 16)).mkdir()
    lay(tmp_path, [], writer="b" * 16)
    (tmp_path / "not a chain").mkdir()
    keeper = MemoryKeeper()
    await ship_all(Shipper(tmp_path, keeper))
    assert os.listdir(tmp_path) == ["not a chain"]
    assert keeper.ended == set()


async def test_after_an_error_the_journal_goes_on_and_both_chains_are_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain that ended is taken over by the same process."""
    monkeypatch.setattr("osms_server.access.journal.BEGINS_EVERY_S", 0.0)
    keeper = MemoryKeeper()
    async with Journal(tmp_path, system_clock) as log:
        shipper = Shipper(tmp_path, keeper, log)
        people = await write(log, 0, 5)
        await shipper.ship()
        before = log.position.writer
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", failing_sync)
            with pytest.raises(RequestError):
                await write(log, 100, 1)
        people += await write(log, 5, 5)
        await ship_all(shipper)
        await ship_all(shipper)
        assert keeper.ended == {before}
        await ship_all(shipper)
    # An entry that nobody was answered by may be there; it does no harm.
    assert [iin for iin in keeper.people() if iin != FIRST_IIN + 100] == people


def failing_sync(_: int) -> None:
    """Fail, as on a disk that is broken."""
    raise OSError(errno.EIO, "broken")
