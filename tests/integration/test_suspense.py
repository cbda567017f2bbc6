"""Rows that waited in suspense: corrected, refunded, and never lost or counted twice."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from osms.values import ALMATY
from osms_client import (
    Correction,
    Gateway,
    InvalidRequestError,
    LineIssue,
    Payer,
    PaymentRow,
    Refund,
    RegisterOutcome,
    ResolutionOutcome,
    Status,
    SuspenseState,
)
from tests.integration.books import (
    RECEIVED_ON,
    YEAR,
    commit,
    correction,
    refund,
    resolve,
    rows_of,
    standing,
    status_of,
)
from tests.integration.history import AMOUNT_TIYN, SOURCE
from tests.integration.people import new_iin, wrong_check_digit

LINES_MAX = 10_000
"""The most lines that one call may resolve."""


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


def test_ten_thousand_lines_are_resolved_by_one_call(sdk: Gateway) -> None:
    """All corrected but the last, which is refunded; each is there once, and listed in pages."""
    people = [new_iin() for _ in range(500)]
    wrong = [
        PaymentRow(
            line_no=line_no,
            iin=wrong_check_digit(people[line_no % 500]),
            period=YEAR[line_no % 12],
            amount_tiyn=AMOUNT_TIYN,
        )
        for line_no in range(1, LINES_MAX + 1)
    ]
    register = commit(sdk, *wrong)
    assert standing(sdk, register).suspended.rows == LINES_MAX
    right = [replace(row, iin=people[row.line_no % 500]) for row in wrong]
    work: list[Correction | Refund] = [
        *(correction(register, row) for row in right[:-1]),
        refund(register, LINES_MAX),
    ]
    results = resolve(sdk, *work)
    assert {result.outcome for result in results} == {ResolutionOutcome.RESOLVED}
    assert len(results) == LINES_MAX
    stands = standing(sdk, register)
    assert (stands.suspended.rows, stands.corrected.rows, stands.refunded.rows) == (
        0,
        LINES_MAX - 1,
        1,
    )
    again = resolve(sdk, *work)
    assert {result.outcome for result in again} == {ResolutionOutcome.ALREADY_RESOLVED}
    listed = list(
        sdk.list_suspense(
            source=SOURCE, reference=register.reference, state=SuspenseState.CORRECTED
        )
    )
    assert [entry.row.line_no for entry in listed] == list(range(1, LINES_MAX))
    payments = list(sdk.list_payments(people[1]))
    assert len(payments) == LINES_MAX // 500


@pytest.mark.parametrize(
    "texts", [{"surname": "я" * 201}, {"document": "d" * 65}, {"payer": Payer("1" * 65, "")}]
)
def test_a_correction_keeps_to_the_limits_of_a_row(sdk: Gateway, texts: dict[str, Any]) -> None:
    """What a register would be refused for does not get in by a correction."""
    iin = new_iin()
    (wrong, *_) = rows_of(iin, texts=wrong_check_digit(iin))
    register = commit(sdk, wrong)
    (result,) = resolve(sdk, correction(register, replace(wrong, iin=iin, **texts)))
    assert result.outcome is ResolutionOutcome.STILL_INVALID
    assert result.field == next(iter(texts))
    assert standing(sdk, register).suspended.rows == 1
