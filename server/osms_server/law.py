"""What the law and the reference data say at a revision of the store."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from osms.values import almaty_date
from osms_server import rules
from osms_server.fields import Window
from osms_storage.lookups import Moment
from osms_storage.projection import CoverPolicy
from osms_storage.records import Feed, Feeds, LedgerRow, LedgerSpan
from osms_storage.reference import ReferenceData, load_reference, newest_reference_revision
from osms_storage.store import Store, newest_revision

LAW_AGE_MAX_S = 1.0
"""How soon `osms init` takes effect in a gateway that serves."""
LAWS_KEPT_MAX = 16
"""How many past states of the reference data stay in memory."""


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed of a source and whether it is late."""

    source: str
    kind: str
    """REGISTERS or CATEGORIES."""
    feed: Feed | None
    stale_after_hours: int
    late_from: datetime | None
    """The instant from which it is late; None: it never delivered."""
    seen_at: datetime

    @property
    def stale(self) -> bool:
        """Whether it is late; a feed that never delivered is."""
        return self.late_from is None or self.seen_at >= self.late_from


class _Kinds(dict[tuple[int, int], rules.SpanKind]):
    """What assignments give, by source and category; blurred: EXEMPT reads as STATE_PAID."""

    def __init__(self, data: ReferenceData, *, blurred: bool) -> None:
        super().__init__()
        self._data = data
        self._blurred = blurred

    def __missing__(self, key: tuple[int, int]) -> rules.SpanKind:
        kind = rules.SpanKind(self._data.kind(*key))
        if self._blurred and kind is rules.SpanKind.EXEMPT:
            kind = rules.SpanKind.STATE_PAID
        self[key] = kind
        return kind


class Law:
    """Reference data and parameters as known at one revision."""

    def __init__(self, data: ReferenceData) -> None:
        self.data = data
        self.parameters = rules.Parameters.from_documents(data.documents.get("parameter", {}))
        self.policy = CoverPolicy(data.covering, self.parameters.minimum_tiyn)
        self._window: Window | None = None
        self._kinds = {blurred: _Kinds(data, blurred=blurred) for blurred in (True, False)}
        self._in_force = {
            category.id: (category.valid_from, category.valid_until)
            for category in data.categories.values()
            if category.valid_from is not None or category.valid_until is not None
        }

    def window(self, today: date) -> Window:
        """Return the days that may be asked about on a day."""
        if self._window is None or self._window.today != today:
            self._window = Window(today, *self.parameters.window(today))
        return self._window

    def ledger(
        self, row: LedgerRow | None, *, shown_everything: bool = False
    ) -> rules.Ledger | None:
        """Return what the rules read of a person.

        Unless everything may be shown, who is exempt reads as one for whom the state pays. What is
        made of the ledger then cannot tell them apart: no text, no count, and not how long it took.
        """
        if row is None:
            return None
        kinds = self._kinds[not shown_everything]
        return rules.Ledger(
            paid=row.paid,
            advance=row.advance,
            spans=tuple([self._span(span, kinds) for span in row.spans]),
            died_on=None if row.died_on is None else date.fromordinal(row.died_on),
        )

    def _span(self, span: LedgerSpan, kinds: "_Kinds") -> rules.Span:
        """Return an assignment on the days on which its category is in force."""
        source_id, category_id, assigned_on, removed_on = span
        start = date.fromordinal(assigned_on)
        end = date.fromordinal(removed_on) if removed_on else None
        if category_id in self._in_force:
            valid_from, valid_until = self._in_force[category_id]
            start = max(start, valid_from or start)
            if valid_until is not None:
                end = min(end or valid_until, valid_until)
        return rules.Span(kinds[source_id, category_id], start, end)

    def feed_states(self, feeds: Feeds, now: datetime) -> list[FeedState]:
        """Return every feed with its freshness, by source and kind; never delivered is late."""
        values = self.parameters.at(max(almaty_date(now), self.parameters.first_day))
        hours = {
            "REGISTERS": values.stale_after_hours_registers,
            "CATEGORIES": values.stale_after_hours_categories,
        }
        states = []
        for code, source in sorted(self.data.sources.items()):
            for kind in sorted(source.feeds):
                delivered = feeds.registers if kind == "REGISTERS" else feeds.categories
                feed = delivered.get(source.id)
                limit = hours[kind]
                late_from = None
                if feed is not None and feed.applied_at is not None:
                    late_from = feed.applied_at + timedelta(hours=limit)
                states.append(FeedState(code, kind, feed, limit, late_from, now))
        return states

    def next_stale(self, feeds: Feeds, now: datetime) -> datetime:
        """Return the next instant at which a feed that is fresh becomes late."""
        states = self.feed_states(feeds, now)
        return min(
            (s.late_from for s in states if s.late_from is not None and not s.stale),
            default=datetime.max.replace(tzinfo=UTC),
        )

    def stale_sources(self, feeds: Feeds, now: datetime) -> tuple[str, ...]:
        """Return the codes of sources with a late feed, sorted."""
        return tuple(sorted({s.source for s in self.feed_states(feeds, now) if s.stale}))


class Laws:
    """Keeps the law of recent reference revisions in memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._laws: dict[int, Law] = {}
        self._newest: Law | None = None
        self._looked_at = 0.0
        self._looking: asyncio.Task[Law] | None = None

    async def at(self, moment: Moment, connection: AsyncConnection | None = None) -> Law:
        """Return the law of a moment; read by the connection the caller holds, if it holds one."""
        number = moment.reference_revision
        if number not in self._laws:
            if connection is None:
                async with self._store.reading(at_least=number) as own:
                    return await self._load(own, number)
            return await self._load(connection, number)
        return self._laws[number]

    async def newest(self) -> Law:
        """Return the law of the newest reference data, at most a moment old."""
        now = asyncio.get_running_loop().time()
        if self._newest is not None and now < self._looked_at + LAW_AGE_MAX_S:
            return self._newest
        if self._looking is None:
            # Once for all who wait, and to its end if one of them goes away.
            self._looking = asyncio.create_task(self._look(now))
            # Looked at, lest the loop print an error that nobody waits for any more.
            self._looking.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._looking)

    async def window(self, now: datetime) -> Window:
        """Return today in Almaty, and the days that may be asked about now."""
        return (await self.newest()).window(almaty_date(now))

    async def _look(self, now: float) -> Law:
        try:
            self._newest = await self.refresh()
            self._looked_at = now
            return self._newest
        finally:
            self._looking = None

    async def refresh(self) -> Law:
        """Return the law of the newest reference data in the store."""
        async with self._store.reading() as connection:
            revision, _ = await newest_revision(connection)
            number = await newest_reference_revision(connection, revision)
            return self._laws.get(number) or await self._load(connection, number)

    async def _load(self, connection: AsyncConnection, number: int) -> Law:
        law = Law(await load_reference(connection, number))
        self._laws[number] = law
        if len(self._laws) > LAWS_KEPT_MAX:
            # Past law is read again when it is asked for again.
            kept = (number, max(self._laws))
            self._laws.pop(next(other for other in self._laws if other not in kept))
        return law
