"""Reads of standbys, bounded in age by how far the leader was known to be."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from osms_storage.engines import Engine, HotReader
from osms_storage.errors import StoreUnavailableError
from osms_storage.schema import revision

PROBED_EVERY_S = 0.5
"""How often the leader is asked how far it is, at least."""
ANSWER_TIMEOUT_S = 2.0
"""After so long without a word a server is away, and another is asked."""
REOPENED_EVERY_S = 60.0
"""How soon a standby that came back is read again."""
NEWEST = 2**63
"""More than any revision: only the leader has it."""

_Rows = tuple[int, list[tuple[Any, ...]]]
_NEWEST = select(func.coalesce(func.max(revision.c.number), 0))


async def _asked(reader: HotReader, iins: Sequence[int]) -> _Rows:
    """Read, if the server is not silent; raise StoreUnavailableError if it is."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await reader.read(iins)
    except TimeoutError as exc:
        raise StoreUnavailableError("A server of the store keeps silent.") from exc


class Leader:
    """How far the leader is known to be, and whether it answers."""

    def __init__(self, reader: HotReader, age_max_s: float) -> None:
        self.reachable = True
        self._reader = reader
        self._age_max_s = age_max_s
        self._probed_at = 0.0
        self._probing = asyncio.Lock()
        self._due: deque[tuple[float, int]] = deque()
        """From which instant on a standby must have reached which revision; both ascend."""

    def floor(self) -> int:
        """Return the revision that a standby must have reached to be young enough.

        0 while there is no leader: then a standby answers as it is.
        """
        if not self.reachable:
            return 0
        now = asyncio.get_running_loop().time()
        if not self._due or now > self._probed_at + self._age_max_s:
            return NEWEST
        while len(self._due) > 1 and self._due[1][0] <= now:
            self._due.popleft()
        return self._due[0][1]

    async def watch(self) -> None:
        """Ask the leader again and again, without end."""
        while True:
            await self.probe()
            await asyncio.sleep(min(PROBED_EVERY_S, self._age_max_s / 2))

    async def probe(self) -> None:
        """Ask the leader how far it is; whatever goes wrong, it did not answer."""
        async with self._probing:  # one at a time: there is one connection for it
            began = asyncio.get_running_loop().time()
            try:
                number, _ = await _asked(self._reader, ())
            except Exception:
                self.reachable = False
            else:
                self.reachable = True
                self._note(began, number)

    def _note(self, began: float, number: int) -> None:
        if self._due and number < self._due[-1][1]:
            # A new leader that lacks what the old one told nobody else.
            self._due.clear()
        if not self._due:
            self._due.append((began, number))
        elif number > self._due[-1][1]:
            # What is new was committed after the probe before began.
            self._due.append((self._probed_at + self._age_max_s, number))
        self._probed_at = began


class Standbys:
    """Reads of a standby that is young enough, else of the leader; of any if there is no leader."""

    def __init__(
        self, engine: Engine, standby: AsyncEngine, leader: AsyncEngine, age_max_s: float
    ) -> None:
        self._engine = engine
        self._standby = standby
        self._leader = leader
        self._probe = engine.hot_reader(leader)
        self._known = Leader(self._probe, age_max_s)
        self._watch: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to watch the leader."""
        self._watch = asyncio.create_task(self._known.watch())

    async def close(self) -> None:
        """Stop watching, and close the connections to standbys; hot readers are closed."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        await self._probe.close()
        await self._standby.dispose()

    def hot_reader(self) -> "FreshReader":
        """Return a reader of present ledgers."""
        readers = self._engine.hot_reader(self._standby), self._engine.hot_reader(self._leader)
        return FreshReader(self._known, *readers)

    @asynccontextmanager
    async def reading(self, at_least: int, *, newest: bool) -> AsyncIterator[AsyncConnection]:
        """Read at one moment; see `Store.reading`."""
        sources = [(self._leader, False), (self._standby, False)]
        if not (newest and self._known.reachable):
            sources.insert(0, (self._standby, True))
        missed = StoreUnavailableError("There is no leader, and no standby has this revision.")
        for engine, bounded in sources:
            chosen = False
            try:
                with self._engine.translated():
                    async with (
                        asyncio.timeout(ANSWER_TIMEOUT_S) as patience,
                        engine.connect() as connection,
                    ):
                        # The first statement sets the moment of all.
                        number = await connection.scalar(_NEWEST) or 0
                        floor = self._known.floor() if bounded else 0
                        if engine is self._leader or number >= max(floor, at_least):
                            patience.reschedule(None)
                            chosen = True
                            yield connection
                            return
            except StoreUnavailableError as exc:
                if chosen:
                    raise
                missed = exc
        raise missed


class FreshReader:
    """Reads present ledgers of a standby, or of the leader where the standby is too old."""

    def __init__(self, known: Leader, standby: HotReader, leader: HotReader) -> None:
        self._known = known
        self._standby = standby
        self._leader = leader
        self._behind_until = 0.0
        self._reopened_at = 0.0

    async def read(self, iins: Sequence[int], at_least: int = 0, /) -> _Rows:
        """Return the newest revision, and IIN and LEDGER_COLUMNS of known people.

        The leader is asked also where a standby has not reached the revision ``at_least``.
        """
        now = asyncio.get_running_loop().time()
        if now > self._reopened_at + REOPENED_EVERY_S:
            self._reopened_at = now
            await self._standby.close()
        rows = None
        if now >= self._behind_until or not self._known.reachable:
            try:
                rows = await _asked(self._standby, iins)
            except StoreUnavailableError:
                pass  # it may just have gone, and others be there
            else:
                floor = self._known.floor()
                if rows[0] >= max(floor, at_least):
                    return rows
                if rows[0] < floor:
                    # Not to read everything twice until it has caught up.
                    self._behind_until = now + PROBED_EVERY_S
        if self._known.reachable:
            try:
                return await _asked(self._leader, iins)
            except StoreUnavailableError:
                # It may be back, and only the connection lost; or slow with so many people: then no
                # standby stands in for it.
                await self._known.probe()
                if self._known.reachable:
                    return await _asked(self._leader, iins)
        return rows or await _asked(self._standby, iins)

    def read_now(self, iins: Sequence[int]) -> None:
        """Return None: a server is always waited for."""

    async def close(self) -> None:
        """Give the connections back."""
        await self._standby.close()
        await self._leader.close()
