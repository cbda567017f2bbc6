"""Registers of one person's year through the SDK, and what is done to their lines."""

from datetime import date

from osms_client import (
    Correction,
    Gateway,
    PaymentRow,
    Purpose,
    Refund,
    Register,
    RegisterOutcome,
    RegisterSummary,
    RegisterTotals,
    Resolution,
    ResolutionResult,
    Status,
)
from tests.integration.history import AMOUNT_TIYN, SOURCE, months
from tests.integration.people import new_reference

RECEIVED_ON = date(2026, 1, 10)
YEAR = months("2025-01", "2025-12")


def rows_of(iin: str, *, texts: str | None = None, first_line: int = 1) -> list[PaymentRow]:
    """Return a year of payments for one person, whose IIN may be written wrongly."""
    return [
        PaymentRow(line_no=line_no, iin=texts or iin, period=period, amount_tiyn=AMOUNT_TIYN)
        for line_no, period in enumerate(YEAR, start=first_line)
    ]


def commit(sdk: Gateway, *rows: PaymentRow, received_on: date = RECEIVED_ON) -> Register:
    """Send a register of rows and return it."""
    register = Register(
        source=SOURCE,
        reference=new_reference(),
        received_on=received_on,
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


def status_of(sdk: Gateway, iin: str) -> Status:
    """Return a person's status today."""
    return sdk.lookup(iin, purpose=Purpose.RECEPTION).status


def refund(register: Register, line_no: int) -> Refund:
    """Return a line that goes back to the payer."""
    return Refund(source=register.source, reference=register.reference, line_no=line_no)
