"""Calls past the SDK, with the generated stubs: what the SDK's types would not let through."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from osms.v1.category_service_pb2_grpc import CategoryServiceStub
from osms.v1.consumer_service_pb2_grpc import ConsumerServiceStub
from osms.v1.payment_service_pb2_grpc import PaymentServiceStub
from osms.v1.roster_service_pb2_grpc import RosterServiceStub
from tests.integration.gateways import credentials_of

OPERATOR = "fund"
"""The client that works at the Fund."""

T = TypeVar("T", bound=Message)

DEADLINE_S = 30.0
"""Nothing in these tests takes this long; a hang fails instead of standing still."""


@dataclass(frozen=True)
class Stubs:
    """A channel and the services behind it."""

    channel: grpc.Channel
    consumers: ConsumerServiceStub
    payments: PaymentServiceStub
    categories: CategoryServiceStub
    rosters: RosterServiceStub


@contextmanager
def connected(target: str, client: str = "") -> Iterator[Stubs]:
    """Open a connection of its own, which never retries; without ``client`` as the developer."""
    options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    if client:
        opened = grpc.secure_channel(target, credentials_of(client), options)
    else:
        opened = grpc.insecure_channel(target, options)
    with opened as channel:
        yield Stubs(
            channel,
            ConsumerServiceStub(channel),
            PaymentServiceStub(channel),
            CategoryServiceStub(channel),
            RosterServiceStub(channel),
        )


@dataclass(frozen=True)
class Failure:
    """How a call failed, with its google.rpc details."""

    status: grpc.StatusCode
    message: str
    reason: str
    domain: str
    metadata: Mapping[str, str]
    violations: Mapping[str, str]
    """What is wrong, by field."""
    retry_after_s: int | None


def failure_of(call: Callable[[], object]) -> Failure:
    """Return how a call failed; fail the test if it did not."""
    try:
        answer = call()
    except grpc.RpcError as error:
        return read_failure(cast(grpc.Call, error))
    raise AssertionError(f"the call was answered: {answer}")


def read_failure(error: grpc.Call) -> Failure:
    """Return what the status and the details of an ended call say."""
    details = status_pb2.Status()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            assert isinstance(value, bytes)
            details.ParseFromString(value)
    info = _unpacked(details, error_details_pb2.ErrorInfo())
    request = _unpacked(details, error_details_pb2.BadRequest())
    retry = error_details_pb2.RetryInfo()
    has_retry = any(detail.Unpack(retry) for detail in details.details)
    return Failure(
        status=error.code(),
        message=error.details() or "",
        reason=info.reason,
        domain=info.domain,
        metadata=dict(info.metadata),
        violations={v.field: v.description for v in request.field_violations},
        retry_after_s=retry.retry_delay.seconds if has_retry else None,
    )


def _unpacked(details: status_pb2.Status, into: T) -> T:
    for detail in details.details:
        if detail.Unpack(into):
            break
    return into
