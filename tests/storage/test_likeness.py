"""Who is exempt and for whom the state pays look alike to everybody but operators of the Fund."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from types import SimpleNamespace
from typing import Any, Protocol, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms.v1 import roster_service_pb2 as roster_pb
from osms.values import almaty_date, format_iin
from osms_server import answers
from osms_server.admission import Lanes
from osms_server.identity import Caller, Role, acting_as
from osms_server.law import Laws
from osms_server.receipts import Receipts
from osms_server.services import CategoryServicer, ConsumerServicer, RosterServicer
from osms_server.settings import Settings
from osms_storage.category_records import CategoryRecord
from osms_storage.payments import reverse_payments
from osms_storage.records import LineKey, ReversalLine
from osms_storage.rosters import RosterList, replace_members
from osms_storage.store import Store, newest_revision
from tests.callers import CLINIC, forgetful_recorder
from tests.storage.conftest import StoreFactory
from tests.storage.watcher import Watcher, inquiry_of, tell_all
from tests.storage.world import (
    JUSTICE,
    LABOUR,
    LAW,
    SERVICES,
    STATE_CORPORATION,
    MovableClock,
    category_id,
    delta,
    line,
    record_register,
    record_sync,
    register_of,
    snapshot,
)

EXEMPT, PAID_FOR = 900101390002, 900101390307
"""Two people whose lives differ in one thing."""
ROSTERS = {EXEMPT: "roster-e", PAID_FOR: "roster-p"}
TWINS = (
    ((SERVICES, 0), (LABOUR, 0)),
    ((LABOUR, category_id("EXEMPT-a")), (LABOUR, category_id("STATE_PAID-a"))),
    ((JUSTICE, category_id("EXEMPT-b")), (JUSTICE, category_id("STATE_PAID-b"))),
)
"""Categories, by source and code, that exempt the one, and those that pay for the other."""
SHARED = (
    (JUSTICE, category_id("STATE_PAID-a")),
    (LABOUR, category_id("ON_VISIT-a")),
    (LABOUR, category_id("NONE-a")),
    (LABOUR, category_id("DECEASED-a")),
)
"""Categories that both have."""
SCOPE = tuple(key for twins in TWINS[:2] for key in twins)
FIRST_DAY = date(2025, 6, 10)
LANGUAGES = (core_pb2.LANGUAGE_KK, core_pb2.LANGUAGE_RU, core_pb2.LANGUAGE_EN)
OUTSIDERS = [role for role in Role if role is not Role.FUND_OPERATOR]
PEER = cast(Any, SimpleNamespace(peer=lambda: "ipv4:127.0.0.1:1", time_remaining=lambda: None))

near_days = st.integers(-200, 400).map(lambda days: FIRST_DAY + timedelta(days=days))
asked_days = st.integers(-200, 365).map(lambda days: FIRST_DAY + timedelta(days=days))
callers = st.lists(st.sampled_from(OUTSIDERS), unique=True).map(
    lambda roles: replace(CLINIC, roles=frozenset(roles), sources=frozenset({"labour"}))
)


@st.composite
def records(draw: st.DrawFn) -> list[CategoryRecord]:
    """Return one record of each of the two: open, removed, empty, or a removal that waits."""
    keys = draw(st.sampled_from([*TWINS, *TWINS, *zip(SHARED, SHARED, strict=True)]))
    assigned = draw(near_days).toordinal()
    removed = draw(st.none() | near_days.map(date.toordinal))
    if removed is not None and draw(st.integers(0, 3)) == 0:
        assigned = -removed
    remover = None if removed is None else LABOUR
    return [
        CategoryRecord(iin, *key, assigned, removed, remover, None)
        for iin, key in zip((EXEMPT, PAID_FOR), keys, strict=True)
    ]


batches = st.lists(records(), min_size=1, max_size=3)
happenings = st.one_of(
    st.tuples(st.just("sync"), batches, near_days),
    st.tuples(st.just("sync"), batches, near_days),
    st.tuples(st.just("replace"), batches, near_days),
    st.tuples(st.just("pay"), st.integers(2024 * 12 + 6, 2026 * 12), st.integers(1, 13)),
    st.tuples(st.just("reverse"), st.integers(0, 50)),
    st.tuples(st.just("pass_time"), st.sampled_from([1, 16, 40, 100])),
)


class Lives:
    """Lets the same happen to both, at the same revisions."""

    def __init__(self, store: Store, clock: MovableClock) -> None:
        self.store = store
        self.clock = clock
        self.number = 0
        self.paid: list[list[ReversalLine]] = []

    async def sync(self, chosen: list[list[CategoryRecord]], as_of: date) -> None:
        """Apply a delta that speaks of both."""
        self.number += 1
        await record_sync(self.store, delta(self.number, as_of), list(chain(*chosen)))

    async def replace(self, chosen: list[list[CategoryRecord]], as_of: date) -> None:
        """Apply a snapshot, which closes what it does not contain."""
        inside = [item for item in chain(*chosen) if item[1:3] in SCOPE]
        await record_sync(self.store, snapshot(as_of, *SCOPE), inside)

    async def pay(self, first: int, months: int) -> None:
        """Let some months be paid for both, by one register."""
        self.number += 1
        lines = [
            line(2 * month + place, iin, first + month, 425_000)
            for month in range(months)
            for place, iin in enumerate((EXEMPT, PAID_FOR), 1)
        ]
        reference = f"P{self.number}"
        await record_register(self.store, register_of(reference, FIRST_DAY, lines))
        for pair in zip(lines[::2], lines[1::2], strict=True):
            keys = [LineKey(STATE_CORPORATION, reference, row.line_no) for row in pair]
            self.paid.append(
                [
                    ReversalLine(number, key, row.iin, 425_000, 111, bytes(32))
                    for number, (key, row) in enumerate(zip(keys, pair, strict=True), 1)
                ]
            )

    async def reverse(self, choice: int) -> None:
        """Take a month back from both."""
        if not self.paid:
            return
        self.number += 1
        rows = self.paid.pop(choice % len(self.paid))
        async with self.store.writing("REVERSAL") as unit:
            await reverse_payments(
                unit, STATE_CORPORATION, f"R{self.number}", FIRST_DAY, rows, LAW.policy
            )

    async def pass_time(self, days: int) -> None:
        """Let the clock go on."""
        self.clock.now += timedelta(days=days)


class _Shown(Protocol):
    def __str__(self) -> str: ...


def anonymous(message: _Shown, iin: int) -> str:
    """Return all that a message says, without whom it is about and what is named by chance."""
    text = str(message).replace(format_iin(iin), "IIN").replace(ROSTERS[iin], "ROSTER")
    return re.sub(r'(decision_id|line_no): ("[^"]*"|\d+)', "", text)


class Gateway:
    """The servicers of a gateway, called without a socket."""

    def __init__(self, store: Store) -> None:
        chosen = Settings()
        laws, lanes, inquiry = Laws(store), Lanes(chosen), inquiry_of(store)
        receipts, recorder = Receipts(None, inquiry, store.clock), forgetful_recorder()
        self.consumers = ConsumerServicer(store, laws, inquiry, lanes, chosen, receipts, recorder)
        self.categories = CategoryServicer(store, laws, inquiry, chosen, recorder, lanes.meter)
        self.rosters = RosterServicer(store, laws, inquiry, lanes, chosen, recorder)

    async def explain(self, iin: int, day: date) -> pb.ExplainConsumerResponse:
        """Return how an answer came about."""
        request = pb.ExplainConsumerRequest(
            iin=format_iin(iin), service_date=str(day), purpose=core_pb2.PURPOSE_RECEPTION
        )
        return await self.consumers.ExplainConsumer(request, PEER)

    async def assignments(self, iin: int, known: core_pb2.KnowledgeTime | None = None) -> Any:
        """Return a person's spans."""
        request = category_pb.ListAssignmentsRequest(iin=format_iin(iin), known=known)
        return await self.categories.ListAssignments(request, PEER)

    async def says(self, iin: int, day: date, revision: int) -> AsyncIterator[str]:
        """Yield everything that can be asked about a person, a day, and what was known then."""
        text, purpose = format_iin(iin), core_pb2.PURPOSE_RECEPTION
        for known in (None, core_pb2.KnowledgeTime(revision=revision)):
            shared: dict[str, Any] = {"service_date": str(day), "known": known, "purpose": purpose}
            for language in LANGUAGES if known is None else LANGUAGES[:1]:
                lookup = pb.LookupConsumerRequest(iin=text, language=language, **shared)
                yield anonymous(await self.consumers.LookupConsumer(lookup, PEER), iin)
                explain = pb.ExplainConsumerRequest(iin=text, language=language, **shared)
                yield anonymous(await self.consumers.ExplainConsumer(explain, PEER), iin)
            batch = pb.BatchLookupConsumersRequest(
                options=pb.LookupOptions(**shared), items=[pb.LookupItem(iin=text)]
            )
            yield anonymous(await self.consumers.BatchLookupConsumers(batch, PEER), iin)
            yield anonymous(await self.assignments(iin, known), iin)
        report = roster_pb.GetRosterReportRequest(roster=ROSTERS[iin], service_date=str(day))
        yield anonymous(await self.rosters.GetRosterReport(report, PEER), iin)
        page = roster_pb.ListRosterMembersRequest(roster=ROSTERS[iin], service_date=str(day))
        yield anonymous(await self.rosters.ListRosterMembers(page, PEER), iin)


async def attach(store: Store) -> None:
    """Put each of the two on a roster of their own."""
    for iin, code in ROSTERS.items():
        listed = RosterList(
            code, FIRST_DAY, {iin: (FIRST_DAY.toordinal(), None)}, (), owner=CLINIC.client
        )
        async with store.writing("ROSTER") as unit:
            await replace_members(unit.connection, None, listed, listed.content())


def told(watcher: Watcher, iin: int) -> list[str]:
    """Return all that a watcher was told of a person."""
    return [anonymous(item, iin) for item in watcher.changes if item.iin == format_iin(iin)]


@settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(happenings, min_size=1, max_size=6),
    callers,
    st.lists(asked_days, min_size=1, max_size=2),
    st.integers(0, 99),
)
def test_nobody_but_an_operator_tells_the_exempt_from_others(
    new_store: StoreFactory,
    chosen: list[tuple[Any, ...]],
    caller: Caller,
    days: list[date],
    past: int,
) -> None:
    """Two lives that differ in this alone give the same answers and events, byte for byte."""

    async def check() -> None:
        clock = MovableClock(datetime(2025, 6, 10, 12, tzinfo=UTC))
        async with new_store(clock) as store:
            await attach(store)
            lives, gateway = Lives(store, clock), Gateway(store)
            watcher = Watcher(store, (EXEMPT, PAID_FOR))
            await tell_all(store)
            await watcher.catch_up()
            for name, *arguments in chosen:
                await getattr(lives, name)(*arguments)
                await tell_all(store)
            async with store.reading() as connection:
                newest, _ = await newest_revision(connection)
            with acting_as(caller):
                for day in (almaty_date(clock.now), *days):
                    revision = 1 + past % newest
                    view = await inquiry_of(store).view((EXEMPT, PAID_FOR), None, clock.now)
                    decisions = [answers.decide(view, iin, day) for iin in (EXEMPT, PAID_FOR)]
                    # One object: nothing that is made of it can take longer for the one.
                    assert decisions[0] is decisions[1]
                    said = [
                        [text async for text in gateway.says(iin, day, revision)]
                        for iin in (EXEMPT, PAID_FOR)
                    ]
                    assert said[0] == said[1]
                await watcher.catch_up()
            assert told(watcher, EXEMPT) == told(watcher, PAID_FOR)

    asyncio.run(check())


async def test_an_operator_tells_the_exempt_from_others(new_store: StoreFactory) -> None:
    """In the grounds, the rule, the sentence and the assignments, whoever asked just before."""
    clock = MovableClock(datetime(2025, 6, 10, 12, tzinfo=UTC))
    async with new_store(clock) as store:
        lives, gateway = Lives(store, clock), Gateway(store)
        start = FIRST_DAY.toordinal()
        for keys in TWINS[1], (SHARED[1], SHARED[1]):
            pair = [
                CategoryRecord(iin, *key, start, None, None, None)
                for iin, key in zip((EXEMPT, PAID_FOR), keys, strict=True)
            ]
            await lives.sync([pair], FIRST_DAY)
        rules, texts = set(), set()
        for role, grounds in (
            (Role.MIS, ["BUDGET_PAID", "BUDGET_PAID"]),
            (Role.FUND_OPERATOR, ["EXEMPT", "STATE_PAID"]),
            (Role.CONSUMER_PORTAL, ["BUDGET_PAID", "BUDGET_PAID"]),
        ):
            with acting_as(replace(CLINIC, roles=frozenset({role}))):
                said = [await gateway.explain(iin, FIRST_DAY) for iin in (EXEMPT, PAID_FOR)]
                lists = [await gateway.assignments(iin) for iin in (EXEMPT, PAID_FOR)]
            first = [core_pb2.Ground.Name(item.eligibility.grounds[0]) for item in said]
            assert first == [f"GROUND_{ground}" for ground in grounds]
            rules |= {(item.rule.number, item.rule.text) for item in said}
            texts |= {item.eligibility.text for item in said}
            kinds = [
                {category_pb.AssignmentKind.Name(span.kind)[16:] for span in answer.assignments}
                for answer in lists
            ]
            assert kinds == [{ground, "ON_VISIT"} for ground in grounds]
            codes = [{span.category for span in answer.assignments} for answer in lists]
            sources = {span.source for answer in lists for span in answer.assignments}
            assert (
                codes
                == {
                    Role.MIS: [{""}] * 2,
                    Role.FUND_OPERATOR: [
                        {"EXEMPT-a", "ON_VISIT-a"},
                        {"STATE_PAID-a", "ON_VISIT-a"},
                    ],
                    Role.CONSUMER_PORTAL: [{"", "ON_VISIT-a"}] * 2,
                }[role]
            )
            assert sources == ({"labour"} if role is Role.FUND_OPERATOR else {""})
        assert sorted(number for number, _ in rules) == [5, 6, 6]
        assert len(texts) == 3


async def test_restricted_categories_are_listed_to_operators_alone(
    new_store: StoreFactory,
) -> None:
    """Not even their codes are told to others, nor to nobody in particular."""
    clock = MovableClock(datetime(2025, 6, 10, 12, tzinfo=UTC))
    async with new_store(clock) as store:
        gateway = Gateway(store)

        async def codes() -> set[str]:
            request = category_pb.ListCategoriesRequest()
            listed = await gateway.categories.ListCategories(request, PEER)
            return {item.code for item in listed.categories}

        outside = [await codes()]
        for role in OUTSIDERS:
            with acting_as(
                replace(CLINIC, roles=frozenset({role}), sources=frozenset({"services"}))
            ):
                outside.append(await codes())
        with acting_as(replace(CLINIC, roles=frozenset({Role.FUND_OPERATOR}))):
            whole = await codes()
        assert all(seen == whole - {"EXEMPT-a", "EXEMPT-b"} for seen in outside)


async def test_when_a_source_delivered_is_told_to_itself_and_to_who_runs_the_gateway(
    new_store: StoreFactory,
) -> None:
    """Who watches, and saw that all others were silent, would know where a change came from."""
    clock = MovableClock(datetime(2025, 6, 10, 12, tzinfo=UTC))
    async with new_store(clock) as store:
        await record_sync(store, delta(1, FIRST_DAY, LABOUR), [])
        await record_sync(store, delta(1, FIRST_DAY, SERVICES), [])
        gateway = Gateway(store)
        for roles, sources, seen in (
            ({Role.MIS, Role.CONSUMER_PORTAL, Role.AUDITOR}, set(), set()),
            ({Role.CATEGORY_SOURCE}, {"labour"}, {"labour"}),
            ({Role.CATEGORY_SOURCE}, {"services"}, {"services"}),
            ({Role.ADMIN}, set(), {"labour", "services"}),
            ({Role.FUND_OPERATOR}, set(), {"labour", "services"}),
        ):
            with acting_as(replace(CLINIC, roles=frozenset(roles), sources=frozenset(sources))):
                answer = await gateway.categories.ListSources(
                    category_pb.ListSourcesRequest(), PEER
                )
            feeds = [feed for feed in answer.feeds if feed.feed == core_pb2.FEED_KIND_CATEGORIES]
            assert {feed.source for feed in feeds if feed.HasField("last_applied_at")} == seen
            assert {feed.source for feed in feeds if feed.last_as_of} == seen
            numbered = {feed.source for feed in feeds if feed.next_delta_number}
            assert numbered == ({*sources} if sources else {f.source for f in feeds if seen})
            assert {feed.source for feed in feeds if not feed.stale} == {"labour", "services"}
