"""What is done about single lines: suspended ones resolved, payments reversed."""

from collections.abc import Sequence
from datetime import date, timedelta
from hashlib import sha256

from osms.v1 import payment_service_pb2 as pb
from osms.values import parse_iin
from osms_server.fields import FIELD_SEPARATOR, clean
from osms_server.law import Law
from osms_server.registers import AMOUNT_MAX_TIYN, correction_content, read_correction
from osms_storage.payments import reverse_payments
from osms_storage.records import LineKey, Resolution, ResolutionOutcome, ReversalLine, Suspension
from osms_storage.store import Unit
from osms_storage.suspense import find_suspense, resolve_suspense

REVERSAL_WORKING_DAYS = 15
REASON_CODES = {"00111": 111, "00112": 112, "00113": 113}


def _key(law: Law, source: str, reference: str, line_no: int) -> LineKey:
    known = law.data.sources.get(source)
    return LineKey(known.id if known else -1, clean(reference), line_no)


async def resolve(
    unit: Unit, items: Sequence[pb.SuspenseResolution], operator_reason: str, law: Law
) -> list[pb.ResolutionResult]:
    """Correct or refund suspended lines, one result each in their order."""
    keys = [_key(law, item.source, item.reference, item.line_no) for item in items]
    entries = await find_suspense(unit.connection, keys)
    results: dict[int, pb.ResolutionResult] = {}
    resolutions: dict[int, Resolution] = {}
    for position, (key, item) in enumerate(zip(keys, items, strict=True)):
        if item.WhichOneof("action") == "refund" or key not in entries:
            resolutions[position] = Resolution(key, None, None, b"")
            continue
        entry = entries[key]
        row = pb.PaymentRow()
        row.CopyFrom(item.correction)
        row.line_no = key.line_no
        read = read_correction(row, entry.purpose_code, entry.received_on, law)
        if isinstance(read, Suspension):
            results[position] = pb.ResolutionResult(
                outcome=pb.RESOLUTION_OUTCOME_STILL_INVALID,
                issue=read.issue,  # type: ignore[arg-type] # a number of the contract
                field=read.field,
            )
        else:
            resolutions[position] = Resolution(key, *read, correction_content(row))
    outcomes = await resolve_suspense(
        unit, entries, list(resolutions.values()), operator_reason, law.policy
    )
    for position, outcome in zip(resolutions, outcomes, strict=True):
        results[position] = _resolution_result(outcome)
    return [results[position] for position in range(len(items))]


def _resolution_result(outcome: ResolutionOutcome) -> pb.ResolutionResult:
    if outcome is ResolutionOutcome.AMOUNT_DIFFERS:
        return pb.ResolutionResult(outcome=pb.RESOLUTION_OUTCOME_STILL_INVALID, field="amount_tiyn")
    return pb.ResolutionResult(outcome=pb.ResolutionOutcome.Value(f"RESOLUTION_OUTCOME_{outcome}"))


async def reverse(
    unit: Unit,
    source_id: int,
    reference: str,
    reversed_on: date,
    items: Sequence[pb.ReversalLine],
    law: Law,
) -> list[pb.ReversalResult]:
    """Reverse payments, one result each in their order."""
    results: dict[int, pb.ReversalResult] = {}
    lines: dict[int, ReversalLine] = {}
    for position, item in enumerate(items):
        checked = _reversal_line(law, item, reversed_on)
        if isinstance(checked, ReversalLine):
            lines[position] = checked
        else:
            results[position] = pb.ReversalResult(
                outcome=pb.REVERSAL_OUTCOME_INVALID, field=checked
            )
    outcomes = await reverse_payments(
        unit, source_id, reference, reversed_on, list(lines.values()), law.policy
    )
    for position, outcome in zip(lines, outcomes, strict=True):
        results[position] = pb.ReversalResult(
            outcome=pb.ReversalOutcome.Value(f"REVERSAL_OUTCOME_{outcome.outcome}"),
            left_tiyn=outcome.left_tiyn,
            field=outcome.field,
            late=outcome.received_on is not None
            and reversed_on > _reversible_until(outcome.received_on),
        )
    return [results[position] for position in range(len(items))]


def _reversal_line(law: Law, line: pb.ReversalLine, reversed_on: date) -> ReversalLine | str:
    """Return a checked line, or the field that is wrong."""
    if line.line_no <= 0:
        return "line_no"
    try:
        iin = parse_iin(line.payment.iin)
    except ValueError:
        return "payment.iin"
    if not 0 < line.amount_tiyn <= AMOUNT_MAX_TIYN:
        return "amount_tiyn"
    if line.reason_code not in REASON_CODES:
        return "reason_code"
    key = _key(law, line.payment.source, line.payment.reference, line.payment.line_no)
    fields = (key.source_id, key.reference, key.line_no, iin, line.amount_tiyn)
    content = map(str, (*fields, line.reason_code, reversed_on))
    return ReversalLine(
        line_no=line.line_no,
        payment=key,
        iin=iin,
        amount_tiyn=line.amount_tiyn,
        reason=REASON_CODES[line.reason_code],
        content=sha256(FIELD_SEPARATOR.join(content).encode()).digest(),
    )


def _reversible_until(received_on: date) -> date:
    """Return the last day of the limit for reversals, Monday to Friday being working days."""
    day, left = received_on, REVERSAL_WORKING_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return day
