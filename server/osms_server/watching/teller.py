"""The background part that finds out whose answers have changed, and writes it for the watchers.

It works step by step and gives way: it decides outside the store's lock, rests as long as it
worked, and waits while registers or syncs are committed. Several gateways may do it on one store.
"""

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta

from osms.values import almaty_date
from osms_server import logs
from osms_server.law import Law, Laws
from osms_server.watching.standings import UNKNOWN, Known, find
from osms_storage.changes import Change
from osms_storage.errors import StoreUnavailableError
from osms_storage.lookups import Moment
from osms_storage.pulse import read_pulse
from osms_storage.records import Feeds
from osms_storage.store import Store
from osms_storage.telling import (
    Standing,
    Work,
    begin_day,
    purge,
    read_work,
    write_step,
)

KEPT = timedelta(days=35)
"""How long what was told is kept for those who come back."""
WAITS_MAX_S = 30.0
"""How long it gives way to registers and syncs before it works beside them."""
DECIDED_AT_A_TIME = 50
"""How many people are decided before other calls get their turn."""
PURGES_EVERY_S = 60.0
RESTS_AFTER_ERROR_S = 2.0

_log = logs.logger(__name__)

Told = tuple[dict[int, Standing | None], list[Change]]
"""What a step writes: standings that are others now, and changes."""


class Teller:
    """Tells what changed in one store."""

    def __init__(self, store: Store, *, looks_every_s: float) -> None:
        self._store = store
        self._laws = Laws(store)
        self._looks_every_s = looks_every_s
        self._works_from = 0.0
        self._purges_at = 0.0

    async def run(self) -> None:
        """Tell until cancelled; a store that is away is waited for."""
        while True:
            try:
                rest_s = await self._turn()
            except StoreUnavailableError:
                rest_s = RESTS_AFTER_ERROR_S
            except Exception as exc:
                _log.error("teller", places=logs.places(exc))
                rest_s = RESTS_AFTER_ERROR_S
            await asyncio.sleep(rest_s)

    async def _turn(self) -> float:
        """Do the next thing there is to do; return how long to rest."""
        loop = asyncio.get_running_loop()
        begun_at = loop.time()
        async with self._store.deciding() as connection:
            pulse = await read_pulse(connection)
        if pulse.today < almaty_date(self._store.clock()):
            await self._store.finish(begin_day(self._store))
        elif pulse.idle:
            self._works_from = 0.0
            if begun_at >= self._purges_at:
                await self._purge(begun_at)
            # Apart from other gateways, lest two do the same step again and again.
            return self._looks_every_s * random.uniform(0.5, 1.5)
        elif self._gives_way(begun_at):
            return self._looks_every_s
        else:
            await self.step()
        return loop.time() - begun_at

    def _gives_way(self, now_s: float) -> bool:
        self._works_from = self._works_from or now_s + WAITS_MAX_S
        return self._store.busy and now_s < self._works_from

    async def _purge(self, now_s: float) -> None:
        work = purge(self._store, self._store.clock() - KEPT)
        if not await self._store.finish(work):
            self._purges_at = now_s + PURGES_EVERY_S

    async def step(self) -> bool:
        """Tell of the next people; False: another teller did meanwhile."""
        work = await self.read()
        standings, changes = await self.decide(work)
        return await self._store.finish(write_step(self._store, work, standings, changes))

    async def read(self) -> Work:
        """Return the next people to look at."""
        async with self._store.deciding() as connection:
            return await read_work(connection)

    async def decide(self, work: Work) -> Told:
        """Return what is to be written about the people of a step."""
        laws = await self._laws_of(work)
        standings: dict[int, Standing | None] = {}
        changes: list[Change] = []
        for position, iin in enumerate(work.people, 1):
            if position % DECIDED_AT_A_TIME == 0:
                await asyncio.sleep(0)
            told = work.standings.get(iin)
            try:
                standing, change = _judge(iin, work, laws)
            except Exception as exc:
                # A damaged ledger must not keep others waiting, whatever is wrong with it; it is
                # told of when it is mended.
                _log.error("ledger cannot be read", places=logs.places(exc))
                standing, change = told and told.without_end(), None
            if change is not None:
                changes.append(change)
            if standing != told:
                standings[iin] = standing
        return standings, changes

    async def _laws_of(self, work: Work) -> Mapping[int, Law]:
        """Return the newest law and those that these people were told of by."""
        numbers = {item.reference_revision for item in work.standings.values()}
        return {
            number: await self._laws.at(Moment(work.pulse.revision, number, Feeds()))
            for number in {*numbers, work.reference_revision}
        }


def _judge(iin: int, work: Work, laws: Mapping[int, Law]) -> tuple[Standing | None, Change | None]:
    """Return how a person stands now, and what is to be told of it."""
    told, ledger = work.standings.get(iin), work.ledgers.get(iin)
    law = laws[work.reference_revision]
    after = Known.of(ledger, law)
    if told is None:
        state, before = UNKNOWN, Known(None, law.parameters)
    else:
        state, old_law = told.state, laws[told.reference_revision]
        same = told.ledger == ledger and old_law is law
        before = after if same else Known.of(told.ledger, old_law)
    now = after.state(work.pulse.today)
    found = find(state, now, before, after, work.kinds.get(iin))
    change = None
    if found is not None:
        change = Change(iin, work.pulse.step + 1, work.pulse.revision, *found, state, now)
    standing = None
    if ledger is not None:
        standing = Standing(work.reference_revision, now, now.valid_through, ledger)
    return standing, change
