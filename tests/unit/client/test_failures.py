"""What the caller sees when a call fails, through either gateway over a real socket."""

import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import grpc
import pytest

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import error_reason_pb2
from osms_client import (
    AccessDeniedError,
    CategoryRecord,
    ConflictError,
    DeadlineError,
    Deadlines,
    FieldViolation,
    Gateway,
    InternalError,
    InvalidRequestError,
    LimitError,
    NotFoundError,
    OsmsError,
    Purpose,
    Reason,
    RefusedError,
    RetryLaterError,
    SyncHeader,
    SyncKind,
    UnansweredError,
)
from osms_client.channel import channel_options
from tests.unit.client.fake import IIN, FakeGateway, Sdk, abort, eligibility

Code = grpc.StatusCode


def _fails(fake: FakeGateway, *arguments: Any, **keywords: Any) -> None:
    fake.on("LookupConsumer", lambda request, context: abort(context, *arguments, **keywords))


def _lookup(sdk: Sdk, **keywords: Any) -> Any:
    return sdk.call("lookup", IIN, purpose=Purpose.RECEPTION, **keywords)


@pytest.mark.parametrize(
    ("code", "retry_after_s", "error"),
    [
        (Code.INVALID_ARGUMENT, None, InvalidRequestError),
        (Code.NOT_FOUND, None, NotFoundError),
        (Code.ALREADY_EXISTS, None, ConflictError),
        (Code.FAILED_PRECONDITION, None, ConflictError),
        (Code.RESOURCE_EXHAUSTED, None, LimitError),
        (Code.RESOURCE_EXHAUSTED, 30, RetryLaterError),
        (Code.UNAVAILABLE, 1, RetryLaterError),
        (Code.PERMISSION_DENIED, None, AccessDeniedError),
        (Code.UNAUTHENTICATED, None, AccessDeniedError),
        (Code.INTERNAL, None, InternalError),
        (Code.DATA_LOSS, None, InternalError),
    ],
)
def test_each_status_has_its_class(
    fake: FakeGateway,
    sdk: Sdk,
    code: grpc.StatusCode,
    retry_after_s: int | None,
    error: type[OsmsError],
) -> None:
    """What a caller can do about a failure is its class; the gRPC status stays at hand."""
    _fails(fake, code, retry_after_s=retry_after_s)
    with pytest.raises(OsmsError) as caught:
        _lookup(sdk)
    assert type(caught.value) is error
    assert caught.value.status is code
    assert caught.value.retry_after_s == retry_after_s
    assert isinstance(caught.value.__cause__, grpc.RpcError)


def test_facts_of_a_failure_are_attributes(fake: FakeGateway, sdk: Sdk) -> None:
    """Reason, metadata and every field violation are read from the status details."""
    _fails(
        fake,
        Code.INVALID_ARGUMENT,
        "INVALID_REQUEST",
        metadata={"field_violations": "2"},
        violations={"purpose": "Required.", "known.on": "Not a date."},
    )
    with pytest.raises(InvalidRequestError) as caught:
        _lookup(sdk)
    error = caught.value
    assert error.reason is Reason.INVALID_REQUEST
    assert error.metadata == {"field_violations": "2"}
    assert error.field_violations == (
        FieldViolation("purpose", "Required."),
        FieldViolation("known.on", "Not a date."),
    )


def test_reason_newer_than_the_client_stays_readable(fake: FakeGateway, sdk: Sdk) -> None:
    """A reason this client does not know is passed on as its name."""
    _fails(fake, Code.FAILED_PRECONDITION, "MOON_PHASE", metadata={"phase": "full"})
    with pytest.raises(ConflictError) as caught:
        _lookup(sdk)
    assert (caught.value.reason, caught.value.metadata) == ("MOON_PHASE", {"phase": "full"})


def test_incident_of_a_defect_is_named(fake: FakeGateway, sdk: Sdk) -> None:
    """A defect of the gateway carries the id under which it was logged."""
    _fails(fake, Code.INTERNAL, "INTERNAL", metadata={"incident": "3f6c2a9d"})
    with pytest.raises(InternalError) as caught:
        _lookup(sdk)
    assert caught.value.incident == "3f6c2a9d"


def test_details_that_contradict_the_status_do_not_hide_it(fake: FakeGateway, sdk: Sdk) -> None:
    """A status without readable details still raises by its code."""

    def contradict(request: Any, context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\x08\x03"),))
        context.abort(Code.NOT_FOUND, "no")

    fake.on("LookupConsumer", contradict)
    with pytest.raises(NotFoundError) as caught:
        _lookup(sdk)
    assert caught.value.reason == ""


def test_no_gateway_is_unanswered() -> None:
    """Where nobody listens the call raises at once; nothing looks like an answer."""
    sdk = Sdk("blocking", "127.0.0.1:1")
    started = time.monotonic()
    with pytest.raises(RetryLaterError) as caught:
        _lookup(sdk)
    assert isinstance(caught.value, UnansweredError)
    assert not isinstance(caught.value, RefusedError)
    assert time.monotonic() - started < 8


def test_deadline_is_unanswered(fake: FakeGateway, sdk: Sdk) -> None:
    """A slow gateway raises DeadlineError when the time is up."""
    fake.on("LookupConsumer", lambda request, context: time.sleep(1))
    with pytest.raises(DeadlineError) as caught:
        _lookup(sdk, timeout_s=0.2)
    assert isinstance(caught.value, UnansweredError)


def test_idempotent_calls_are_retried_by_grpc(fake: FakeGateway, sdk: Sdk) -> None:
    """A question that met UNAVAILABLE is asked again by the channel; the caller sees one answer."""

    def twice_away(request: Any, context: grpc.ServicerContext) -> Any:
        if len(fake.asked) < 3:
            abort(context, Code.UNAVAILABLE, "STORE_UNAVAILABLE", retry_after_s=1)
        return pb.LookupConsumerResponse(eligibility=eligibility())

    fake.on("LookupConsumer", twice_away)
    assert _lookup(sdk).iin == IIN
    assert len(fake.asked) == 3


def test_retries_end_and_say_when_to_come_back(fake: FakeGateway, sdk: Sdk) -> None:
    """After four tries the caller gets RetryLaterError with the gateway's own delay."""
    _fails(fake, Code.UNAVAILABLE, "STORE_UNAVAILABLE", retry_after_s=5)
    with pytest.raises(RetryLaterError) as caught:
        _lookup(sdk)
    assert (caught.value.reason, caught.value.retry_after_s) == (Reason.STORE_UNAVAILABLE, 5)
    assert len(fake.asked) == 4


def test_a_release_is_not_retried(fake: FakeGateway, sdk: Sdk) -> None:
    """A call that may not be sent twice is sent once."""
    fake.on(
        "ReleaseHeldSnapshot",
        lambda request, context: abort(context, Code.UNAVAILABLE, retry_after_s=1),
    )
    with pytest.raises(RetryLaterError):
        sdk.call("release_held_snapshot", 1, operator_reason="checked")
    assert len(fake.asked) == 1


def test_other_statuses_are_not_retried(fake: FakeGateway, sdk: Sdk) -> None:
    """A refusal is final at once."""
    _fails(fake, Code.INVALID_ARGUMENT)
    with pytest.raises(InvalidRequestError):
        _lookup(sdk)
    assert len(fake.asked) == 1


def test_stream_failure_has_its_class(fake: FakeGateway, sdk: Sdk) -> None:
    """A stream that fails raises like any call."""
    fake.on(
        "StreamLookupConsumers",
        lambda requests, context: abort(context, Code.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"),
    )
    with pytest.raises(LimitError) as caught:
        sdk.call("lookup_stream", [IIN], purpose=Purpose.ROSTER)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


def _silent(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    for _ in requests:
        while context.is_active():
            time.sleep(0.02)
        yield pb.StreamLookupConsumersResponse()


def test_silent_stream_is_given_up(fake: FakeGateway, sdk: Sdk) -> None:
    """A gateway that leaves a chunk unanswered for too long raises DeadlineError."""
    fake.on("StreamLookupConsumers", _silent)
    sdk.deadlines = Deadlines(stream_silence_s=0.3)
    with pytest.raises(DeadlineError, match="silent"):
        sdk.call("lookup_stream", [IIN], purpose=Purpose.ROSTER)


def test_slow_caller_is_not_a_silent_gateway(fake: FakeGateway, sdk: Sdk) -> None:
    """A caller may bring items as slowly as it likes."""

    def echo(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        for request in requests:
            response = pb.StreamLookupConsumersResponse()
            response.results.add().eligibility.CopyFrom(eligibility(request.items[0].iin))
            yield response

    def slowly() -> Iterator[str]:
        yield IIN
        time.sleep(1.2)
        yield IIN

    fake.on("StreamLookupConsumers", echo)
    sdk.deadlines = Deadlines(stream_silence_s=0.8)
    results = sdk.call("lookup_stream", slowly(), purpose=Purpose.ROSTER, chunk_items=1)
    assert len(results) == 2


def test_gateway_must_be_opened() -> None:
    """Nothing connects before the gateway is opened."""
    with pytest.raises(RuntimeError, match="with Gateway"):
        Gateway("127.0.0.1:1").list_sources()


def test_plain_text_stays_on_this_machine() -> None:
    """Personal data is not sent in plain text to another machine."""
    with pytest.raises(ValueError, match="credentials"):
        Gateway("gateway.example.kz:443")
    assert channel_options("gateway.example.kz:443", secure=True)


@pytest.mark.parametrize("seconds", [0, -1, 100_000])
def test_deadlines_are_checked(seconds: float) -> None:
    """A deadline outside its range stops the start."""
    with pytest.raises(ValueError, match="call_s"):
        Deadlines(call_s=seconds)


def test_reasons_are_those_of_the_contract() -> None:
    """Every reason of the contract has a word here, and no other."""
    names = {
        name.removeprefix("ERROR_REASON_")
        for name in error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
    }
    assert set(Reason) == names - {"UNSPECIFIED"}


def test_refusal_in_the_middle_of_writing_stays_a_refusal(fake: FakeGateway, sdk: Sdk) -> None:
    """A server that ends a stream while it is written to is heard; grpc.aio alone says INTERNAL."""

    def refuse(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        next(requests)
        abort(context, Code.FAILED_PRECONDITION, "SEQUENCE_GAP")
        yield

    fake.on("SyncCategories", refuse)
    header = SyncHeader(
        sender="labour",
        kind=SyncKind.DELTA,
        delta_number=1,
        as_of=date(2026, 3, 2),
        declared_records=30_000,
    )
    for _ in range(10):
        with pytest.raises(ConflictError) as caught:
            sdk.call("sync", header, (CategoryRecord(iin=IIN) for _ in range(30_000)))
        assert caught.value.reason is Reason.SEQUENCE_GAP
