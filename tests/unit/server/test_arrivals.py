"""Waiting for revisions."""

import asyncio
from typing import Any, cast

import pytest

from osms_server.arrivals import Arrivals
from osms_server.errors import Reason, RequestError
from osms_storage.errors import StoreUnavailableError
from osms_storage.lookups import Lookups, Moment
from osms_storage.records import Feeds


class Readings:
    """Lookups of a store that is as far as a test says; None: it is away."""

    def __init__(self, newest: int | None) -> None:
        self.newest = newest
        self.count = 0

    async def read(self, iins: object, at_least: int) -> tuple[Moment, dict[int, Any]]:
        """Return how far the store is."""
        self.count += 1
        if self.newest is None:
            raise StoreUnavailableError("away")
        return Moment(self.newest, 1, Feeds()), {}


def waiting_on(readings: Readings, stopping: asyncio.Event | None = None) -> Arrivals:
    """Return what waits on a store."""
    return Arrivals(cast(Lookups, readings), stopping or asyncio.Event())


async def test_all_who_wait_share_one_look() -> None:
    """A hundred callers cost as many reads as one, and each goes on when its revision is there."""
    readings = Readings(3)
    arrivals = waiting_on(readings)
    tasks = [asyncio.create_task(arrivals.wait(4 + number % 2, 5)) for number in range(100)]
    await asyncio.sleep(0.01)
    first = readings.count
    readings.newest = 4
    await asyncio.sleep(0.1)
    assert [task.done() for task in tasks[:2]] == [True, False]
    readings.newest = 5
    await asyncio.gather(*tasks)
    assert readings.count - first < 20


async def test_who_has_waited_long_enough_is_told_how_far_the_store_is() -> None:
    """Patience ends with an error that names both revisions."""
    with pytest.raises(RequestError) as caught:
        await waiting_on(Readings(3)).wait(4, 0.05)
    assert caught.value.reason == Reason.ERROR_REASON_REVISION_NOT_REACHED
    assert caught.value.metadata == {"revision": "3", "at_least_revision": "4"}


async def test_a_store_that_goes_away_ends_the_waiting() -> None:
    """Who waits learns at once that nothing will come, and later callers look anew."""
    readings = Readings(3)
    arrivals = waiting_on(readings)
    task = asyncio.create_task(arrivals.wait(4, 5))
    await asyncio.sleep(0.01)
    readings.newest = None
    with pytest.raises(StoreUnavailableError):
        await asyncio.wait_for(task, 2)
    readings.newest = 4
    await arrivals.wait(4, 1)


async def test_a_gateway_that_stops_says_so() -> None:
    """Nobody keeps a gateway from stopping by waiting for what will not come there."""
    stopping = asyncio.Event()
    task = asyncio.create_task(waiting_on(Readings(3), stopping).wait(4, 5))
    await asyncio.sleep(0.01)
    stopping.set()
    with pytest.raises(RequestError) as caught:
        await asyncio.wait_for(task, 2)
    assert caught.value.reason == Reason.ERROR_REASON_SHUTTING_DOWN
