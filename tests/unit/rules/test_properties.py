"""What must hold of the rules' decisions for every life, whatever they are."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given

from osms_server import rules
from tests.unit.rules import ledgers, strategies
from tests.unit.rules.facts import Assignment, Facts, Kind, Payment, noon, shift
from tests.unit.rules.strategies import DAY, FAR_FUTURE

COVERED = (rules.Status.INSURED, rules.Status.INSURED_RETENTION)
RULE_ORDER = list(rules.Ground)
ALONE = {rules.Ground.DECEASED, rules.Ground.NO_CONTRIBUTIONS, rules.Ground.ARREARS}


def ledger_of(facts: Facts) -> rules.Ledger | None:
    """Return the ledger of everything recorded."""
    return ledgers.ledger_at(facts, FAR_FUTURE)


def decide(ledger: rules.Ledger | None, day: date) -> rules.Decision:
    """Return the decision under the bundled parameters."""
    return rules.decide(ledger, day, ledgers.PARAMETERS)


def turning_days(facts: Facts) -> Iterator[date]:
    """Return the days on which cover may begin or end: firsts of months, edges of spans and law."""
    for index in range(12 * 11):
        yield shift(strategies.FIRST_DAY, index)
    yield from strategies.PARAMETER_DAYS
    for assignment in facts.assignments:
        for edge in (assignment.assigned_on, assignment.removed_on):
            if edge is not None:
                yield from (edge - DAY, edge, edge + DAY)


def assert_no_cover_lost(before: Facts, after: Facts) -> None:
    """Fail if a day is covered by the facts before, but not by those after."""
    less, more = ledger_of(before), ledger_of(after)
    for day in turning_days(after):
        if day >= strategies.FIRST_DAY and decide(less, day).status in COVERED:
            assert decide(more, day).status in COVERED, day


@given(strategies.lives(), strategies.runs())
def test_added_payments_never_take_cover_away(facts: Facts, added: list[Payment]) -> None:
    """Whoever pays more is covered on at least the same days."""
    assert_no_cover_lost(facts, replace(facts, payments=(*facts.payments, *added)))


@given(strategies.lives(), strategies.spans((Kind.STATE_PAID, Kind.EXEMPT, Kind.ON_VISIT)))
def test_an_added_span_never_takes_cover_away(facts: Facts, added: Assignment) -> None:
    """Whoever gets one more category is covered on at least the same days."""
    added = replace(added, category="one more")
    assert_no_cover_lost(facts, replace(facts, assignments=(*facts.assignments, added)))


@given(strategies.lives(), strategies.days())
def test_valid_through_is_the_last_day_of_the_status(facts: Facts, day: date) -> None:
    """The status holds up to that day and not on the next."""
    ledger = ledger_of(facts)
    decision = decide(ledger, day)
    last = decision.valid_through
    if last is None:
        for years in (0, 1, 2, 5, 10, 50):
            for days in (1, 31, 200):
                probe = max(day, strategies.LAST_DAY) + timedelta(days=366 * years + days)
                assert decide(ledger, probe).status is decision.status
        return
    assert last >= day
    assert decide(ledger, last).status is decision.status
    assert decide(ledger, last).valid_through == last
    assert decide(ledger, last + DAY).status is not decision.status
    middle = day + (last - day) // 2
    assert decide(ledger, middle).status is decision.status
    assert decide(ledger, middle).valid_through == last


@given(strategies.lives(), strategies.days())
def test_covered_through_is_the_last_day_of_cover(facts: Facts, day: date) -> None:
    """Cover, with or without overdue months, holds up to that day and not on the next."""
    ledger = ledger_of(facts)
    decision = decide(ledger, day)
    last = decision.covered_through
    if decision.status not in COVERED:
        assert last is None
    elif last is None:
        assert decide(ledger, date(2100, 1, 1)).status in COVERED
    else:
        assert decision.valid_through is not None
        assert decision.valid_through <= last
        assert decide(ledger, last).status in COVERED
        assert decide(ledger, last + DAY).status not in COVERED


@given(strategies.lives(), strategies.days())
def test_grounds_stand_in_the_order_of_the_rules(facts: Facts, day: date) -> None:
    """Each ground is listed once, in order, and those of no cover stand alone."""
    grounds = decide(ledger_of(facts), day).grounds
    order = [RULE_ORDER.index(ground) for ground in grounds]
    assert order == sorted(set(order))
    assert len(grounds) == 1 or not ALONE.intersection(grounds)
    assert rules.Ground.BUDGET_PAID not in grounds
    assert not {rules.Ground.EXEMPT, rules.Ground.STATE_PAID}.intersection(rules.redact(grounds))


@given(strategies.lives(), strategies.days())
def test_exempt_and_state_paid_look_alike_to_a_clinic(facts: Facts, day: date) -> None:
    """Were every exempt span state-paid, nothing that a clinic sees would be different."""
    state_paid = tuple(
        replace(assignment, kind=Kind.STATE_PAID) if assignment.kind is Kind.EXEMPT else assignment
        for assignment in facts.assignments
    )
    seen, other = (
        replace(
            decision,
            grounds=rules.redact(decision.grounds),
            rule=rules.redact_rule(decision.rule)[0],
        )
        for decision in (
            decide(ledger_of(facts), day),
            decide(ledger_of(replace(facts, assignments=state_paid)), day),
        )
    )
    assert seen == other


@given(strategies.lives(strategies.runs()), strategies.days())
def test_paying_the_blocking_months_restores_cover(facts: Facts, day: date) -> None:
    """All of them are enough, and all but the last are not."""
    blocking = decide(ledger_of(facts), day).blocking_months
    if not blocking:
        return
    paid = [
        Payment(ledgers.month_date(month), day, noon(day), 1, gives_cover=True)
        for month in blocking
    ]
    enough = replace(facts, payments=(*facts.payments, *paid))
    assert decide(ledger_of(enough), day).status in COVERED
    too_little = replace(facts, payments=(*facts.payments, *paid[:-1]))
    assert decide(ledger_of(too_little), day).status is rules.Status.NOT_INSURED


@pytest.mark.parametrize("kind", list(rules.SpanKind))
def test_spans_may_reach_the_ends_of_the_calendar(kind: rules.SpanKind) -> None:
    """A span from the first date to the last ends on the day before its removal."""
    ledger = rules.Ledger(0, (), (rules.Span(kind, date.min, date.max),), None)
    decision = decide(ledger, date(2025, 3, 10))
    assert decision.status is not rules.Status.NOT_INSURED
    assert decision.valid_through is None or decision.valid_through >= date.max - DAY


@pytest.mark.parametrize("kind", list(rules.SpanKind))
def test_order_of_spans_does_not_matter(kind: rules.SpanKind) -> None:
    """A ledger may list its spans in any order, empty ones included."""
    spans = (
        rules.Span(kind, date(2025, 6, 1), date(2025, 9, 1)),
        rules.Span(kind, date(2025, 3, 1), date(2025, 3, 1)),
        rules.Span(kind, date(2025, 1, 1), date(2025, 6, 1)),
        rules.Span(kind, date(2025, 5, 1), date(2025, 2, 1)),
    )
    day = date(2025, 2, 10)
    there, back = (decide(rules.Ledger(0, (), order, None), day) for order in (spans, spans[::-1]))
    assert there == back
    assert there.status is not rules.Status.NOT_INSURED
