"""Reads what a question needs: ledgers, law and freshness, at the newest or a past revision."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from osms_server import rules
from osms_server.arrivals import Arrivals, not_reached
from osms_server.errors import Reason, RequestError
from osms_server.identity.callers import shown_everything
from osms_server.law import Law, Laws
from osms_storage.feeds import read_feeds
from osms_storage.ledgers import replay_ledgers
from osms_storage.lookups import Ledgers, Lookups, Moment, Moments
from osms_storage.records import LedgerRow
from osms_storage.reference import newest_reference_revision
from osms_storage.store import Store, newest_revision, recorded_at, revision_at

RECENT = timedelta(minutes=5)
"""Of so short a time ago a standby that may be read may not know all."""


@dataclass(frozen=True, slots=True)
class View:
    """What is known of some people at one revision."""

    law: Law
    moment: Moment
    known_revision: int | None
    """None: the newest, so that ledgers stand for all facts."""
    decided_at: datetime
    stale_sources: tuple[str, ...]
    ledgers: Ledgers | Mapping[int, LedgerRow]
    """Of these people, and of others that were read along."""
    shown_everything: bool
    """Whether who asks may be told restricted categories."""

    def ledger(self, iin: int) -> rules.Ledger | None:
        """Return what the rules may read of a person for who asks; None: nothing is known."""
        return self.law.ledger(self.ledgers.get(iin), shown_everything=self.shown_everything)


class Inquiry:
    """Answers "what is known of these people" for the present and for the past."""

    def __init__(self, store: Store, laws: Laws, stopping: asyncio.Event | None = None) -> None:
        self._store = store
        self._laws = laws
        moments = Moments(store)
        self._single = Lookups(store, moments)
        # A lane of its own: what reads thousands does not hold up a desk.
        self._bulk = Lookups(store, moments)
        self._arrivals = Arrivals(self._single, stopping or asyncio.Event())
        self._stale: tuple[str, ...] = ()
        self._fresh_at: Moment | None = None
        self._fresh_from = self._fresh_until = datetime.min.replace(tzinfo=UTC)

    async def reach(self, revision: int, patience_s: float) -> None:
        """Wait until the store has reached a revision; raise RequestError after ``patience_s``."""
        await self._arrivals.wait(revision, patience_s)

    async def view(
        self,
        iins: Sequence[int],
        known: datetime | int | None,
        now: datetime,
        *,
        bulk: bool = False,
        at_least_revision: int = 0,
    ) -> View:
        """Return what is known of these people; a person nothing is known of has no ledger.

        ``bulk`` reads on the lane of batches. ``at_least_revision`` was waited for by `reach`: a
        standby that lacks it is passed over.
        """
        if known is not None:
            return await self._past_view(iins, known, now)
        lookups = self._bulk if bulk else self._single
        moment, ledgers = await lookups.read(iins, at_least_revision)
        if moment.revision < at_least_revision:
            # It was reached, but where it was is away now.
            raise not_reached(moment.revision, at_least_revision)
        law = await self._laws.at(moment)
        # Not before the ledgers were read: known at this instant, they are the same.
        decided_at = self._store.clock()
        stale_sources = self._stale_sources(law, moment, decided_at)
        return View(law, moment, None, decided_at, stale_sources, ledgers, shown_everything())

    def _stale_sources(self, law: Law, moment: Moment, now: datetime) -> tuple[str, ...]:
        """Return the late sources; worked out anew only when a feed arrives or becomes late."""
        if self._fresh_at is not moment or not self._fresh_from <= now < self._fresh_until:
            self._fresh_at, self._fresh_from = moment, now
            self._stale = law.stale_sources(moment.feeds, now)
            self._fresh_until = law.next_stale(moment.feeds, now)
        return self._stale

    async def _past_view(self, iins: Sequence[int], known: datetime | int, now: datetime) -> View:
        if isinstance(known, int):
            reading = self._store.reading(at_least=known)
        else:
            reading = self._store.reading(newest=now - known < RECENT)
        async with reading as connection:
            if isinstance(known, int):
                newest, _ = await newest_revision(connection)
                if known > newest:
                    raise RequestError(
                        Reason.ERROR_REASON_KNOWN_AT_IN_FUTURE,
                        "The store has not reached this revision yet.",
                        {"now": now.isoformat(), "revision": str(newest)},
                    )
                revision, seen_from = known, await recorded_at(connection, known)
            else:
                revision, seen_from = await revision_at(connection, known), min(known, now)
            moment = Moment(
                revision,
                await newest_reference_revision(connection, revision),
                await read_feeds(connection, revision),
            )
            law = await self._laws.at(moment, connection)
            ledgers = await replay_ledgers(connection, iins, law.data, law.policy, revision)
        stale = law.stale_sources(moment.feeds, seen_from)
        return View(law, moment, revision, now, stale, ledgers, shown_everything())
