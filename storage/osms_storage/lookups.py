"""Present ledgers, read for all callers that wait at the same moment by one statement."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from osms_storage.feeds import read_feeds
from osms_storage.ledgers import StoredLedger, decode
from osms_storage.records import Feeds, LedgerRow
from osms_storage.reference import newest_reference_revision
from osms_storage.store import Store

GROUP_PEOPLE_MAX = 2_000
"""How many people callers read by one statement together; one that asks for more reads alone."""
GROUP_CALLERS_MAX = 64
"""How many callers are waited for to share a statement, one turn of the loop after another."""
QUIET_TURNS = 8
"""After so many turns of the loop in which nobody came, some 10 microseconds each, nobody will."""
MOMENTS_KEPT_MAX = 8
LONE_READS = 16
"""How many are read at once, without looking whether others come, after one came alone."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What holds for everything read at one revision."""

    revision: int
    reference_revision: int
    feeds: Feeds


Answer = tuple[Moment, "Ledgers"]
_Rows = tuple[int, list[tuple[Any, ...]]]
_Caller = tuple[Sequence[int], int, "asyncio.Future[Answer]"]
"""Whom it asks about, at which revision at least, and who waits."""


class Ledgers:
    """Ledgers as they were read, by IIN; each is decoded when it is asked for.

    So ten thousand of them take no time at once, and one that cannot be read fails nobody else.
    """

    def __init__(self, stored: Mapping[int, StoredLedger]) -> None:
        self._stored = stored

    def get(self, iin: int) -> LedgerRow | None:
        """Return a person's ledger; None: the person has none."""
        stored = self._stored.get(iin)
        return None if stored is None else decode(*stored)


class Moments:
    """Keeps what holds at the newest revisions that were read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._moments: OrderedDict[int, asyncio.Task[Moment]] = OrderedDict()
        self.newest = Moment(-1, -1, Feeds())

    async def at(self, revision: int) -> Moment:
        """Return what holds at a revision; it is read once for all who ask for it."""
        task = self._moments.get(revision)
        if task is None or (task.done() and not _succeeded(task)):
            task = self._moments[revision] = asyncio.create_task(self._read(revision))
            # A standby may be read in turns with its leader: both are kept.
            if len(self._moments) > MOMENTS_KEPT_MAX:
                self._moments.popitem(last=False)
        return await asyncio.shield(task)

    async def _read(self, revision: int) -> Moment:
        # What was delivered up to a revision never changes, so it may be read afterwards.
        async with self._store.reading(at_least=revision) as connection:
            moment = Moment(
                revision,
                await newest_reference_revision(connection, revision),
                await read_feeds(connection, revision),
            )
        if revision > self.newest.revision:
            self.newest = moment
        return moment


def _succeeded(task: "asyncio.Task[Moment]") -> bool:
    return not task.cancelled() and task.exception() is None


class Lookups:
    """Reads the newest ledgers; a lone caller is served at once, many share a read."""

    def __init__(self, store: Store, moments: Moments) -> None:
        self._moments = moments
        self._hot = store.hot_reader()
        self._waiting: deque[_Caller] = deque()
        self._reader: asyncio.Task[None] | None = None
        self._lone_reads = 0

    async def read(self, iins: Sequence[int], at_least: int = 0) -> Answer:
        """Return the newest ledgers of these people, and of others that were read along.

        A standby that has not reached the revision ``at_least`` is passed over.

        Raises StoreUnavailableError.
        """
        if self._lone_reads and self._reader is None:
            self._lone_reads -= 1
            rows = self._hot.read_now(iins)
            if rows is not None:
                return await self._found(rows)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((iins, at_least, future))
        if self._reader is None:
            self._reader = asyncio.create_task(self._serve())
        return await future

    async def _serve(self) -> None:
        try:
            while self._waiting:
                if self._lone_reads:
                    self._lone_reads -= 1
                else:
                    await self._gather()
                group = self._next_group()
                if len(group) == 1 and not self._lone_reads:
                    self._lone_reads = LONE_READS
                try:
                    keys = [iin for iins, _, _ in group for iin in iins]
                    at_least = max((at_least for _, at_least, _ in group), default=0)
                    rows = self._hot.read_now(keys) or await self._hot.read(keys, at_least)
                    found = await self._found(rows)
                except Exception as exc:
                    for _, _, future in group:
                        if not future.done():
                            future.set_exception(exc)
                else:
                    for _, _, future in group:
                        if not future.done():
                            future.set_result(found)
        finally:
            self._reader = None

    async def _gather(self) -> None:
        """Let in who comes at the same moment: as long as the next turns of the loop bring more."""
        seen = quiet = 0
        while quiet < QUIET_TURNS and len(self._waiting) < GROUP_CALLERS_MAX:
            quiet = quiet + 1 if len(self._waiting) == seen else 0
            seen = len(self._waiting)
            await asyncio.sleep(0)

    def _next_group(self) -> list[_Caller]:
        """Take those who wait, but for whom went away, as long as one statement reads for them."""
        group: list[_Caller] = []
        people = 0
        while self._waiting:
            iins, _, future = self._waiting[0]
            if future.done():
                self._waiting.popleft()
                continue
            if group and people + len(iins) > GROUP_PEOPLE_MAX:
                break
            group.append(self._waiting.popleft())
            people += len(iins)
        return group

    async def _found(self, rows: _Rows) -> Answer:
        revision, ledgers = rows
        moment = self._moments.newest
        if revision != moment.revision:
            moment = await self._moments.at(revision)
        return moment, Ledgers({row[0]: row[1:] for row in ledgers})
