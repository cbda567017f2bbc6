"""How present ledgers are read for many callers."""

import asyncio
import struct
from collections.abc import Sequence
from typing import Any, cast

import pytest

from osms_storage.lookups import Lookups, Moment, Moments
from osms_storage.records import Feeds
from osms_storage.store import Store

FEW = 100
"""So many the reader of these tests reads without waiting."""
LEDGER = (1, 0, 0, 0, None, None, None)
DAMAGED = (1, 0, 0, 0, None, None, b"\x01")


class Reader:
    """Reads everybody's ledger, and notes how; many at a time take a while."""

    def __init__(self) -> None:
        self.reads: list[int] = []
        self.at_work = 0

    def read_now(self, iins: Sequence[int]) -> Any:
        """Return few people's ledgers."""
        assert not self.at_work, "two reads on one connection"
        if len(iins) > FEW:
            return None
        self.reads.append(len(iins))
        return 1, [(iin, *(DAMAGED if iin == 13 else LEDGER)) for iin in iins]

    async def read(self, iins: Sequence[int], _: int) -> Any:
        """Return any number of people's ledgers."""
        assert not self.at_work, "two reads on one connection"
        self.at_work += 1
        await asyncio.sleep(0.01)
        self.at_work -= 1
        self.reads.append(len(iins))
        return 1, [(iin, *LEDGER) for iin in iins]


def lookups_of(reader: Reader) -> Lookups:
    """Return lookups that read by this reader."""

    class Opened:
        def hot_reader(self) -> Reader:
            return reader

    moments = Moments(cast(Store, None))
    moments.newest = Moment(1, 1, Feeds())
    return Lookups(cast(Store, Opened()), moments)


async def test_callers_of_one_moment_share_a_read() -> None:
    """Fifty who come together cost one statement, and each finds the own people in it."""
    reader = Reader()
    lookups = lookups_of(reader)
    answers = await asyncio.gather(*(lookups.read([iin]) for iin in range(100, 150)))
    assert reader.reads == [50]
    assert all(ledgers.get(iin) for iin, (_, ledgers) in zip(range(100, 150), answers, strict=True))


async def test_who_comes_while_the_loop_turns_shares_the_read() -> None:
    """Calls of one moment are handed over one by one, some turns of the loop apart."""
    reader = Reader()
    lookups = lookups_of(reader)
    tasks = []
    for iin in range(100, 105):
        tasks.append(asyncio.create_task(lookups.read([iin])))
        for _ in range(3):
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert reader.reads == [5]


async def test_nobody_reads_while_a_read_is_under_way() -> None:
    """A small read that comes amid a large one waits: they have one connection."""
    lookups = lookups_of(Reader())
    large = asyncio.create_task(lookups.read(range(1_000, 1_000 + 2 * FEW)))
    await asyncio.sleep(0.005)
    moment, ledgers = await lookups.read([1])
    assert moment.revision == 1
    assert ledgers.get(1)
    await large


async def test_a_ledger_that_cannot_be_read_fails_its_own_caller_only() -> None:
    """Others who were read by the same statement are answered."""
    lookups = lookups_of(Reader())
    answers = await asyncio.gather(*(lookups.read([iin]) for iin in (12, 13, 14)))
    assert answers[0][1].get(12)
    assert answers[2][1].get(14)
    with pytest.raises(struct.error):
        answers[1][1].get(13)


async def test_a_caller_that_goes_away_holds_up_nobody() -> None:
    """The others of the group are answered, and it is not read for."""
    reader = Reader()
    lookups = lookups_of(reader)
    tasks = [asyncio.create_task(lookups.read([iin])) for iin in range(1, 4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    assert (await tasks[0])[1].get(1)
    assert (await tasks[2])[1].get(3)
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    assert reader.reads == [2]
