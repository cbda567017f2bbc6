"""The money as it must be accounted for: registers, suspended lines, reversals."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from osms_client import (
    Correction,
    LineIssue,
    LineNotice,
    Payer,
    PaymentRow,
    Register,
    RegisterOutcome,
    RegisterRefusal,
    RegisterResult,
    RegisterSummary,
    Resolution,
    ResolutionOutcome,
    ResolutionResult,
    ResolutionResults,
    Reversal,
    ReversalLine,
    ReversalOutcome,
    ReversalResult,
    ReversalResults,
    RowTotals,
)
from tests.integration.twin.deeds import Resolve

COVER_GIVING = ("121", "122")
NO_IIN, NO_MONTH, NO_PURPOSE = "12", "2025-13", "010"
"""What is wrong with the rows of these tests that cannot be payments."""
REVERSAL_WORKING_DAYS = 15

Place = tuple[str, int]
"""Reference and line number."""


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment, and the revision at which it became known."""

    iin: str
    period: str
    received_on: date
    amount_tiyn: int
    purpose_code: str
    revision: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A line of a reversal, and the revision at which it became known."""

    line: ReversalLine
    reversed_on: date
    revision: int

    @property
    def payment(self) -> Place:
        """Where the payment stands that it takes from."""
        return self.line.payment.reference, self.line.payment.line_no


@dataclass(frozen=True)
class Money:
    """All registers and what was done to their lines; never changed, only replaced."""

    registers: Mapping[str, tuple[Register, RegisterResult]] = field(default_factory=dict)
    payments: Mapping[Place, Paid] = field(default_factory=dict)
    resolved: Mapping[Place, Resolution] = field(default_factory=dict)
    taken: Mapping[Place, Taken] = field(default_factory=dict)
    """By the reversal's reference and line."""

    def take(self, register: Register, told: RegisterResult) -> tuple[RegisterResult, "Money"]:
        """Return what must be told of a register, and the money after it."""
        rows = list(register.rows)
        nothing = _refused(register)
        counted = sum(row.amount_tiyn for row in rows)
        if counted != register.declared.amount_tiyn:
            said = str(register.declared.amount_tiyn)
            why = RegisterRefusal.TOTALS_MISMATCH
            return replace(
                nothing,
                refusal=why,
                field="declared.amount_tiyn",
                declared=said,
                counted=str(counted),
            ), self
        if register.reference in self.registers:
            before, first = self.registers[register.reference]
            if before == register:
                again = RegisterOutcome.ALREADY_COMMITTED
                return replace(first, outcome=again, warnings=()), self
            name, was, now = _difference(before, register)
            why = RegisterRefusal.CONFLICT
            return replace(nothing, refusal=why, field=name, declared=was, counted=now), self
        issues = [issue for row in rows if (issue := _issue(row))]
        suspended = {issue.line_no for issue in issues}
        result = replace(
            nothing,
            outcome=RegisterOutcome.COMMITTED,
            refusal=None,
            committed_at=told.committed_at,
            revision=told.revision,
            accepted=_totals(row for row in rows if row.line_no not in suspended),
            suspended=_totals(row for row in rows if row.line_no in suspended),
            suspended_lines=tuple(issues),
        )
        paid = {
            (register.reference, row.line_no): _paid(row, register, told.revision)
            for row in rows
            if row.line_no not in suspended
        }
        return result, replace(
            self,
            registers={**self.registers, register.reference: (register, result)},
            payments={**self.payments, **paid},
        )

    def resolve(self, deed: Resolve, told: ResolutionResults) -> tuple[ResolutionResults, "Money"]:
        """Return what must be told of lines to resolve, and the money after it."""
        resolved, payments = dict(self.resolved), dict(self.payments)
        outcomes = []
        for wanted in deed.resolutions:
            place = (wanted.reference, wanted.line_no)
            if place not in self.suspended_rows():
                outcomes.append(ResolutionOutcome.NOT_FOUND)
            elif place in resolved:
                same = resolved[place] == wanted
                outcomes.append(
                    ResolutionOutcome.ALREADY_RESOLVED if same else ResolutionOutcome.CONFLICT
                )
            else:
                resolved[place] = wanted
                if isinstance(wanted, Correction):
                    register, _ = self.registers[wanted.reference]
                    payments[place] = _paid(wanted.row, register, told.revision)
                outcomes.append(ResolutionOutcome.RESOLVED)
        revision = told.revision if ResolutionOutcome.RESOLVED in outcomes else 0
        results = tuple(ResolutionResult(outcome=each, issue=None, field="") for each in outcomes)
        return (
            ResolutionResults(results=results, revision=revision),
            replace(self, resolved=resolved, payments=payments),
        )

    def reverse(self, deed: Reversal, told: ReversalResults) -> tuple[ReversalResults, "Money"]:
        """Return what must be told of a reversal, and the money after it."""
        after, results, revision = self, [], 0
        for line in deed.lines:
            result = after._judge(deed, line)
            results.append(result)
            if result.outcome is ReversalOutcome.REVERSED:
                revision = told.revision
                place = (deed.reversal_reference, line.line_no)
                now = Taken(line, deed.reversed_on, revision)
                after = replace(after, taken={**after.taken, place: now})
        return ReversalResults(results=tuple(results), revision=revision), after

    def _judge(self, deed: Reversal, line: ReversalLine) -> ReversalResult:
        place = line.payment.reference, line.payment.line_no
        paid = self.payments.get(place)
        if paid is not None and paid.iin != line.payment.iin:
            paid = None
        left = 0 if paid is None else self.left_tiyn(place)
        late = paid is not None and _is_late(paid.received_on, deed.reversed_on)
        told = ReversalResult(
            outcome=ReversalOutcome.PAYMENT_NOT_FOUND, left_tiyn=left, late=late, field=""
        )
        before = self.taken.get((deed.reversal_reference, line.line_no))
        if before is not None:
            if (before.line, before.reversed_on) == (line, deed.reversed_on):
                return replace(told, outcome=ReversalOutcome.ALREADY_REVERSED)
            field = "amount_tiyn" if before.line.amount_tiyn != line.amount_tiyn else "reversed_on"
            return replace(told, outcome=ReversalOutcome.CONFLICT, field=field)
        if paid is None:
            return told
        if line.amount_tiyn > left:
            return replace(told, outcome=ReversalOutcome.EXCEEDS_PAYMENT)
        left -= line.amount_tiyn
        return replace(told, outcome=ReversalOutcome.REVERSED, left_tiyn=left)

    def left_tiyn(self, payment: Place) -> int:
        """Return what is left of a payment."""
        taken = [each.line.amount_tiyn for each in self.taken.values() if each.payment == payment]
        return self.payments[payment].amount_tiyn - sum(taken)

    def suspended_rows(self) -> dict[Place, PaymentRow]:
        """Return every line that ever went to suspense, as it was sent."""
        return {
            (register.reference, row.line_no): row
            for register, _ in self.registers.values()
            for row in register.rows
            if _issue(row)
        }

    def summary(self, reference: str) -> RegisterSummary:
        """Return how a register must stand now."""
        register, result = self.registers[reference]
        sent = {row.line_no: row for row in register.rows}
        ways = {line_no: way for (name, line_no), way in self.resolved.items() if name == reference}
        suspended = {line.line_no for line in result.suspended_lines}
        corrected = {line_no for line_no, way in ways.items() if isinstance(way, Correction)}
        taken = [each.line for each in self.taken.values() if each.payment[0] == reference]

        def totals(lines: Iterable[int]) -> RowTotals:
            return _totals(sent[line_no] for line_no in lines)

        return RegisterSummary(
            source=register.source,
            reference=reference,
            received_on=register.received_on,
            payer=Payer(),
            purpose_code=register.purpose_code,
            declared=register.declared,
            total=totals(sent),
            accepted=result.accepted,
            suspended=totals(suspended - ways.keys()),
            corrected=totals(corrected),
            refunded=totals(ways.keys() - corrected),
            reversed=RowTotals(len(taken), sum(line.amount_tiyn for line in taken)),
            committed_at=result.committed_at,  # type: ignore[arg-type] # it was committed
            revision=result.revision,
        )

    def listed(self, iin: str) -> dict[Place, tuple[Paid, int]]:
        """Return a person's payments by place, with how much of each was reversed."""
        return {
            place: (paid, paid.amount_tiyn - self.left_tiyn(place))
            for place, paid in self.payments_of(iin)
        }

    def payments_of(self, iin: str) -> Iterator[tuple[Place, Paid]]:
        """Yield all payments for a person."""
        return (item for item in self.payments.items() if item[1].iin == iin)


def _refused(register: Register) -> RegisterResult:
    return RegisterResult(
        source=register.source,
        reference=register.reference,
        outcome=RegisterOutcome.REFUSED,
        committed_at=None,
        accepted=RowTotals(0, 0),
        suspended=RowTotals(0, 0),
        suspended_lines=(),
        warnings=(),
        revision=0,
        refusal=None,
        field="",
        declared="",
        counted="",
    )


def _issue(row: PaymentRow) -> LineNotice | None:
    for name, bad, issue in (
        ("iin", NO_IIN, LineIssue.IIN_MALFORMED),
        ("period", NO_MONTH, LineIssue.PERIOD_MALFORMED),
        ("purpose_code", NO_PURPOSE, LineIssue.PURPOSE_CODE_UNKNOWN),
    ):
        if getattr(row, name) == bad:
            return LineNotice(line_no=row.line_no, issue=issue, field=name)
    return None


def _paid(row: PaymentRow, register: Register, revision: int) -> Paid:
    purpose_code = row.purpose_code or register.purpose_code
    return Paid(row.iin, row.period, register.received_on, row.amount_tiyn, purpose_code, revision)


def _totals(rows: Iterable[PaymentRow]) -> RowTotals:
    amounts = [row.amount_tiyn for row in rows]
    return RowTotals(len(amounts), sum(amounts))


def _difference(before: Register, now: Register) -> tuple[str, str, str]:
    """Return the field in which a register differs, and what may be told of it."""
    if before.received_on != now.received_on:
        return "received_on", str(before.received_on), str(now.received_on)
    was, is_ = before.declared.amount_tiyn, now.declared.amount_tiyn
    if was != is_:
        return "declared.amount_tiyn", str(was), str(is_)
    for old, new in zip(before.rows, now.rows, strict=True):
        if old.period != new.period:
            return f"rows[{old.line_no}].period", "", ""
    raise AssertionError("the registers are equal, or differ in more than these tests change")


def _is_late(received_on: date, reversed_on: date) -> bool:
    days = [received_on + timedelta(n) for n in range(1, (reversed_on - received_on).days + 1)]
    return sum(day.weekday() < 5 for day in days) > REVERSAL_WORKING_DAYS
