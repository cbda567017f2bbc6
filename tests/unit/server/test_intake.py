"""Streams that are read ahead and answered in order, together within one room."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest

from osms_server.intake import Room, in_order

ROOM = 10


async def weights(*items: int) -> AsyncIterator[int]:
    """Yield items that are their own weight."""
    for item in items:
        yield item


def weigh(item: int) -> int:
    """Return the weight of an item."""
    return item


async def test_results_come_in_the_order_of_the_items() -> None:
    """However long each takes."""

    async def work(item: int) -> int:
        await asyncio.sleep(0.001 * (5 - item))
        return item

    results = in_order(weights(1, 2, 3, 4), work, weigh=weigh, room=Room(ROOM))
    assert [result async for result in results] == [1, 2, 3, 4]


async def test_no_more_is_under_way_than_there_is_room_for() -> None:
    """Streams that share a room share its limit; a heavier item is alone."""
    room, under_way, most = Room(ROOM), 0, 0

    async def work(item: int) -> None:
        nonlocal under_way, most
        under_way += item
        most = max(most, under_way)
        assert under_way <= ROOM or under_way == item
        await asyncio.sleep(0)
        under_way -= item

    async def stream(*items: int) -> None:
        async for _ in in_order(weights(*items), work, weigh=weigh, room=room):
            pass

    await asyncio.gather(stream(3, 4, 5, 25, 1), stream(9, 1, 2, 8), stream(*[1] * 40))
    assert most == 25


async def test_a_heavy_item_enters_though_light_ones_go_on_coming() -> None:
    """Who came first enters first."""
    room = Room(ROOM)
    entered = asyncio.Event()

    async def endless() -> AsyncIterator[int]:
        for _ in count():
            yield 1

    async def work(item: int) -> None:
        if item > ROOM:
            entered.set()
        await asyncio.sleep(0)

    async def stream(items: AsyncIterator[int]) -> None:
        async for _ in in_order(items, work, weigh=weigh, room=room):
            pass

    light = [asyncio.create_task(stream(endless())) for _ in range(3)]
    await asyncio.sleep(0.01)
    heavy = asyncio.create_task(stream(weights(ROOM + 1)))
    async with asyncio.timeout(5):
        await entered.wait()
        await heavy
    for task in light:
        task.cancel()
    await asyncio.wait(light)


@pytest.mark.parametrize("moment", range(12))
async def test_a_caller_that_leaves_at_any_moment_gives_its_room_back(moment: int) -> None:
    """Also in the moment between reading an item and beginning to work on it."""
    room = Room(ROOM)

    async def work(item: int) -> None:
        await asyncio.sleep(0.01)

    async def stream() -> None:
        async for _ in in_order(weights(*[4] * 8), work, weigh=weigh, room=room):
            pass

    leaving = asyncio.create_task(stream())
    for _ in range(moment):
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    async with asyncio.timeout(5):
        await room.enter(ROOM + 1)
