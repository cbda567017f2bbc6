"""Turns what the store says of payments into messages of the contract."""

from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from osms.values import format_iin, format_month
from osms_server.fields import timestamp
from osms_server.grouping import Commit
from osms_server.law import Law
from osms_server.registers import Checked, Refusal
from osms_storage.records import (
    CommittedRegister,
    Payer,
    PaymentFact,
    RegisterState,
    SuspenseEntry,
    Suspension,
    Totals,
)

WARNINGS_MAX = 1_000
"""The most warnings in one result: a register of strange rows must not outgrow a message."""


def _totals(totals: Totals) -> core_pb2.RowTotals:
    return core_pb2.RowTotals(rows=totals.rows, amount_tiyn=totals.amount_tiyn)


def _payer(payer: Payer | None) -> core_pb2.Payer | None:
    return None if payer is None else core_pb2.Payer(bin=payer.bin, name=payer.name)


def notice(suspension: Suspension) -> pb.LineNotice:
    """Return why a line went to suspense."""
    return pb.LineNotice(
        line_no=suspension.raw.line_no,
        issue=suspension.issue,  # type: ignore[arg-type] # the store keeps the number
        field=suspension.field,
    )


def refused(header: pb.Register, refusal: Refusal) -> pb.RegisterResult:
    """Return the result of a register that was refused."""
    return pb.RegisterResult(
        source=header.source,
        reference=header.reference,
        outcome=pb.REGISTER_OUTCOME_REFUSED,
        refusal=refusal.refusal,
        field=refusal.field,
        declared=refusal.declared,
        counted=refusal.counted,
    )


def committed(header: pb.Register, checked: Checked, commit: Commit) -> pb.RegisterResult:
    """Return the result of a register that was committed now."""
    register = checked.register
    suspended_amount = sum(line.raw.amount_tiyn for line in register.suspended)
    return pb.RegisterResult(
        source=header.source,
        reference=header.reference,
        outcome=pb.REGISTER_OUTCOME_COMMITTED,
        committed_at=timestamp(commit.recorded_at),
        accepted=core_pb2.RowTotals(
            rows=len(register.accepted), amount_tiyn=register.amount_tiyn - suspended_amount
        ),
        suspended=core_pb2.RowTotals(rows=len(register.suspended), amount_tiyn=suspended_amount),
        suspended_lines=map(notice, register.suspended),
        warnings=checked.warnings[:WARNINGS_MAX],
        revision=commit.revision,
    )


def committed_before(header: pb.Register, register: CommittedRegister) -> pb.RegisterResult:
    """Return the first result of a register again, without its lines."""
    return pb.RegisterResult(
        source=header.source,
        reference=header.reference,
        outcome=pb.REGISTER_OUTCOME_ALREADY_COMMITTED,
        committed_at=timestamp(register.recorded_at),
        accepted=_totals(register.accepted),
        suspended=_totals(register.suspended),
        revision=register.revision,
    )


def summary(state: RegisterState, law: Law) -> pb.RegisterSummary:
    """Return a register as it stands now."""
    register = state.committed
    return pb.RegisterSummary(
        source=law.data.source_codes[register.source_id],
        reference=register.reference,
        received_on=register.received_on.isoformat(),
        payer=_payer(register.payer),
        purpose_code=register.purpose_code,
        declared=pb.RegisterTotals(
            people=register.people,
            documents=register.documents,
            amount_tiyn=register.total.amount_tiyn,
        ),
        total=_totals(register.total),
        accepted=_totals(register.accepted),
        suspended=_totals(state.suspended),
        corrected=_totals(state.corrected),
        refunded=_totals(state.refunded),
        reversed=_totals(state.reversed),
        committed_at=timestamp(register.recorded_at),
        revision=register.revision,
    )


def suspended_row(entry: SuspenseEntry, law: Law) -> pb.SuspendedRow:
    """Return a line that went to suspense, as it was sent."""
    raw = entry.suspension.raw
    row = pb.SuspendedRow(
        source=law.data.source_codes[entry.source_id],
        reference=entry.reference,
        row=pb.PaymentRow(
            line_no=raw.line_no,
            document=raw.document,
            iin=raw.iin,
            surname=raw.surname,
            given_name=raw.given_name,
            patronymic=raw.patronymic,
            birth_date=raw.birth_date,
            period=raw.period,
            amount_tiyn=raw.amount_tiyn,
            purpose_code=raw.purpose_code,
            payer=_payer(raw.payer),
        ),
        issue=entry.suspension.issue,  # type: ignore[arg-type] # the store keeps the number
        field=entry.suspension.field,
        state=entry.state.value,  # type: ignore[arg-type] # the numbers are the contract's
        received_on=entry.received_on.isoformat(),
        operator_reason=entry.operator_reason,
    )
    if entry.resolved_at is not None:
        row.resolved_at.CopyFrom(timestamp(entry.resolved_at))
    return row


def payment(fact: PaymentFact, law: Law) -> pb.Payment:
    """Return a payment with the nine fields the law names."""
    name = fact.name
    return pb.Payment(
        iin=format_iin(fact.iin),
        surname=name.surname if name else "",
        given_name=name.given_name if name else "",
        patronymic=name.patronymic if name else "",
        payer=_payer(fact.payer),
        period=format_month(fact.period),
        received_on=fact.received_on.isoformat(),
        source=law.data.source_codes[fact.source_id],
        reference=fact.reference,
        line_no=fact.line_no,
        amount_tiyn=fact.amount_tiyn,
        purpose_code=f"{fact.purpose:03d}",
        reversed_tiyn=fact.reversed_tiyn,
        revision=fact.revision,
    )
