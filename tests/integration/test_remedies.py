"""What is done to money afterwards: suspended rows corrected or refunded, payments reversed."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from osms.values import ALMATY
from osms_client import (
    Correction,
    Gateway,
    InvalidRequestError,
    LineIssue,
    PaymentKey,
    PaymentRow,
    Purpose,
    Reason,
    Refund,
    Register,
    RegisterOutcome,
    RegisterSummary,
    RegisterTotals,
    Resolution,
    ResolutionOutcome,
    ResolutionResult,
    Reversal,
    ReversalLine,
    ReversalOutcome,
    ReversalResult,
    Status,
    SuspenseState,
)
from tests.integration.history import AMOUNT_TIYN, SOURCE, months
from tests.integration.people import new_iin, new_reference, wrong_check_digit

RECEIVED_ON = date(2026, 1, 10)
YEAR = months("2025-01", "2025-12")


def rows_of(iin: str, *, texts: str | None = None, first_line: int = 1) -> list[PaymentRow]:
    """Return a year of payments for one person, whose IIN may be written wrongly."""
    return [
        PaymentRow(line_no=line_no, iin=texts or iin, period=period, amount_tiyn=AMOUNT_TIYN)
        for line_no, period in enumerate(YEAR, start=first_line)
    ]


def commit(sdk: Gateway, *rows: PaymentRow) -> Register:
    """Send a register of rows and return it."""
    register = Register(
        source=SOURCE,
        reference=new_reference(),
        received_on=RECEIVED_ON,
        purpose_code="122",
        declared=RegisterTotals(
            people=len({row.iin for row in rows}),
            documents=1,
            amount_tiyn=sum(row.amount_tiyn for row in rows),
        ),
        rows=list(rows),
    )
    (result,) = sdk.ingest([register])
    assert result.outcome is RegisterOutcome.COMMITTED
    return register


def standing(sdk: Gateway, register: Register) -> RegisterSummary:
    """Return where a register's lines are, once it is clear that none and no tiyn is missing."""
    stands = sdk.get_register(register.source, register.reference)
    kinds = (stands.accepted, stands.suspended, stands.corrected, stands.refunded)
    rows = list(register.rows)
    assert sum(kind.rows for kind in kinds) == stands.total.rows == len(rows)
    assert (
        sum(kind.amount_tiyn for kind in kinds)
        == stands.total.amount_tiyn
        == stands.declared.amount_tiyn
        == register.declared.amount_tiyn
    )
    return stands


def resolve(sdk: Gateway, *resolutions: Resolution) -> list[ResolutionResult]:
    """Resolve lines for a reason, and return what became of them."""
    return list(sdk.resolve_suspense(resolutions, operator_reason="letter 17").results)


def correction(register: Register, row: PaymentRow) -> Correction:
    """Return a line as it should have been."""
    return Correction(
        source=register.source, reference=register.reference, line_no=row.line_no, row=row
    )


def refund(register: Register, line_no: int) -> Refund:
    """Return a line that goes back to the payer."""
    return Refund(source=register.source, reference=register.reference, line_no=line_no)


def status_of(sdk: Gateway, iin: str) -> Status:
    """Return a person's status today."""
    return sdk.lookup(iin, purpose=Purpose.RECEPTION).status


# --- suspense ------------------------------------------------------------------------------------


def test_suspended_rows_are_corrected_and_refunded_and_no_tiyn_is_lost(sdk: Gateway) -> None:
    """At every step each line is in one place, the sums match, and cover follows the payments."""
    iin, other = new_iin(), new_iin()
    wrong = rows_of(iin, texts=wrong_check_digit(iin))
    register = commit(sdk, *wrong, *rows_of(other, first_line=13))
    stands = standing(sdk, register)
    assert (stands.accepted.rows, stands.suspended.rows) == (12, 12)
    assert (status_of(sdk, iin), status_of(sdk, other)) == (
        Status.UNKNOWN_CONSUMER,
        Status.INSURED,
    )

    right = [replace(row, iin=iin) for row in wrong]
    results = resolve(sdk, *(correction(register, row) for row in right[:11]))
    assert {result.outcome for result in results} == {ResolutionOutcome.RESOLVED}
    stands = standing(sdk, register)
    assert (stands.accepted.rows, stands.suspended.rows, stands.corrected.rows) == (12, 1, 11)
    assert status_of(sdk, iin) is Status.INSURED

    (result,) = resolve(sdk, refund(register, 12))
    assert result.outcome is ResolutionOutcome.RESOLVED
    stands = standing(sdk, register)
    assert (stands.suspended.rows, stands.corrected.rows, stands.refunded.rows) == (0, 11, 1)

    payments = list(sdk.list_payments(iin))
    assert [payment.period for payment in payments] == YEAR[:11]
    assert {payment.received_on for payment in payments} == {RECEIVED_ON}
    assert [payment.line_no for payment in payments] == list(range(1, 12))
    (again,) = sdk.ingest([register])
    assert again.outcome is RegisterOutcome.ALREADY_COMMITTED
    assert (again.accepted.rows, again.suspended.rows) == (12, 12)


def test_suspense_lists_what_was_sent_and_what_was_done(sdk: Gateway) -> None:
    """A line keeps its texts for ever; its state, reason and time tell the rest."""
    iin = new_iin()
    strange = PaymentRow(
        line_no=7,
        iin="9001 0139",
        period="2025-12",
        amount_tiyn=AMOUNT_TIYN,
        surname="Ахметова",
        patronymic="-",
        purpose_code="122",
    )
    bad_month = PaymentRow(line_no=9, iin=iin, period="2025-13", amount_tiyn=1)
    register = commit(sdk, strange, bad_month)
    listed = list(sdk.list_suspense(source=SOURCE, reference=register.reference))
    assert [row.row for row in listed] == [strange, bad_month]
    assert [(row.issue, row.field, row.state) for row in listed] == [
        (LineIssue.IIN_MALFORMED, "iin", SuspenseState.SUSPENDED),
        (LineIssue.PERIOD_MALFORMED, "period", SuspenseState.SUSPENDED),
    ]
    resolve(sdk, refund(register, 7))
    (left,) = sdk.list_suspense(
        source=SOURCE, reference=register.reference, state=SuspenseState.SUSPENDED
    )
    assert left.row == bad_month
    (back,) = sdk.list_suspense(
        source=SOURCE, reference=register.reference, state=SuspenseState.REFUNDED
    )
    assert (back.row, back.operator_reason) == (strange, "letter 17")
    assert back.resolved_at is not None
    assert back.resolved_at.astimezone(ALMATY).date() == date(2026, 1, 15)


def test_a_line_is_resolved_once(sdk: Gateway) -> None:
    """The same again is ALREADY_RESOLVED, another way a CONFLICT, and no line is invented."""
    iin = new_iin()
    wrong = PaymentRow(line_no=1, iin="12", period="2025-12", amount_tiyn=AMOUNT_TIYN)
    right, other = replace(wrong, iin=iin), replace(wrong, iin=new_iin())
    register = commit(sdk, wrong, replace(right, line_no=2))
    (first,) = resolve(sdk, correction(register, right))
    (same,) = resolve(sdk, correction(register, right))
    (conflict, back) = resolve(sdk, correction(register, other), refund(register, 1))
    accepted, missing, elsewhere = resolve(
        sdk,
        refund(register, 2),
        refund(register, 3),
        Refund(source=SOURCE, reference="no such register", line_no=1),
    )
    assert first.outcome is ResolutionOutcome.RESOLVED
    assert same.outcome is ResolutionOutcome.ALREADY_RESOLVED
    assert conflict.outcome is back.outcome is ResolutionOutcome.CONFLICT
    for result in (accepted, missing, elsewhere):
        assert result.outcome is ResolutionOutcome.NOT_FOUND
    assert standing(sdk, register).corrected.rows == 1
    assert not list(sdk.list_payments(other.iin))


def test_of_two_ways_for_one_line_in_one_call_the_first_is_taken(sdk: Gateway) -> None:
    """A line that is named twice is not a payment and a refund at once."""
    wrong = PaymentRow(line_no=1, iin="12", period="2025-12", amount_tiyn=AMOUNT_TIYN)
    right = replace(wrong, iin=new_iin())
    register = commit(sdk, wrong)
    first, second, third = resolve(
        sdk,
        correction(register, right),
        correction(register, right),
        refund(register, 1),
    )
    assert first.outcome is ResolutionOutcome.RESOLVED
    assert second.outcome is ResolutionOutcome.ALREADY_RESOLVED
    assert third.outcome is ResolutionOutcome.CONFLICT
    assert standing(sdk, register).corrected.rows == 1
    assert len(list(sdk.list_payments(right.iin))) == 1


@pytest.mark.parametrize(
    ("change", "issue", "field"),
    [
        ({"iin": "900101390003"}, LineIssue.IIN_CHECK_DIGIT, "iin"),
        ({"period": "2017-06"}, LineIssue.PERIOD_OUT_OF_RANGE, "period"),
        ({"purpose_code": "010"}, LineIssue.PURPOSE_CODE_UNKNOWN, "purpose_code"),
        ({"amount_tiyn": AMOUNT_TIYN + 1}, None, "amount_tiyn"),
    ],
)
def test_a_correction_that_is_still_wrong_changes_nothing(
    sdk: Gateway, change: dict[str, str], issue: LineIssue | None, field: str
) -> None:
    """It says what is wrong; the amount of money that arrived cannot be corrected at all."""
    wrong = PaymentRow(line_no=1, iin="12", period="2025-12", amount_tiyn=AMOUNT_TIYN)
    register = commit(sdk, wrong)
    right: PaymentRow = replace(wrong, **{"iin": new_iin(), **change})  # type: ignore[arg-type] # a field's name
    results = sdk.resolve_suspense([correction(register, right)], operator_reason="letter 17")
    (result,) = results.results
    assert result.outcome is ResolutionOutcome.STILL_INVALID
    assert (result.issue, result.field) == (issue, field)
    assert results.revision == 0
    assert standing(sdk, register).suspended.rows == 1


def test_who_resolves_a_line_says_why(sdk: Gateway) -> None:
    """A reason is required, and at most 500 characters long."""
    register = commit(sdk, PaymentRow(line_no=1, iin="12", period="2025-12", amount_tiyn=1))
    for reason in ("", "  ", "x" * 501):
        with pytest.raises(InvalidRequestError) as caught:
            sdk.resolve_suspense([refund(register, 1)], operator_reason=reason)
        assert [v.field for v in caught.value.field_violations] == ["operator_reason"]
    assert standing(sdk, register).suspended.rows == 1


# --- reversals -----------------------------------------------------------------------------------


def key_of(register: Register, line_no: int, iin: str) -> PaymentKey:
    """Return the key of a payment."""
    return PaymentKey(
        source=register.source, reference=register.reference, line_no=line_no, iin=iin
    )


def reverse(
    sdk: Gateway,
    *payments: PaymentKey,
    amount_tiyn: int = AMOUNT_TIYN,
    reference: str = "",
    reversed_on: date = date(2026, 1, 15),
) -> list[ReversalResult]:
    """Reverse payments under one reference."""
    lines = tuple(
        ReversalLine(line_no=number, payment=payment, amount_tiyn=amount_tiyn, reason_code="00111")
        for number, payment in enumerate(payments, start=1)
    )
    reversal = Reversal(
        source=SOURCE,
        reversal_reference=reference or new_reference(),
        reversed_on=reversed_on,
        lines=lines,
    )
    return list(sdk.reverse_payments(reversal).results)


def test_a_reversed_payment_takes_its_cover_away(sdk: Gateway) -> None:
    """The register keeps its sums, the reversals stand beside them, and the person is uncovered."""
    iin = new_iin()
    register = commit(sdk, *rows_of(iin))
    assert status_of(sdk, iin) is Status.INSURED
    results = reverse(sdk, *(key_of(register, line_no, iin) for line_no in range(5, 13)))
    assert {(result.outcome, result.left_tiyn) for result in results} == {
        (ReversalOutcome.REVERSED, 0)
    }
    assert status_of(sdk, iin) is Status.NOT_INSURED
    stands = standing(sdk, register)
    assert (stands.reversed.rows, stands.reversed.amount_tiyn) == (8, 8 * AMOUNT_TIYN)
    payments = list(sdk.list_payments(iin))
    assert [payment.reversed_tiyn for payment in payments] == [0] * 4 + [AMOUNT_TIYN] * 8


def test_a_payment_is_reversed_in_parts_and_never_by_more_than_is_left(sdk: Gateway) -> None:
    """Each part says what is left; a part too large is refused with it; the month stays paid."""
    iin = new_iin()
    register = commit(sdk, *rows_of(iin))
    december = key_of(register, 12, iin)
    (part,) = reverse(sdk, december, amount_tiyn=400_000)
    assert (part.outcome, part.left_tiyn) == (ReversalOutcome.REVERSED, 25_000)
    assert status_of(sdk, iin) is Status.INSURED
    (more,) = reverse(sdk, december, amount_tiyn=25_001)
    assert (more.outcome, more.left_tiyn) == (ReversalOutcome.EXCEEDS_PAYMENT, 25_000)
    one, two = reverse(sdk, december, december, amount_tiyn=20_000)
    assert (one.outcome, one.left_tiyn) == (ReversalOutcome.REVERSED, 5_000)
    assert (two.outcome, two.left_tiyn) == (ReversalOutcome.EXCEEDS_PAYMENT, 5_000)
    (rest,) = reverse(sdk, december, amount_tiyn=5_000)
    assert (rest.outcome, rest.left_tiyn) == (ReversalOutcome.REVERSED, 0)
    assert standing(sdk, register).reversed.amount_tiyn == AMOUNT_TIYN


def test_a_reversal_sent_again_reverses_nothing_more(sdk: Gateway) -> None:
    """The same line is ALREADY_REVERSED, the same key with other content a CONFLICT."""
    iin = new_iin()
    register = commit(sdk, *rows_of(iin))
    payment, reference = key_of(register, 12, iin), new_reference()
    (first,) = reverse(sdk, payment, amount_tiyn=100, reference=reference)
    (again,) = reverse(sdk, payment, amount_tiyn=100, reference=reference)
    (other,) = reverse(sdk, payment, amount_tiyn=101, reference=reference)
    assert first.outcome is ReversalOutcome.REVERSED
    assert again.outcome is ReversalOutcome.ALREADY_REVERSED
    assert other.outcome is ReversalOutcome.CONFLICT
    assert standing(sdk, register).reversed.amount_tiyn == 100


def test_only_a_payment_that_is_there_can_be_reversed(sdk: Gateway) -> None:
    """A wrong line, reference or person is PAYMENT_NOT_FOUND, as is a line in suspense."""
    iin = new_iin()
    register = commit(sdk, *rows_of(iin), replace(rows_of(iin)[0], line_no=13, iin="12"))
    results = reverse(
        sdk,
        key_of(register, 99, iin),
        replace(key_of(register, 1, iin), reference="no such register"),
        key_of(register, 1, new_iin()),
        key_of(register, 13, iin),
    )
    assert {result.outcome for result in results} == {ReversalOutcome.PAYMENT_NOT_FOUND}
    assert standing(sdk, register).reversed.rows == 0


def test_a_corrected_row_is_a_payment_that_can_be_reversed(sdk: Gateway) -> None:
    """It has the key of its line and the person of its correction."""
    iin = new_iin()
    wrong = PaymentRow(line_no=1, iin="12", period="2025-12", amount_tiyn=AMOUNT_TIYN)
    register = commit(sdk, wrong)
    resolve(sdk, correction(register, replace(wrong, iin=iin)))
    (result,) = reverse(sdk, key_of(register, 1, iin))
    assert (result.outcome, result.left_tiyn) == (ReversalOutcome.REVERSED, 0)
    stands = standing(sdk, register)
    assert (stands.corrected.rows, stands.reversed.rows) == (1, 1)


def test_a_line_of_a_reversal_that_breaks_a_rule_is_named(sdk: Gateway) -> None:
    """Its neighbours are reversed; the late are reversed, too, and told so."""
    iin = new_iin()
    register = commit(sdk, *rows_of(iin))
    good = ReversalLine(
        line_no=1, payment=key_of(register, 1, iin), amount_tiyn=1, reason_code="00113"
    )
    bad = {
        "reason_code": replace(good, line_no=2, reason_code="00114"),
        "amount_tiyn": replace(good, line_no=3, amount_tiyn=0),
        "payment.iin": replace(good, line_no=4, payment=key_of(register, 1, "12")),
    }
    reversal = Reversal(
        source=SOURCE,
        reversal_reference=new_reference(),
        reversed_on=date(2026, 1, 15),
        lines=(good, *bad.values()),
    )
    first, *others = sdk.reverse_payments(reversal).results
    assert (first.outcome, first.late) == (ReversalOutcome.REVERSED, False)
    assert {result.outcome for result in others} == {ReversalOutcome.INVALID}
    assert [result.field for result in others] == list(bad)


def test_the_head_of_a_reversal_is_checked_whole(sdk: Gateway) -> None:
    """An unknown source, no reference, tomorrow and no lines are told together."""
    reversal = Reversal(
        source="labour", reversal_reference="", reversed_on=date(2026, 1, 16), lines=()
    )
    with pytest.raises(InvalidRequestError) as caught:
        sdk.reverse_payments(reversal)
    assert {violation.field for violation in caught.value.field_violations} == {
        "source",
        "reversal_reference",
        "reversed_on",
        "lines",
    }
    assert caught.value.reason == Reason.INVALID_REQUEST


def test_a_reversal_after_fifteen_working_days_is_late_and_done(sdk: Gateway) -> None:
    """The limit of the rules is reported, never enforced: the money has gone back already."""
    iin = new_iin()
    early = key_of(commit_on(sdk, iin, date(2025, 12, 24)), 1, iin)
    late = key_of(commit_on(sdk, iin, date(2025, 12, 23)), 1, iin)
    results = reverse(sdk, early, late, amount_tiyn=1, reversed_on=date(2026, 1, 14))
    assert [result.late for result in results] == [False, True]
    assert {result.outcome for result in results} == {ReversalOutcome.REVERSED}


def commit_on(sdk: Gateway, iin: str, received_on: date) -> Register:
    """Send a register of one payment received on a day."""
    row = PaymentRow(line_no=1, iin=iin, period="2025-11", amount_tiyn=AMOUNT_TIYN)
    register = Register(
        source=SOURCE,
        reference=new_reference(),
        received_on=received_on,
        purpose_code="122",
        declared=RegisterTotals(people=1, documents=1, amount_tiyn=AMOUNT_TIYN),
        rows=[row],
    )
    list(sdk.ingest([register]))
    return register


def test_registers_are_listed_newest_first_and_by_day(sdk: Gateway) -> None:
    """Page by page, with their lines where they stand now; both days of a filter are included."""
    iin = new_iin()
    days = [date(2024, 3, day) for day in (4, 5, 6)]
    sent = [commit_on(sdk, iin, day) for day in days]
    listed = list(
        sdk.list_registers(source=SOURCE, received_from=days[0], received_to=days[1], page_size=1)
    )
    assert [entry.reference for entry in listed] == [sent[1].reference, sent[0].reference]
    assert listed[0] == sdk.get_register(SOURCE, sent[1].reference)
    assert listed[0].committed_at <= datetime(2026, 1, 15, 9, 1, tzinfo=ALMATY)
