"""What was changed, removed or moved in the files of journals is found, and where."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osms_server.access.chain import CHANGED, MISSING, REORDERED, Chain, Finding, digest
from osms_server.access.chain_files import hold
from osms_server.access.folder_verification import FolderReport, verify_folder
from osms_server.access.frames import SECTOR_BYTES
from tests.unit.server.chains import WRITER, MemoryKeeper, frames_of, lay, sealed_records

RECORDS = sealed_records(6)
FRAMES = frames_of(RECORDS)
LARGE = frames_of(sealed_records(3, people=30))
"""Frames of several sectors."""
SINCE_START = MemoryKeeper()
"""A store that has nothing yet."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder for the one chain of an example; the next example takes its place."""
    with TemporaryDirectory() as name:
        yield Path(name)


def keeper_at(number: int) -> MemoryKeeper:
    """Return a store that has the first records."""
    return MemoryKeeper({WRITER: Chain(WRITER, number, digest(RECORDS[number - 1]))})


def finding(number: int, fault: "int") -> Finding:
    """Return a finding in the one chain."""
    return Finding(WRITER, number, fault)  # type: ignore[arg-type]  # enums are ints


async def faults(folder: Path, frames: Sequence[bytes]) -> FolderReport:
    """Return what is found in one file that holds these frames."""
    lay(folder, frames)
    return await verify_folder(folder, SINCE_START)


async def test_a_whole_chain_has_no_fault(folder: Path) -> None:
    """Chains and records are counted, and nothing is found."""
    assert await faults(folder, FRAMES) == FolderReport(1, 6, ())


@given(data=st.data())
async def test_a_changed_byte_is_found(folder: Path, data: st.DataObject) -> None:
    """Whichever byte is changed, the finding names its record."""
    frames = data.draw(st.sampled_from([FRAMES, LARGE]))
    number = data.draw(st.integers(1, len(frames)))
    changed = bytearray(frames[number - 1])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    report = await faults(folder, [*frames[: number - 1], bytes(changed), *frames[number:]])
    assert report.findings == (finding(number, CHANGED),)


@given(number=st.integers(1, len(FRAMES) - 1))
async def test_a_record_that_was_made_anew_is_found(folder: Path, number: int) -> None:
    """Who changes a record together with its check sums is betrayed by the next."""
    other = sealed_records(6, people=2)
    frames = frames_of([*RECORDS[: number - 1], other[number - 1], *RECORDS[number:]])
    assert finding(number, CHANGED) in (await faults(folder, frames)).findings


@given(gone=st.sets(st.integers(1, len(FRAMES) - 1), min_size=1))
async def test_removed_records_are_found(folder: Path, gone: set[int]) -> None:
    """Of each row of records that is gone, the finding names the first."""
    frames = [frame for number, frame in enumerate(FRAMES, 1) if number not in gone]
    first_ones = sorted(number for number in gone if number - 1 not in gone)
    report = await faults(folder, frames)
    assert report.findings == tuple(finding(number, MISSING) for number in first_ones)


@given(order=st.permutations(range(1, len(FRAMES) + 1)))
async def test_reordered_records_are_found(folder: Path, order: list[int]) -> None:
    """Nothing is missing; the first finding names the first record that is not in its place."""
    report = await faults(folder, [FRAMES[number - 1] for number in order])
    moved = [number for place, number in enumerate(order, 1) if number != place]
    assert {found.fault for found in report.findings} == ({REORDERED} if moved else set())
    assert [found.number for found in report.findings][:1] == sorted(moved)[:1]


@given(data=st.data())
async def test_what_is_missing_is_told_from_what_was_moved(
    folder: Path, data: st.DataObject
) -> None:
    """Also where some records were removed and others moved: a moved one is not missing."""
    numbers = range(1, len(FRAMES) + 1)
    there = data.draw(st.permutations(numbers))[: data.draw(st.integers(2, len(FRAMES)))]
    report = await faults(folder, [FRAMES[number - 1] for number in there])
    gone = {number for number in numbers if number < max(there) and number not in there}
    missing = [found.number for found in report.findings if found.fault == MISSING]
    assert missing == sorted(number for number in gone if number - 1 not in gone)
    assert {found.fault for found in report.findings} <= {MISSING, REORDERED}
    assert any(found.fault == REORDERED for found in report.findings) == (there != sorted(there))


async def test_records_that_changed_places_with_their_numbers_are_found(folder: Path) -> None:
    """A record says itself which it is, whatever the file says."""
    frames = frames_of([RECORDS[0], RECORDS[2], RECORDS[1], *RECORDS[3:]])
    report = await faults(folder, frames)
    assert report.findings[0] == finding(2, REORDERED)


@given(data=st.data())
async def test_a_torn_tail_is_no_fault(folder: Path, data: st.DataObject) -> None:
    """A last record that ends at any byte, or of which any sectors are lost, was never answered."""
    frames = data.draw(st.sampled_from([FRAMES, LARGE]))
    last = bytearray(frames[-1])
    if data.draw(st.booleans()):
        end = data.draw(st.integers(0, len(last) - 1))
        lay(folder, []).write_bytes(b"".join([*frames[:-1], last[:end]]))
    else:
        for sector in data.draw(st.sets(st.integers(0, len(last) // SECTOR_BYTES - 1), min_size=1)):
            last[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES] = bytes(SECTOR_BYTES)
        lay(folder, [*frames[:-1], bytes(last)])
    report = await verify_folder(folder, SINCE_START)
    assert report == FolderReport(1, len(frames) - 1, ())


async def test_a_torn_record_in_the_middle_is_a_fault(folder: Path) -> None:
    """Before a record is written the one before was durable."""
    blank = bytes(len(FRAMES[2]))
    report = await faults(folder, [*FRAMES[:2], blank, *FRAMES[3:]])
    assert report.findings == (finding(3, CHANGED),)


@given(cut=st.integers(2, 5), stored=st.integers(0, 6))
async def test_a_removed_file_is_found(cut: int, stored: int) -> None:
    """What the store does not have, and the folder neither, is missing."""
    with TemporaryDirectory() as name:
        lay(Path(name), FRAMES[cut:], first=cut + 1)
        keeper = keeper_at(stored) if stored else SINCE_START
        report = await verify_folder(Path(name), keeper)
        expected = (finding(stored + 1, MISSING),) if stored < cut else ()
        assert report == FolderReport(1, 6 - cut, expected)
        # Without the store nobody knows what it has.
        assert (await verify_folder(Path(name))).findings == ()


async def test_files_that_do_not_fit_the_store_are_found(tmp_path: Path) -> None:
    """A chain that was written anew as a whole is not the one whose head the store remembers."""
    lay(tmp_path, frames_of(sealed_records(6, people=2)))
    report = await verify_folder(tmp_path, keeper_at(4))
    assert report.findings == (finding(4, CHANGED),)


async def test_swapped_files_are_found(tmp_path: Path) -> None:
    """Files are read in the order of their names, and records in that of their numbers."""
    lay(tmp_path, FRAMES[:2], first=1)
    lay(tmp_path, FRAMES[4:], first=3)
    lay(tmp_path, FRAMES[2:4], first=5)
    report = await verify_folder(tmp_path, SINCE_START)
    assert report.findings == (finding(3, REORDERED),)


async def test_the_end_of_a_chain_that_is_being_written_is_let_be(tmp_path: Path) -> None:
    """While a writer is there, a last record that cannot be read may be half written."""
    half = bytearray(FRAMES[-1])
    half[100:] = bytes(len(half) - 100)
    lay(tmp_path, [*FRAMES[:-1], bytes(half)])
    lock = hold(tmp_path / WRITER)
    assert lock is not None
    assert (await verify_folder(tmp_path, SINCE_START)).findings == ()
    os.close(lock)
    report = await verify_folder(tmp_path, SINCE_START)
    assert report.findings == (finding(6, CHANGED),)
