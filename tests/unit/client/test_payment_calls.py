"""Registers, suspense and reversals, through either gateway over a real socket."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from osms_client import (
    Correction,
    InvalidAnswerError,
    LineIssue,
    Payer,
    PaymentKey,
    PaymentRow,
    Refund,
    Register,
    RegisterOutcome,
    RegisterRefusal,
    RegisterTotals,
    ResolutionOutcome,
    RetryLaterError,
    Reversal,
    ReversalLine,
    ReversalOutcome,
    RowTotals,
    SuspenseState,
)
from osms_client.wire import payments
from tests.unit.client.fake import IIN, FakeGateway, Sdk, abort

AT = Timestamp(seconds=1_750_000_000)


def _row(line_no: int, **changes: Any) -> PaymentRow:
    fields = {"iin": IIN, "period": "2025-07", "amount_tiyn": 425_000, **changes}
    return PaymentRow(line_no=line_no, **fields)


def _register(reference: str, rows: int = 1, **changes: Any) -> Register:
    return Register(
        source="state_corporation",
        reference=reference,
        received_on=date(2025, 8, 20),
        payer=Payer("160440007161", "Мемлекеттік корпорация"),
        purpose_code="121",
        declared=RegisterTotals(people=1, documents=1, amount_tiyn=rows * 425_000),
        rows=(_row(number + 1, **changes) for number in range(rows)),
    )


def _commit(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    rows = 0
    head = pb.Register()
    for request in requests:
        head = request.register if request.register.reference else head
        rows += len(request.register.rows)
        if not request.more_follows:
            result = pb.RegisterResult(
                source=head.source,
                reference=head.reference,
                outcome=pb.REGISTER_OUTCOME_COMMITTED,
                committed_at=AT,
                accepted=core_pb2.RowTotals(rows=rows, amount_tiyn=rows * 425_000),
                revision=12,
            )
            yield pb.IngestRegistersResponse(result=result)
            rows = 0


def test_ingest_yields_one_result_per_register(fake: FakeGateway, sdk: Sdk) -> None:
    """Each register gets its own typed result, in the order sent."""
    fake.on("IngestRegisters", _commit)
    first, second = sdk.call("ingest", (_register(f"GCVP-{n}", n) for n in (1, 2)))
    assert (first.reference, second.reference) == ("GCVP-1", "GCVP-2")
    assert second.outcome is RegisterOutcome.COMMITTED
    assert second.accepted == RowTotals(2, 850_000)
    assert second.committed_at == AT.ToDatetime(tzinfo=UTC)
    assert (second.revision, second.refusal) == (12, None)


def test_register_is_sent_as_it_is(fake: FakeGateway, sdk: Sdk) -> None:
    """Header and rows reach the gateway untouched, wrong texts included."""
    fake.on("IngestRegisters", _commit)
    odd = {"iin": "9001O1", "period": "13.2025", "birth_date": "?", "patronymic": "-"}
    row = _row(1, payer=Payer("900101390002", "ИП"), purpose_code="122", document="7", **odd)
    register = Register(
        source="s",
        reference="r",
        received_on=date(2025, 8, 20),
        declared=RegisterTotals(people=1, documents=1, amount_tiyn=425_000),
        rows=[row],
    )
    sdk.call("ingest", [register])
    sent = fake.asked[0].register
    assert (sent.received_on, sent.declared.amount_tiyn) == ("2025-08-20", 425_000)
    assert not sent.HasField("payer")
    assert payments.payment_row(sent.rows[0]) == row


def test_large_register_is_split(fake: FakeGateway, sdk: Sdk) -> None:
    """A register above the rows of one message spans several; only the first has the header."""
    fake.on("IngestRegisters", _commit)
    total = 2 * payments.MESSAGE_ROWS_MAX + 1
    (result,) = sdk.call("ingest", [_register("GCVP-1", total)])
    assert result.accepted.rows == total
    assert [len(request.register.rows) for request in fake.asked] == [
        payments.MESSAGE_ROWS_MAX,
        payments.MESSAGE_ROWS_MAX,
        1,
    ]
    assert [request.more_follows for request in fake.asked] == [True, True, False]
    assert [request.register.reference for request in fake.asked] == ["GCVP-1", "", ""]


def test_long_rows_are_split_by_size(fake: FakeGateway, sdk: Sdk) -> None:
    """Messages stay small however long the rows are."""
    fake.on("IngestRegisters", _commit)
    register = _register("GCVP-1", 1_500, surname="Ж" * 200, payer=Payer("", "Ж" * 500))
    (result,) = sdk.call("ingest", [register])
    assert result.accepted.rows == 1_500
    assert len(fake.asked) > 1
    assert max(request.ByteSize() for request in fake.asked) < 2 * payments.MESSAGE_BYTES_MAX


def test_register_that_fits_exactly_is_one_message(fake: FakeGateway, sdk: Sdk) -> None:
    """No empty message follows a full one."""
    fake.on("IngestRegisters", _commit)
    sdk.call("ingest", [_register("GCVP-1", payments.MESSAGE_ROWS_MAX)])
    assert [request.more_follows for request in fake.asked] == [False]


def test_empty_register_is_sent(fake: FakeGateway, sdk: Sdk) -> None:
    """A register without rows is the gateway's to refuse."""
    fake.on("IngestRegisters", _commit)
    (result,) = sdk.call("ingest", [_register("GCVP-1", 0)])
    assert result.accepted.rows == 0


def test_no_registers_is_no_trouble(fake: FakeGateway, sdk: Sdk) -> None:
    """Nothing to send yields nothing."""
    fake.on("IngestRegisters", _commit)
    assert sdk.call("ingest", []) == []


def test_refusal_is_a_result(fake: FakeGateway, sdk: Sdk) -> None:
    """A refused register is an answer with its reason, not an error."""
    result = pb.RegisterResult(
        source="state_corporation",
        reference="GCVP-1",
        outcome=pb.REGISTER_OUTCOME_REFUSED,
        refusal=pb.REGISTER_REFUSAL_TOTALS_MISMATCH,
        field="declared.amount_tiyn",
        declared="425001",
        counted="425000",
    )
    fake.on(
        "IngestRegisters",
        lambda requests, context: (pb.IngestRegistersResponse(result=result) for _ in requests),
    )
    (refused,) = sdk.call("ingest", [_register("GCVP-1")])
    assert refused.refusal is RegisterRefusal.TOTALS_MISMATCH
    assert (refused.field, refused.declared, refused.counted) == (
        "declared.amount_tiyn",
        "425001",
        "425000",
    )
    assert refused.committed_at is None


def test_result_of_another_register_is_no_answer(fake: FakeGateway, sdk: Sdk) -> None:
    """A result that does not belong to the next register raises: money must not be mixed up."""
    wrong = pb.RegisterResult(
        source="state_corporation", reference="GCVP-9", outcome=pb.REGISTER_OUTCOME_COMMITTED
    )
    fake.on(
        "IngestRegisters",
        lambda requests, context: (pb.IngestRegistersResponse(result=wrong) for _ in requests),
    )
    with pytest.raises(InvalidAnswerError):
        sdk.call("ingest", [_register("GCVP-1")])


def test_results_before_a_failure_stay(fake: FakeGateway, sdk: Sdk) -> None:
    """What was answered before the stream broke has been yielded."""

    def one(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        yield from _commit(iter([next(requests)]), context)
        next(requests)
        abort(context, grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN", retry_after_s=1)

    fake.on("IngestRegisters", one)
    seen: list[str] = []

    def use(gateway: Any) -> Any:
        registers = [_register("GCVP-1"), _register("GCVP-2")]
        if sdk.kind == "blocking":
            return _note(gateway.ingest(registers), seen)
        return _note_async(gateway.ingest(registers), seen)

    with pytest.raises(RetryLaterError):
        sdk.run(use)
    assert seen == ["GCVP-1"]


def _note(results: Any, seen: list[str]) -> None:
    for result in results:
        seen.append(result.reference)  # noqa: PERF401 # what came before the error must stay


async def _note_async(results: Any, seen: list[str]) -> None:
    async for result in results:
        seen.append(result.reference)  # noqa: PERF401 # what came before the error must stay


def test_rows_that_raise_stop_the_stream(fake: FakeGateway, sdk: Sdk) -> None:
    """An error while reading rows is raised as it is, and the register is never completed."""
    fake.on("IngestRegisters", _commit)

    def rows() -> Iterator[PaymentRow]:
        for number in range(payments.MESSAGE_ROWS_MAX + 1):
            yield _row(number + 1)
        raise OSError("disk")

    register = Register(
        source="s",
        reference="r",
        received_on=date(2025, 8, 20),
        declared=RegisterTotals(people=1, documents=1, amount_tiyn=1),
        rows=rows(),
    )
    with pytest.raises(OSError, match="disk"):
        sdk.call("ingest", [register])
    assert all(request.more_follows for request in fake.asked)


def test_lists_go_through_all_pages(fake: FakeGateway, sdk: Sdk) -> None:
    """A list yields every entry, asking for the next page with the same filters."""

    def page(request: Any, context: grpc.ServicerContext) -> Any:
        number = int(request.page_token or "0")
        summary = pb.RegisterSummary(
            reference=f"GCVP-{number}",
            received_on="2025-08-20",
            reversed=core_pb2.RowTotals(rows=1, amount_tiyn=5),
            committed_at=AT,
        )
        following = str(number + 1) if number < 2 else ""
        return pb.ListRegistersResponse(registers=[summary], next_page_token=following)

    fake.on("ListRegisters", page)
    found = sdk.run(
        lambda gateway: gateway.list_registers(
            source="labour", received_from=date(2025, 8, 1), page_size=1
        )
    )
    assert [register.reference for register in found] == ["GCVP-0", "GCVP-1", "GCVP-2"]
    assert found[0].reversed == RowTotals(1, 5)
    assert {request.source for request in fake.asked} == {"labour"}
    assert {request.received_from for request in fake.asked} == {"2025-08-01"}


def test_register_is_found_by_its_key(fake: FakeGateway, sdk: Sdk) -> None:
    """One register arrives with all its totals."""
    summary = pb.RegisterSummary(
        source="state_corporation",
        reference="GCVP-1",
        received_on="2025-08-20",
        declared=pb.RegisterTotals(people=2, documents=1, amount_tiyn=850_000),
        corrected=core_pb2.RowTotals(rows=1, amount_tiyn=425_000),
        committed_at=AT,
    )
    fake.answers("GetRegister", pb.GetRegisterResponse(register=summary))
    found = sdk.call("get_register", "state_corporation", "GCVP-1")
    assert found.declared == RegisterTotals(people=2, documents=1, amount_tiyn=850_000)
    assert found.corrected == RowTotals(1, 425_000)


def test_suspense_is_listed_and_filtered(fake: FakeGateway, sdk: Sdk) -> None:
    """Suspended lines arrive as they were sent, with what is wrong."""
    row = _row(3, iin="12")
    line = pb.SuspendedRow(
        source="s",
        reference="r",
        row=payments.row_message(row),
        issue=pb.LINE_ISSUE_IIN_MALFORMED,
        field="iin",
        state=pb.SUSPENSE_STATE_SUSPENDED,
        received_on="2025-08-20",
    )
    fake.answers("ListSuspense", pb.ListSuspenseResponse(rows=[line]))
    (found,) = sdk.call(
        "list_suspense", state=SuspenseState.SUSPENDED, issue=LineIssue.IIN_MALFORMED
    )
    assert found.row == row
    assert (found.issue, found.state) == (LineIssue.IIN_MALFORMED, SuspenseState.SUSPENDED)
    assert found.resolved_at is None
    assert fake.asked[0].state == pb.SUSPENSE_STATE_SUSPENDED


def test_lines_are_corrected_or_refunded(fake: FakeGateway, sdk: Sdk) -> None:
    """A correction carries the right row, a refund only its key; each gets a result."""
    response = pb.ResolveSuspenseResponse(revision=14)
    response.results.add(outcome=pb.RESOLUTION_OUTCOME_RESOLVED)
    response.results.add(outcome=pb.RESOLUTION_OUTCOME_STILL_INVALID, field="amount_tiyn")
    fake.answers("ResolveSuspense", response)
    resolutions = [
        Correction(source="s", reference="r", line_no=3, row=_row(3)),
        Refund(source="s", reference="r", line_no=4),
    ]
    found = sdk.call("resolve_suspense", resolutions, operator_reason="letter 5")
    assert found.revision == 14
    assert [result.outcome for result in found.results] == [
        ResolutionOutcome.RESOLVED,
        ResolutionOutcome.STILL_INVALID,
    ]
    assert (found.results[1].issue, found.results[1].field) == (None, "amount_tiyn")
    correction, refund = fake.asked[0].resolutions
    assert correction.correction.iin == IIN
    assert refund.refund


def test_payments_are_reversed(fake: FakeGateway, sdk: Sdk) -> None:
    """A reversal names payments by their keys; each line gets a result."""
    response = pb.ReversePaymentsResponse(revision=15)
    response.results.add(outcome=pb.REVERSAL_OUTCOME_EXCEEDS_PAYMENT, left_tiyn=100, late=True)
    fake.answers("ReversePayments", response)
    key = PaymentKey(source="s", reference="r", line_no=1, iin=IIN)
    line = ReversalLine(line_no=1, payment=key, amount_tiyn=200, reason_code="00111")
    reversal = Reversal(
        source="s", reversal_reference="V-1", reversed_on=date(2025, 9, 1), lines=(line,)
    )
    (result,) = sdk.call("reverse_payments", reversal).results
    assert result.outcome is ReversalOutcome.EXCEEDS_PAYMENT
    assert (result.left_tiyn, result.late) == (100, True)
    assert fake.asked[0].lines[0].payment.iin == IIN
    assert fake.asked[0].reversed_on == "2025-09-01"


def test_payments_of_a_person_are_listed(fake: FakeGateway, sdk: Sdk) -> None:
    """A payment arrives with its nine fields."""
    payment = pb.Payment(
        iin=IIN,
        surname="Ахметова",
        payer=core_pb2.Payer(bin="160440007161", name="К"),
        period="2025-07",
        received_on="2025-08-20",
        reference="GCVP-1",
        amount_tiyn=425_000,
        purpose_code="121",
        reversed_tiyn=5,
    )
    fake.answers("ListPayments", pb.ListPaymentsResponse(payments=[payment]))
    (found,) = sdk.call("list_payments", IIN, first_period="2025-01")
    assert (found.surname, found.payer.bin, found.period) == ("Ахметова", "160440007161", "2025-07")
    assert (found.received_on, found.reversed_tiyn) == (date(2025, 8, 20), 5)


def test_a_datetime_is_not_a_day() -> None:
    """A datetime where a day is meant is refused: its zone would decide the date."""
    register = _register("GCVP-1")
    moment: date = datetime(2025, 8, 20, 23, tzinfo=UTC)
    wrong = Register(
        source=register.source,
        reference=register.reference,
        received_on=moment,
        declared=register.declared,
        rows=(),
    )
    with pytest.raises(TypeError, match="not a datetime"):
        list(payments.register_messages(wrong))
