"""Work on a stream that is read ahead and answered in order."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

ITEMS_AHEAD_MAX = 256
"""How many items of one stream are worked on at a time, at most."""


class Room:
    """Lets so much weight in at a time, from all who share it, and a single heavier item alone."""

    def __init__(self, weight_max: int) -> None:
        self._weight_max = weight_max
        self._weight = 0
        self._freed = asyncio.Event()
        self._turn = asyncio.Lock()

    async def enter(self, weight: int) -> None:
        """Wait until there is room; who came first enters first, however heavy."""
        async with self._turn:
            while self._weight and self._weight + weight > self._weight_max:
                self._freed.clear()
                await self._freed.wait()
            self._weight += weight

    def leave(self, weight: int) -> None:
        """Give the room to those who wait."""
        self._weight -= weight
        self._freed.set()


async def in_order(
    items: AsyncIterator[Item],
    work: Callable[[Item], Coroutine[Any, Any, Result]],
    *,
    weigh: Callable[[Item], int],
    room: Room,
) -> AsyncGenerator[Result, None]:
    """Yield the result of each item in their order, while later ones are worked on.

    An error of an item, or of reading, comes after the results before it. What is under way when
    the caller goes away is cancelled.
    """
    under_way: asyncio.Queue[asyncio.Task[Result] | None] = asyncio.Queue(ITEMS_AHEAD_MAX)

    async def read_ahead() -> None:
        try:
            async for item in items:
                weight = weigh(item)
                await room.enter(weight)
                task = asyncio.create_task(work(item))
                # Not in the task: one that is cancelled before it begins leaves, too.
                task.add_done_callback(partial(_leave, room, weight))
                await under_way.put(task)
        finally:
            await under_way.put(None)

    reader = asyncio.create_task(read_ahead())
    try:
        while (task := await under_way.get()) is not None:
            yield await task
        await reader
    finally:
        reader.cancel()
        while not under_way.empty():
            left = under_way.get_nowait()
            if left is not None:
                left.cancel()


def _leave(room: Room, weight: int, task: "asyncio.Task[Any]") -> None:
    """Give room, and look at an error nobody may wait for, lest the loop print it whole."""
    room.leave(weight)
    if not task.cancelled():
        task.exception()
