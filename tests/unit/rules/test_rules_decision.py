"""What follows from a decision, and answers at the edges of time."""

from dataclasses import replace
from datetime import date

import pytest

from osms_server.rules import (
    FIRST_MONTH,
    Decision,
    FundingSource,
    Ground,
    Ledger,
    NextStep,
    Parameters,
    Span,
    SpanKind,
    Status,
    decide,
    month_of,
    next_step,
    redact,
)

PARAMETERS = Parameters.from_documents(Parameters.bundled_documents())


def paid(first: date, last: date) -> int:
    """Return the bits of all months from one date's to another's."""
    count = month_of(last) - month_of(first) + 1
    return (1 << count) - 1 << month_of(first) - FIRST_MONTH


def ledger(*spans: Span, bits: int = 0, died_on: date | None = None) -> Ledger:
    """Return a ledger without advance payments."""
    return Ledger(paid=bits, advance=(), spans=spans, died_on=died_on)


@pytest.mark.parametrize(
    ("status", "grounds", "stale", "step"),
    [
        (Status.INSURED, (Ground.STATE_PAID, Ground.RETENTION), True, NextStep.NONE),
        (Status.INSURED_RETENTION, (Ground.RETENTION,), True, NextStep.PAY_ARREARS),
        (Status.ELIGIBLE_ON_VISIT, (Ground.ON_VISIT,), True, NextStep.REGISTER_VISIT),
        (Status.NOT_INSURED, (Ground.DECEASED,), True, NextStep.CHECK_IDENTITY),
        (Status.NOT_INSURED, (Ground.ARREARS,), True, NextStep.ASK_FUND),
        (Status.NOT_INSURED, (Ground.ARREARS,), False, NextStep.PAY_ARREARS),
        (Status.NOT_INSURED, (Ground.NO_CONTRIBUTIONS,), True, NextStep.ASK_FUND),
        (Status.NOT_INSURED, (Ground.NO_CONTRIBUTIONS,), False, NextStep.START_PAYING),
        (Status.UNKNOWN_CONSUMER, (), False, NextStep.CHECK_IDENTITY),
    ],
)
def test_the_next_step_follows_from_the_answer(
    status: Status, grounds: tuple[Ground, ...], stale: bool, step: NextStep
) -> None:
    """Each answer leads to one step; late data matters only where it may have cost cover."""
    unknown = decide(None, date(2026, 1, 1), PARAMETERS)
    decision = replace(unknown, status=status, grounds=grounds)
    assert next_step(decision, stale=stale) is step


def test_redaction_keeps_the_other_grounds_in_order() -> None:
    """Both budget grounds become one, in the place of the first."""
    grounds = (Ground.UNIVERSAL, Ground.EXEMPT, Ground.STATE_PAID, Ground.ON_VISIT)
    assert redact(grounds) == (Ground.UNIVERSAL, Ground.BUDGET_PAID, Ground.ON_VISIT)
    assert redact(()) == ()


def test_an_unknown_person_is_not_called_uninsured() -> None:
    """Without any fact the answer is that nothing is known, and it names nothing else."""
    assert decide(None, date(2026, 3, 1), PARAMETERS) == Decision(
        status=Status.UNKNOWN_CONSUMER,
        funding_source=FundingSource.GOBMP,
        grounds=(),
        valid_through=None,
        covered_through=None,
        arrears_months=(),
        blocking_months=(),
        restore_amount_tiyn=0,
        rule=2,
        retention_months=3,
    )


def test_an_assignment_nobody_removed_never_ends() -> None:
    """Open cover by the state has no last day, also where payments lie around it."""
    open_span = Span(SpanKind.STATE_PAID, date(2021, 3, 3), None)
    decision = decide(
        ledger(open_span, bits=paid(date(2020, 1, 1), date(2030, 1, 1))),
        date(2024, 5, 5),
        PARAMETERS,
    )
    assert (decision.valid_through, decision.covered_through) == (None, None)
    assert decision.grounds == (Ground.STATE_PAID, Ground.SETTLED_MONTHS)


def test_cover_far_ahead_is_exact() -> None:
    """There is no horizon: an assignment removed in centuries is followed to its last day."""
    far = Span(SpanKind.STATE_PAID, date(2021, 3, 3), date(2921, 3, 3))
    decision = decide(ledger(far), date(2024, 5, 5), PARAMETERS)
    assert decision.valid_through == date(2921, 5, 25)
    assert decision.covered_through == date(2921, 6, 30)


def test_cover_to_the_end_of_the_calendar_has_no_last_day() -> None:
    """A removal on the calendar's last day leaves no day to name for the end of cover."""
    last = Span(SpanKind.STATE_PAID, date(2021, 3, 3), date.max)
    assert decide(ledger(last), date(2024, 5, 5), PARAMETERS).valid_through is None


def test_an_assignment_that_starts_later_ends_the_wait() -> None:
    """Who is not insured is told the eve of the assignment that will open cover."""
    later = Span(SpanKind.STATE_PAID, date(2027, 3, 15), None)
    assert decide(ledger(later), date(2026, 5, 5), PARAMETERS).valid_through == date(2027, 3, 14)


def test_back_to_back_assignments_are_one_run() -> None:
    """Cover goes on where one assignment follows another, whatever their kinds and order."""
    spans = (
        Span(SpanKind.EXEMPT, date(2024, 6, 10), date(2024, 9, 10)),
        Span(SpanKind.STATE_PAID, date(2023, 1, 1), date(2024, 6, 10)),
        Span(SpanKind.STATE_PAID, date(2024, 9, 12), date(2024, 9, 12)),
    )
    decision = decide(ledger(*spans), date(2024, 2, 2), PARAMETERS)
    assert decision.valid_through == date(2024, 11, 25)
    assert decision.covered_through == date(2024, 12, 31)


def test_death_ends_cover_and_nothing_follows_it() -> None:
    """Cover lasts to the date of death; who was not insured before it stays so for ever."""
    state_paid = Span(SpanKind.STATE_PAID, date(2021, 3, 3), None)
    died_on = date(2025, 4, 4)
    covered = ledger(state_paid, died_on=died_on)
    last_day = decide(covered, died_on, PARAMETERS)
    assert (last_day.status, last_day.valid_through) == (Status.INSURED, died_on)
    assert last_day.covered_through == died_on
    day_after = decide(covered, date(2025, 4, 5), PARAMETERS)
    assert (day_after.grounds, day_after.valid_through) == ((Ground.DECEASED,), None)
    assert decide(ledger(died_on=died_on), died_on, PARAMETERS).valid_through is None


def test_a_rule_may_begin_in_mid_month() -> None:
    """Prepayment opens cover from the day its rule is in force, in the middle of a month."""
    first = month_of(date(2022, 9, 1))
    prepaid = Ledger(
        paid=paid(date(2022, 9, 1), date(2023, 8, 1)),
        advance=tuple((first + i, first - 1) for i in range(12)),
        spans=(),
        died_on=None,
    )
    eve = decide(prepaid, date(2022, 9, 4), PARAMETERS)
    assert (eve.status, eve.valid_through) == (Status.NOT_INSURED, date(2022, 9, 4))
    begun = decide(prepaid, date(2022, 9, 5), PARAMETERS)
    assert begun.grounds == (Ground.PREPAID,)
    assert begun.covered_through == date(2023, 11, 30)


def test_everybody_s_cover_runs_on_into_settled_months() -> None:
    """After the universal period cover goes on for those whose months of it are settled."""
    days = date(2020, 2, 2), PARAMETERS
    assert decide(ledger(), *days).valid_through == date(2020, 6, 30)
    settled = ledger(bits=paid(date(2020, 1, 1), date(2020, 6, 1)))
    assert decide(settled, *days).valid_through == date(2020, 8, 25)


def test_state_months_may_count_for_a_long_payer_by_switch() -> None:
    """With the switch on, a run of settled months makes a long payer; with it off, paid ones do."""
    documents = Parameters.bundled_documents()
    documents["long_payer_counts_state_months"]["values"][0]["value"] = True
    switched = Parameters.from_documents(documents)
    mixed = ledger(
        Span(SpanKind.STATE_PAID, date(2019, 1, 1), date(2022, 1, 1)),
        bits=paid(date(2022, 1, 1), date(2025, 12, 1)),
    )
    day = date(2026, 5, 5)
    assert decide(mixed, day, PARAMETERS).retention_months == 3
    counted = decide(mixed, day, switched)
    assert counted.retention_months == 6
    assert counted.covered_through == date(2026, 6, 30)


def test_months_before_the_start_settle_nothing() -> None:
    """What was paid for a month before the system's start is not in any window."""
    early = ledger(bits=paid(date(2019, 1, 1), date(2019, 12, 1)))
    decision = decide(early, date(2020, 7, 10), PARAMETERS)
    assert decision.grounds == (Ground.NO_CONTRIBUTIONS,)
