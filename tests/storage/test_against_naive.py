"""Histories recorded in a real store, answered at any knowledge time, against the naive twin."""

import asyncio
from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osms_server import answers
from osms_server.identity import acting_as
from osms_server.inquiry import Inquiry
from osms_server.law import Laws
from osms_storage.category_records import CategoryRecord
from osms_storage.payments import reverse_payments
from osms_storage.records import LineKey, ReversalLine, ReversalOutcome
from osms_storage.store import Store
from osms_storage.verification import verify_ledgers
from tests.callers import OPERATOR
from tests.storage.conftest import StoreFactory
from tests.storage.world import (
    JUSTICE,
    LABOUR,
    LAW,
    STATE_CORPORATION,
    MovableClock,
    category_id,
    delta,
    line,
    record_register,
    record_sync,
    register_of,
)
from tests.unit.rules.facts import Assignment, Facts, Kind, Payment, Reversal
from tests.unit.rules.ledgers import month_number, plain
from tests.unit.rules.naive import Life
from tests.unit.rules.strategies import days, known_times, lives

IIN = 900101390002


async def record(store: Store, clock: MovableClock, facts: Facts) -> None:
    """Write the facts of one person in the order in which they were recorded."""
    groups: tuple[tuple[Payment | Reversal | Assignment, ...], ...] = (
        facts.payments,
        facts.assignments,
        facts.reversals,
    )
    events = [
        (fact.recorded_at, kind, position, fact)
        for kind, group in enumerate(groups)
        for position, fact in enumerate(group)
    ]
    reversals = deltas = 0
    for recorded_at, _, position, fact in sorted(events, key=lambda event: event[:3]):
        clock.now = max(clock.now, recorded_at.astimezone(UTC))
        if isinstance(fact, Payment):
            purpose = 122 if fact.gives_cover else 124
            row = line(1, IIN, month_number(fact.period), fact.amount_tiyn, purpose)
            register = register_of(f"P{position}", fact.received_on, [row])
            await record_register(store, register)
        elif isinstance(fact, Assignment):
            deltas += 1
            await record_sync(store, delta(deltas, recorded_at.date()), [category_record(fact)])
        else:
            reversals += 1
            await reverse(store, fact, reversals)


def category_record(fact: Assignment) -> CategoryRecord:
    """Return an assignment as a sync brings it."""
    code = fact.category
    if fact.kind is Kind.DECEASED:
        code = "DECEASED-a"
    return CategoryRecord(
        IIN,
        LABOUR if fact.source == "labour" else JUSTICE,
        category_id(code),
        fact.assigned_on.toordinal(),
        fact.removed_on.toordinal() if fact.removed_on else None,
        LABOUR if fact.removed_on else None,
        None,
    )


async def reverse(store: Store, fact: Reversal, number: int) -> None:
    """Record a reversal."""
    key = LineKey(STATE_CORPORATION, f"P{fact.payment_no}", 1)
    row = ReversalLine(1, key, IIN, fact.amount_tiyn, 111, bytes(32))
    async with store.writing("REVERSAL") as unit:
        results = await reverse_payments(
            unit, STATE_CORPORATION, f"R{number}", date(2020, 1, 1), [row], LAW.policy
        )
    assert [result.outcome for result in results] == [ReversalOutcome.REVERSED]


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lives(), known_times(), st.lists(days(), min_size=1, max_size=4))
def test_a_recorded_history_answers_as_the_naive_twin_does(
    new_store: StoreFactory, facts: Facts, known_at: datetime, asked: list[date]
) -> None:
    """The present from the ledger, and the past replayed from facts, both equal the naive twin."""

    async def check() -> None:
        clock = MovableClock(datetime(2010, 1, 2, tzinfo=UTC))
        async with new_store(clock) as store:
            await record(store, clock, facts)
            # Facts of one instant are recorded a microsecond after each other.
            clock.now += timedelta(seconds=1)
            now = clock.now
            inquiry = Inquiry(store, Laws(store))
            present = await inquiry.view([IIN], None, now)
            past = await inquiry.view([IIN], min(known_at.astimezone(UTC), now), now)
            for day in asked:
                whole = Life(facts, now)
                assert plain(answers.decide(present, IIN, day)) == whole.answer(day)
                then = Life(facts, known_at)
                assert plain(answers.decide(past, IIN, day)) == then.answer(day)
            async for page in verify_ledgers(store, LAW.data, LAW.policy):
                assert page.wrong == ()

    with acting_as(OPERATOR):  # the twin knows who is exempt
        asyncio.run(check())
