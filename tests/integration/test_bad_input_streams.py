"""Streams that break off, come in no order, or are too large; and clients that go away."""

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import consumer_service_pb2 as consumer_pb
from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from osms_client.testing import RunningGateway
from tests.integration import feeds, half_sender, lookups, registers
from tests.integration.people import new_iin
from tests.integration.streams import Sender, halves
from tests.integration.wire import DEADLINE_S, Stubs, failure_of

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
NESTED = base64.urlsafe_b64encode(b"[" * 100_000).decode()
"""A token whose content is nested more deeply than Python reads JSON."""
OPTIONS = consumer_pb.LookupOptions(purpose=core_pb2.PURPOSE_ROSTER)


def two_rows() -> pb.Register:
    """Return a register of a payment and a row for suspense."""
    return registers.register(registers.row(1), registers.row(2, "12"))


# --- registers -----------------------------------------------------------------------------------


def test_a_stream_that_ends_inside_a_register_leaves_nothing_of_it(stubs: Stubs) -> None:
    """The registers before it stay committed; its reference stays free and it can be sent again."""
    before, cut = two_rows(), two_rows()
    stream = Sender(stubs.payments.IngestRegisters)
    stream.send(pb.IngestRegistersRequest(register=before), halves(cut)[0])
    assert next(stream.call).result.reference == before.reference
    failure = failure_of(stream.end)
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert (failure.reason, failure.metadata) == ("STREAM_OUT_OF_ORDER", {"expected": "rows"})
    assert registers.summary(stubs, before).total.rows == 2
    registers.assert_never_sent(stubs, cut)
    assert registers.ingest_one(stubs, cut).outcome == pb.REGISTER_OUTCOME_COMMITTED


def test_a_call_taken_back_inside_a_register_leaves_nothing_of_it(stubs: Stubs) -> None:
    """Cancelling is as good as never having begun."""
    before, cut = two_rows(), two_rows()
    stream = Sender(stubs.payments.IngestRegisters)
    stream.send(pb.IngestRegistersRequest(register=before))
    assert next(stream.call).result.outcome == pb.REGISTER_OUTCOME_COMMITTED
    stream.send(halves(cut)[0])
    stream.break_off()
    assert registers.summary(stubs, before).total.rows == 2
    registers.assert_never_sent(stubs, cut)
    assert registers.ingest_one(stubs, cut).outcome == pb.REGISTER_OUTCOME_COMMITTED


def test_a_killed_client_leaves_its_answered_registers_and_nothing_of_the_next(
    gateway: RunningGateway, stubs: Stubs, tmp_path: Path
) -> None:
    """A loader that dies in the middle is simply run again."""
    whole, half = two_rows(), two_rows()
    files = (tmp_path / "whole", tmp_path / "half")
    for file, register in zip(files, (whole, half), strict=True):
        file.write_bytes(pb.IngestRegistersRequest(register=register).SerializeToString())
    command = [sys.executable, half_sender.__file__, gateway.target, *map(str, files)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "answered\n"
        client.kill()
    assert registers.summary(stubs, whole).total.rows == 2
    registers.assert_never_sent(stubs, half)
    outcomes = [result.outcome for result in registers.ingest(stubs, whole, half)]
    assert outcomes == [pb.REGISTER_OUTCOME_ALREADY_COMMITTED, pb.REGISTER_OUTCOME_COMMITTED]


def test_a_client_that_never_takes_its_answer_may_send_again(stubs: Stubs) -> None:
    """After a lost acknowledgement the register is there whole or not at all, and counts once."""
    for _ in range(10):
        sent = two_rows()
        stream = Sender(stubs.payments.IngestRegisters)
        stream.send(pb.IngestRegistersRequest(register=sent))
        stream.break_off()
        result = registers.ingest_one(stubs, sent)
        assert result.outcome in (
            pb.REGISTER_OUTCOME_COMMITTED,
            pb.REGISTER_OUTCOME_ALREADY_COMMITTED,
        )
        assert len(registers.payments(stubs, sent.rows[0].iin)) == 1
        assert registers.summary(stubs, sent).total.rows == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source", "state_corporation"),
        ("reference", "GCVP-00000000001"),
        ("received_on", "2026-01-10"),
        ("payer", core_pb2.Payer(name="ТОО «Береке»")),
        ("purpose_code", "122"),
        ("declared", pb.RegisterTotals()),
    ],
)
def test_a_message_that_continues_a_register_holds_only_rows(
    stubs: Stubs, field: str, value: Any
) -> None:
    """A header inside a register means a message was lost: the stream ends, nothing is kept."""
    cut = two_rows()
    first, rest = halves(cut)
    rest.register.MergeFrom(pb.Register(**{field: value}))
    requests = iter([first, rest])
    call = stubs.payments.IngestRegisters(requests, timeout=DEADLINE_S)
    failure = failure_of(lambda: list(call))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "STREAM_OUT_OF_ORDER"
    assert failure.metadata == {"expected": "rows"}
    registers.assert_never_sent(stubs, cut)


# --- syncs ---------------------------------------------------------------------------------------


def sync_part(**part: Any) -> category_pb.SyncCategoriesRequest:
    """Return one message of a sync."""
    return category_pb.SyncCategoriesRequest(**part)


HEADER = sync_part(header=feeds.delta(1, [feeds.record(new_iin())]))
CHUNK = sync_part(chunk=category_pb.SyncChunk(records=[feeds.record(new_iin())]))
COMMIT = sync_part(commit=category_pb.SyncCommit())


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([CHUNK], "header"),
        ([COMMIT], "header"),
        ([sync_part()], "header"),
        ([HEADER, HEADER], "chunk or commit"),
        ([HEADER, CHUNK, HEADER], "chunk or commit"),
        ([HEADER, sync_part()], "chunk or commit"),
    ],
)
def test_a_sync_in_another_order_ends_the_stream(
    stubs: Stubs, messages: list[category_pb.SyncCategoriesRequest], expected: str
) -> None:
    """A header, chunks, a commit: anything else is STREAM_OUT_OF_ORDER and leaves nothing."""
    number = feeds.next_number(stubs)
    call = stubs.categories.SyncCategories(iter(messages), timeout=DEADLINE_S)
    failure = failure_of(lambda: list(call))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "STREAM_OUT_OF_ORDER"
    assert failure.metadata == {"expected": expected}
    assert feeds.next_number(stubs) == number


@pytest.mark.parametrize("how", ["ended", "taken back"])
def test_a_sync_without_its_commit_leaves_nothing(stubs: Stubs, how: str) -> None:
    """Records that were sent but not committed count for nothing, and the number stays free."""
    iin = new_iin()
    number = feeds.next_number(stubs)
    records = [feeds.record(iin), feeds.record("12")]
    messages = list(feeds.parts(feeds.delta(number, records), records))
    stream = Sender(stubs.categories.SyncCategories)
    stream.send(*messages[:-1])
    assert len(next(stream.call).rejected) == 1
    if how == "ended":
        assert failure_of(stream.end).reason == "STREAM_OUT_OF_ORDER"
    else:
        stream.break_off()
    assert lookups.status_of(stubs, iin) == "UNKNOWN_CONSUMER"
    assert feeds.next_number(stubs) == number
    synced = feeds.send(stubs, feeds.delta(number, records), records)
    assert synced.result.outcome == category_pb.SYNC_OUTCOME_APPLIED
    assert lookups.status_of(stubs, iin) == "INSURED"


# --- lookups -------------------------------------------------------------------------------------


def test_options_stand_in_the_first_message_of_a_stream_and_only_there(stubs: Stubs) -> None:
    """A stream that begins without them, or says them again, is out of order."""
    item = consumer_pb.LookupItem(iin=new_iin())
    with_options = consumer_pb.StreamLookupConsumersRequest(options=OPTIONS, items=[item])
    without = consumer_pb.StreamLookupConsumersRequest(items=[item])
    stream = stubs.consumers.StreamLookupConsumers
    failures = [
        failure_of(lambda: list(stream(iter([without]), timeout=DEADLINE_S))),
        failure_of(lambda: list(stream(iter([with_options, with_options]), timeout=DEADLINE_S))),
    ]
    assert {failure.reason for failure in failures} == {"STREAM_OUT_OF_ORDER"}
    assert [failure.metadata["expected"] for failure in failures] == ["options", "items"]


def test_what_all_items_share_is_checked_once_for_the_whole_call(stubs: Stubs) -> None:
    """Wrong shared options end a batch and a stream with all their violations."""
    options = consumer_pb.LookupOptions(service_date="2025-02-30", at_least_revision=-1)
    items = [consumer_pb.LookupItem(iin=new_iin())]
    batch = consumer_pb.BatchLookupConsumersRequest(options=options, items=items)
    stream = iter([consumer_pb.StreamLookupConsumersRequest(options=options, items=items)])
    failures = [
        failure_of(lambda: stubs.consumers.BatchLookupConsumers(batch, timeout=DEADLINE_S)),
        failure_of(lambda: list(stubs.consumers.StreamLookupConsumers(stream, timeout=DEADLINE_S))),
    ]
    for failure in failures:
        assert failure.reason == "INVALID_REQUEST"
        assert set(failure.violations) == {
            "options.service_date",
            "options.at_least_revision",
            "options.purpose",
        }


def test_a_batch_of_nobody_is_refused(stubs: Stubs) -> None:
    """An empty batch is a mistake; an empty chunk of a stream is answered with an empty one."""
    batch = consumer_pb.BatchLookupConsumersRequest(options=OPTIONS)
    failure = failure_of(lambda: stubs.consumers.BatchLookupConsumers(batch, timeout=DEADLINE_S))
    assert list(failure.violations) == ["items"]
    stream = iter([consumer_pb.StreamLookupConsumersRequest(options=OPTIONS)])
    (answer,) = stubs.consumers.StreamLookupConsumers(stream, timeout=DEADLINE_S)
    assert not answer.results
    assert answer.context.revision > 0


# --- too large -----------------------------------------------------------------------------------


def large_calls(stubs: Stubs) -> Iterator[tuple[Any, str, str]]:
    """Return calls just above their limits, and the limits' names and values."""
    iin = new_iin()
    items = [consumer_pb.LookupItem(iin=iin)] * 10_001
    batch = consumer_pb.BatchLookupConsumersRequest(options=OPTIONS, items=items)
    chunk = consumer_pb.StreamLookupConsumersRequest(options=OPTIONS, items=items)
    yield lambda: stubs.consumers.BatchLookupConsumers(batch), "batch_items_max", "items"
    stream = stubs.consumers.StreamLookupConsumers
    yield lambda: list(stream(iter([chunk]))), "batch_items_max", "items"
    records = [feeds.record(iin)] * 10_001
    header = feeds.delta(feeds.next_number(stubs), records)
    sync = stubs.categories.SyncCategories
    yield lambda: list(sync(feeds.parts(header, records))), "chunk_records_max", "records"
    refund = pb.SuspenseResolution(source=registers.SENDER, reference="x", line_no=1, refund=True)
    resolutions = pb.ResolveSuspenseRequest(
        resolutions=[refund] * 10_001, operator_reason="returned"
    )
    yield lambda: stubs.payments.ResolveSuspense(resolutions), "lines_max", "lines"
    reversal = pb.ReversePaymentsRequest(
        source=registers.SENDER,
        reversal_reference="R-1",
        reversed_on="2026-01-15",
        lines=[
            pb.ReversalLine(line_no=number, payment=pb.PaymentKey(source=registers.SENDER))
            for number in range(1, 10_002)
        ],
    )
    yield lambda: stubs.payments.ReversePayments(reversal), "lines_max", "lines"


def test_a_request_above_a_limit_is_told_which_and_how_much(stubs: Stubs) -> None:
    """LIMIT_EXCEEDED names the limit and its value, so that the caller can send less."""
    for call, limit, unit in large_calls(stubs):
        failure = failure_of(call)
        assert failure.status is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert failure.reason == "LIMIT_EXCEEDED"
        assert failure.metadata == {"limit": limit, f"value_{unit}": "10000"}
        assert failure.retry_after_s is None


def test_ten_thousand_people_are_one_batch(stubs: Stubs) -> None:
    """The largest batch allowed is answered whole."""
    items = [consumer_pb.LookupItem(iin=new_iin()) for _ in range(100)] * 100
    batch = consumer_pb.BatchLookupConsumersRequest(options=OPTIONS, items=items)
    results = stubs.consumers.BatchLookupConsumers(batch, timeout=DEADLINE_S).results
    assert [result.eligibility.iin for result in results] == [item.iin for item in items]


def test_a_message_over_the_size_limit_ends_its_call_and_nothing_else(stubs: Stubs) -> None:
    """RESOURCE_EXHAUSTED for the message; calls after it and streams beside it go on."""
    beside = Sender(stubs.payments.IngestRegisters)
    beside.send(pb.IngestRegistersRequest(register=two_rows()))
    assert next(beside.call).result.outcome == pb.REGISTER_OUTCOME_COMMITTED
    huge = two_rows()
    huge.rows[0].surname = "x" * MESSAGE_BYTES_MAX
    failure = failure_of(lambda: registers.ingest_one(stubs, huge))
    assert failure.status is grpc.StatusCode.RESOURCE_EXHAUSTED
    registers.assert_never_sent(stubs, huge)
    question = lookups.question(new_iin(), surname="x" * MESSAGE_BYTES_MAX)
    failure = failure_of(lambda: stubs.consumers.LookupConsumer(question, timeout=DEADLINE_S))
    assert failure.status is grpc.StatusCode.RESOURCE_EXHAUSTED
    beside.send(pb.IngestRegistersRequest(register=two_rows()))
    (answer,) = beside.end()
    assert answer.result.outcome == pb.REGISTER_OUTCOME_COMMITTED


# --- pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("page_size", [-1, 1_001])
def test_a_page_has_between_one_and_a_thousand_rows(stubs: Stubs, page_size: int) -> None:
    """Every listing refuses another page size as INVALID_REQUEST."""
    payments = stubs.payments
    for call in (
        lambda: payments.ListRegisters(pb.ListRegistersRequest(page_size=page_size)),
        lambda: payments.ListSuspense(pb.ListSuspenseRequest(page_size=page_size)),
        lambda: payments.ListPayments(pb.ListPaymentsRequest(iin=new_iin(), page_size=page_size)),
    ):
        failure = failure_of(call)
        assert failure.reason == "INVALID_REQUEST"
        assert list(failure.violations) == ["page_size"]


def test_a_page_token_is_good_only_for_the_listing_that_gave_it_out(stubs: Stubs) -> None:
    """Made-up tokens, and tokens of another filter or call, are PAGE_TOKEN_INVALID."""
    registers.ingest(stubs, two_rows(), two_rows())
    first = stubs.payments.ListRegisters(pb.ListRegistersRequest(page_size=1))
    token = first.next_page_token
    assert token
    payments = stubs.payments
    for call in (
        lambda: payments.ListRegisters(pb.ListRegistersRequest(page_token="x")),
        lambda: payments.ListRegisters(pb.ListRegistersRequest(page_token="²" * 40)),
        lambda: payments.ListRegisters(pb.ListRegistersRequest(page_token=NESTED)),
        lambda: payments.ListRegisters(pb.ListRegistersRequest(page_token=token[:-2])),
        lambda: payments.ListRegisters(
            pb.ListRegistersRequest(page_token=token, received_from="2026-01-01")
        ),
        lambda: payments.ListSuspense(pb.ListSuspenseRequest(page_token=token)),
        lambda: payments.ListPayments(pb.ListPaymentsRequest(iin=new_iin(), page_token=token)),
    ):
        failure = failure_of(call)
        assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
        assert failure.reason == "PAGE_TOKEN_INVALID"
    second = payments.ListRegisters(pb.ListRegistersRequest(page_size=1, page_token=token))
    assert second.registers[0].reference != first.registers[0].reference
