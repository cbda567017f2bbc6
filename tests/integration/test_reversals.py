"""Payments that are taken back, whole or in part, and the registers that keep account of it."""

from dataclasses import replace
from datetime import date

import pytest

from osms_client import (
    Gateway,
    InvalidRequestError,
    PaymentKey,
    PaymentRow,
    Reason,
    Register,
    Reversal,
    ReversalLine,
    ReversalOutcome,
    ReversalResult,
    Status,
)
from tests.integration.books import commit, correction, resolve, rows_of, standing, status_of
from tests.integration.history import AMOUNT_TIYN, SOURCE
from tests.integration.people import new_iin, new_reference


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
    november = rows_of(iin)[10]
    early = key_of(commit(sdk, november, received_on=date(2025, 12, 24)), 11, iin)
    late = key_of(commit(sdk, november, received_on=date(2025, 12, 23)), 11, iin)
    results = reverse(sdk, early, late, amount_tiyn=1, reversed_on=date(2026, 1, 14))
    assert [result.late for result in results] == [False, True]
    assert {result.outcome for result in results} == {ReversalOutcome.REVERSED}


def test_registers_are_listed_newest_first_and_by_day(sdk: Gateway) -> None:
    """Page by page, with their lines where they stand now; both days of a filter are included."""
    iin = new_iin()
    days = [date(2024, 3, day) for day in (4, 5, 6)]
    sent = [commit(sdk, *rows_of(iin), received_on=day) for day in days]
    listed = list(
        sdk.list_registers(source=SOURCE, received_from=days[0], received_to=days[1], page_size=1)
    )
    assert [entry.reference for entry in listed] == [sent[1].reference, sent[0].reference]
    assert listed[0] == sdk.get_register(SOURCE, sent[1].reference)
