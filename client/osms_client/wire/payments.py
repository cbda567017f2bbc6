"""Requests and answers of PaymentService about registers and payments."""

from collections.abc import Iterator
from datetime import date

from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from osms_client.errors import InvalidAnswerError
from osms_client.registers import (
    LineNotice,
    Payer,
    Payment,
    PaymentRow,
    Register,
    RegisterResult,
    RegisterSummary,
    RegisterTotals,
    RowTotals,
)
from osms_client.vocabulary import LineIssue, RegisterOutcome, RegisterRefusal
from osms_client.wire.scalars import Words, day, day_text, instant

MESSAGE_ROWS_MAX = 2_000
"""Rows sent in one message; the contract allows 5,000."""

MESSAGE_BYTES_MAX = 1_048_576
"""Size at which a message is closed early: rows may be long, and a server's default limit is 4 MiB.
"""

_outcomes = Words(RegisterOutcome, pb.RegisterOutcome.Value, prefix="REGISTER_OUTCOME")
_refusals = Words(RegisterRefusal, pb.RegisterRefusal.Value, prefix="REGISTER_REFUSAL")
line_issues = Words(LineIssue, pb.LineIssue.Value, prefix="LINE_ISSUE")


def register_messages(register: Register) -> Iterator[pb.IngestRegistersRequest]:
    """Split a register into messages, reading its rows only as they are sent."""
    part = _header(register)
    rows = size = 0
    for row in map(row_message, register.rows):
        if rows == MESSAGE_ROWS_MAX or size >= MESSAGE_BYTES_MAX:
            yield pb.IngestRegistersRequest(register=part, more_follows=True)
            part, rows, size = pb.Register(), 0, 0
        part.rows.append(row)
        rows += 1
        size += row.ByteSize()
    yield pb.IngestRegistersRequest(register=part, more_follows=False)


def _header(register: Register) -> pb.Register:
    return pb.Register(
        source=register.source,
        reference=register.reference,
        received_on=day_text(register.received_on, "received_on"),
        payer=_payer_message(register.payer),
        purpose_code=register.purpose_code,
        declared=pb.RegisterTotals(
            people=register.declared.people,
            documents=register.declared.documents,
            amount_tiyn=register.declared.amount_tiyn,
        ),
    )


def _payer_message(payer: Payer | None) -> core_pb2.Payer | None:
    return core_pb2.Payer(bin=payer.bin, name=payer.name) if payer else None


def row_message(row: PaymentRow) -> pb.PaymentRow:
    """Return a row as it is sent."""
    return pb.PaymentRow(
        line_no=row.line_no,
        document=row.document,
        iin=row.iin,
        surname=row.surname,
        given_name=row.given_name,
        patronymic=row.patronymic,
        birth_date=row.birth_date,
        period=row.period,
        amount_tiyn=row.amount_tiyn,
        purpose_code=row.purpose_code,
        payer=_payer_message(row.payer),
    )


def payment_row(row: pb.PaymentRow) -> PaymentRow:
    """Return a row as it was sent."""
    return PaymentRow(
        line_no=row.line_no,
        document=row.document,
        iin=row.iin,
        surname=row.surname,
        given_name=row.given_name,
        patronymic=row.patronymic,
        birth_date=row.birth_date,
        period=row.period,
        amount_tiyn=row.amount_tiyn,
        purpose_code=row.purpose_code,
        payer=_payer(row.payer) if row.HasField("payer") else None,
    )


def _payer(payer: core_pb2.Payer) -> Payer:
    return Payer(bin=payer.bin, name=payer.name)


def _totals(totals: core_pb2.RowTotals) -> RowTotals:
    return RowTotals(rows=totals.rows, amount_tiyn=totals.amount_tiyn)


def _notice(notice: pb.LineNotice) -> LineNotice:
    return LineNotice(
        line_no=notice.line_no, issue=line_issues.word(notice.issue), field=notice.field
    )


def register_result(response: pb.IngestRegistersResponse) -> RegisterResult:
    """Return what became of a register."""
    result = response.result
    if not result.outcome:
        raise InvalidAnswerError("a register result without an outcome")
    return RegisterResult(
        source=result.source,
        reference=result.reference,
        outcome=_outcomes.word(result.outcome),
        committed_at=instant(result.committed_at) if result.HasField("committed_at") else None,
        accepted=_totals(result.accepted),
        suspended=_totals(result.suspended),
        suspended_lines=tuple(map(_notice, result.suspended_lines)),
        warnings=tuple(map(_notice, result.warnings)),
        revision=result.revision,
        refusal=_refusals.word_or_none(result.refusal),
        field=result.field,
        declared=result.declared,
        counted=result.counted,
    )


def register_key(source: str, reference: str) -> pb.GetRegisterRequest:
    """Return the question for one register."""
    return pb.GetRegisterRequest(source=source, reference=reference)


def register(response: pb.GetRegisterResponse) -> RegisterSummary:
    """Return one register as it stands now."""
    return _summary(response.register)


def _summary(register: pb.RegisterSummary) -> RegisterSummary:
    return RegisterSummary(
        source=register.source,
        reference=register.reference,
        received_on=day(register.received_on),
        payer=_payer(register.payer),
        purpose_code=register.purpose_code,
        declared=RegisterTotals(
            people=register.declared.people,
            documents=register.declared.documents,
            amount_tiyn=register.declared.amount_tiyn,
        ),
        total=_totals(register.total),
        accepted=_totals(register.accepted),
        suspended=_totals(register.suspended),
        corrected=_totals(register.corrected),
        refunded=_totals(register.refunded),
        reversed=_totals(register.reversed),
        committed_at=instant(register.committed_at),
        revision=register.revision,
    )


def registers_request(
    *, source: str, received_from: date | None, received_to: date | None, page_size: int
) -> pb.ListRegistersRequest:
    """Return the question for the first page of registers."""
    return pb.ListRegistersRequest(
        source=source,
        received_from=day_text(received_from, "received_from"),
        received_to=day_text(received_to, "received_to"),
        page_size=page_size,
    )


def registers(response: pb.ListRegistersResponse) -> list[RegisterSummary]:
    """Return a page of registers."""
    return list(map(_summary, response.registers))


def payments_request(
    iin: str, *, first_period: str, last_period: str, page_size: int
) -> pb.ListPaymentsRequest:
    """Return the question for the first page of a person's payments."""
    return pb.ListPaymentsRequest(
        iin=iin, first_period=first_period, last_period=last_period, page_size=page_size
    )


def payments(response: pb.ListPaymentsResponse) -> list[Payment]:
    """Return a page of payments."""
    return [
        Payment(
            iin=payment.iin,
            surname=payment.surname,
            given_name=payment.given_name,
            patronymic=payment.patronymic,
            payer=_payer(payment.payer),
            period=payment.period,
            received_on=day(payment.received_on),
            source=payment.source,
            reference=payment.reference,
            line_no=payment.line_no,
            amount_tiyn=payment.amount_tiyn,
            purpose_code=payment.purpose_code,
            reversed_tiyn=payment.reversed_tiyn,
            revision=payment.revision,
        )
        for payment in response.payments
    ]
