"""Who is answered now, who waits, and who is refused at once."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from osms_server.errors import Reason, RequestError
from osms_server.meter import Meter
from osms_server.settings import Settings

TURNS_GIVEN_MAX = 8
"""How many turns of the loop work on many people gives away, between two portions of it, while
single questions are under way."""

PAUSE_S, PAUSES_MAX = 0.001, 8
"""How long the transport gets, and how often, to hand over who has come. By the clock: turns of the
loop in a row would keep its thread from the core."""

CROWD = 64
"""From so many waiting calls on more may be in the transport whenever some are let in; ..."""
HEARS_EVERY_S = 0.5
"""... with fewer it is enough to see now and then."""

_Queues = OrderedDict[str, deque[asyncio.Future[None]]]


class Lane:
    """Lets so many calls work at a time; more of them wait, and yet more are refused.

    Those who wait are taken urgent ones first, and in turns by the connection they came on: one
    that sends without pause is held back by its own limit of streams, and holds up nobody else.
    For that all who have come must be known: where there may be many, those whom the transport
    still holds, first come first served, are handed over before anybody is taken.
    """

    def __init__(self, name: str, *, working_max: int, waiting_max: int) -> None:
        self._name = name
        self._working_max = working_max
        self._waiting_max = waiting_max
        self.working = 0
        """How many work now."""
        self._waiting = 0
        self._came = 0
        self._hears_at = 0.0
        self._left = asyncio.Event()
        self._queues: tuple[_Queues, _Queues] = (OrderedDict(), OrderedDict())
        self._usher: asyncio.Task[None] | None = None

    def enter_at_once(self) -> bool:
        """Begin to work, if nobody needs to wait; whoever entered has to leave."""
        if self._waiting or self.working >= self._working_max:
            return False
        self.working += 1
        return True

    async def enter(self, peer: str, *, urgent: bool = False) -> None:
        """Wait for a turn, and begin to work.

        Raises RequestError OVERLOADED at once if too many wait.
        """
        if self.enter_at_once():
            return
        self._came += 1
        if self._waiting >= self._waiting_max:
            raise _overloaded({"lane": self._name, "waiting_calls": str(self._waiting)})
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._queues[not urgent].setdefault(peer, deque())
        queue.append(turn)
        self._waiting += 1
        if self._usher is None:
            self._usher = asyncio.create_task(self._let_in())
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # it may have been passed over already
                    queue.remove(turn)
                self._waiting -= 1
            else:
                # The turn came in the same moment: somebody else takes it.
                self.leave()
            raise

    def leave(self) -> None:
        """End work."""
        self.working -= 1
        self._left.set()

    async def _let_in(self) -> None:
        try:
            while self._waiting:
                while self.working >= self._working_max:
                    self._left.clear()
                    await self._left.wait()
                await self._hear()
                while self.working < self._working_max and (turn := self._next()) is not None:
                    self.working += 1
                    self._waiting -= 1
                    turn.set_result(None)
        finally:
            self._usher = None

    async def _hear(self) -> None:
        """Let the transport hand over who has come, where there may be many of them."""
        loop = asyncio.get_running_loop()
        if self._waiting < CROWD and loop.time() < self._hears_at:
            return
        for _ in range(PAUSES_MAX):
            came = self._came
            await asyncio.sleep(PAUSE_S)
            if self._came == came:
                break
        if self._waiting < CROWD:
            self._hears_at = loop.time() + HEARS_EVERY_S

    def _next(self) -> "asyncio.Future[None] | None":
        """Return who waits longest on the connection whose turn it is; None: nobody waits."""
        for queues in self._queues:
            while queues:
                peer, queue = queues.popitem(last=False)
                while queue:
                    turn = queue.popleft()
                    if not turn.done():
                        if queue:
                            queues[peer] = queue
                        return turn
        return None

    @asynccontextmanager
    async def turn(self, peer: str) -> AsyncIterator[None]:
        """Enter, work, and leave."""
        await self.enter(peer)
        try:
            yield
        finally:
            self.leave()


class Gate:
    """Lets so many calls into the gateway at a time, streams that stay open included.

    A context manager: entering it raises RequestError OVERLOADED if there are too many.
    """

    def __init__(self, calls_max: int) -> None:
        self._calls_max = calls_max
        self._calls = 0

    def __enter__(self) -> None:
        if self._calls >= self._calls_max:
            raise _overloaded({"lane": "all", "open_calls": str(self._calls)})
        self._calls += 1

    def __exit__(self, *_: object) -> None:
        self._calls -= 1


def _overloaded(metadata: dict[str, str]) -> RequestError:
    return RequestError(
        Reason.ERROR_REASON_OVERLOADED,
        "Too many calls are here already; this says nothing about any person.",
        metadata,
    )


class Lanes:
    """The lanes of one gateway: desks do not stand in line with batches."""

    def __init__(self, settings: Settings) -> None:
        self.desk = Lane(
            "desk",
            working_max=settings.lookups_max,
            waiting_max=settings.lookups_waiting_max,
        )
        """Questions about one person."""
        self.bulk = Lane(
            "bulk", working_max=settings.bulk_max, waiting_max=settings.bulk_waiting_max
        )
        """Questions about many: each message of a stream takes a turn of its own."""
        self.meter = Meter(settings.workers)
        """How much each client may ask in them."""

    async def give_way(self) -> None:
        """Let others have turns of the loop amid bulk work, more of them while desks are served."""
        await asyncio.sleep(0)
        for _ in range(TURNS_GIVEN_MAX):
            if not self.desk.working:
                return
            await asyncio.sleep(0)
