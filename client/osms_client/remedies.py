"""What is done to payments afterwards: suspended lines resolved, accepted payments reversed."""

from dataclasses import dataclass
from datetime import date, datetime

from osms_client.registers import PaymentRow
from osms_client.vocabulary import LineIssue, ResolutionOutcome, ReversalOutcome, SuspenseState


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendedRow:
    """A line that went to suspense, as it was sent."""

    source: str
    """The register's source."""

    reference: str
    """The register's reference."""

    row: PaymentRow
    """The row as it was sent."""

    issue: LineIssue
    """The first thing found wrong with it."""

    field: str
    """The field it is about."""

    state: SuspenseState
    """Where it is now."""

    received_on: date
    """The day the Fund received the money."""

    operator_reason: str
    """What the operator wrote when resolving it; empty before."""

    resolved_at: datetime | None
    """When it was resolved, UTC; None: not yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A suspended line as it should have been."""

    source: str
    """The register's source."""

    reference: str
    """The register's reference."""

    line_no: int
    """The line."""

    row: PaymentRow
    """The right row; its amount must stay as it was, its own line number is ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A suspended line whose money goes back to the payer."""

    source: str
    """The register's source."""

    reference: str
    """The register's reference."""

    line_no: int
    """The line."""


Resolution = Correction | Refund
"""What to do with one suspended line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionResult:
    """What became of one line to resolve."""

    outcome: ResolutionOutcome
    """What became of it."""

    issue: LineIssue | None
    """What is still wrong; None with a ``field`` of "amount_tiyn": the amount differs."""

    field: str
    """The field it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionResults:
    """What became of lines to resolve."""

    results: tuple[ResolutionResult, ...]
    """As many as lines, in their order."""

    revision: int
    """The store revision of the change; 0 if nothing changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentKey:
    """Names one accepted payment."""

    source: str
    """The register's source."""

    reference: str
    """The register's reference."""

    line_no: int
    """The line."""

    iin: str
    """The person the payment was for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalLine:
    """One payment to reverse, whole or in part."""

    line_no: int
    """Positive and unique in the reversal."""

    payment: PaymentKey
    """The payment."""

    amount_tiyn: int
    """Above zero, at most what is left of the payment."""

    reason_code: str
    """00111 sent by mistake, 00112 over-accrued, 00113 wrong purpose code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """Payments to reverse under one reference. The same line again is ALREADY_REVERSED."""

    source: str
    """Code of the sending source."""

    reversal_reference: str
    """The reversal's own reference."""

    reversed_on: date
    """The day of the reversal."""

    lines: tuple[ReversalLine, ...]
    """1 to 10,000 lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalResult:
    """What became of one reversal line."""

    outcome: ReversalOutcome
    """What became of it."""

    left_tiyn: int
    """What is left of the payment after this call."""

    late: bool
    """Whether it came after the 15 working days the rules allow; reported, not enforced."""

    field: str
    """The field that is wrong or differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalResults:
    """What became of the lines of a reversal."""

    results: tuple[ReversalResult, ...]
    """As many as lines, in their order."""

    revision: int
    """The store revision of the change; 0 if nothing changed."""
