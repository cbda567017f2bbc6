"""Turns errors into gRPC statuses with google.rpc details: the only place that speaks them."""

import secrets
import time
from math import ceil
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from osms_server.errors import Reason, RequestError, Violation
from osms_server.logs import logger, places
from osms_storage.errors import RunAbandonedError, StoreError, StoreFullError, StoreUnavailableError

DOMAIN = "osms.v1"
OUTAGE_LOGGED_EVERY_S = 1.0
RETRY_AFTER_S = 2.0
"""What RetryInfo asks for where the same call may be answered later, but nobody knows when."""


_log = logger(__name__)

STATUS: dict[int, StatusCode] = {
    Reason.ERROR_REASON_INVALID_REQUEST: StatusCode.INVALID_ARGUMENT,
    Reason.ERROR_REASON_IIN_INVALID: StatusCode.INVALID_ARGUMENT,
    Reason.ERROR_REASON_SERVICE_DATE_OUT_OF_RANGE: StatusCode.INVALID_ARGUMENT,
    Reason.ERROR_REASON_KNOWN_AT_IN_FUTURE: StatusCode.INVALID_ARGUMENT,
    Reason.ERROR_REASON_REVISION_NOT_REACHED: StatusCode.UNAVAILABLE,
    Reason.ERROR_REASON_REGISTER_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.ERROR_REASON_SOURCE_UNKNOWN: StatusCode.INVALID_ARGUMENT,
    Reason.ERROR_REASON_DELTA_CONFLICT: StatusCode.ALREADY_EXISTS,
    Reason.ERROR_REASON_SEQUENCE_GAP: StatusCode.FAILED_PRECONDITION,
    Reason.ERROR_REASON_SNAPSHOT_OUTDATED: StatusCode.FAILED_PRECONDITION,
    Reason.ERROR_REASON_RECORD_COUNT_MISMATCH: StatusCode.INVALID_ARGUMENT,
    Reason.ERROR_REASON_HELD_SNAPSHOT_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.ERROR_REASON_STREAM_OUT_OF_ORDER: StatusCode.INVALID_ARGUMENT,
    Reason.ERROR_REASON_LIMIT_EXCEEDED: StatusCode.RESOURCE_EXHAUSTED,
    Reason.ERROR_REASON_STORE_UNAVAILABLE: StatusCode.UNAVAILABLE,
    Reason.ERROR_REASON_STORE_FULL: StatusCode.RESOURCE_EXHAUSTED,
    Reason.ERROR_REASON_INTERNAL: StatusCode.INTERNAL,
    Reason.ERROR_REASON_PAGE_TOKEN_INVALID: StatusCode.INVALID_ARGUMENT,
    Reason.ERROR_REASON_SHUTTING_DOWN: StatusCode.UNAVAILABLE,
    Reason.ERROR_REASON_SCOPE_INVALID: StatusCode.INVALID_ARGUMENT,
    Reason.ERROR_REASON_OVERLOADED: StatusCode.RESOURCE_EXHAUSTED,
    Reason.ERROR_REASON_ROSTER_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.ERROR_REASON_RESUME_TOKEN_EXPIRED: StatusCode.OUT_OF_RANGE,
    Reason.ERROR_REASON_RESUME_TOKEN_INVALID: StatusCode.INVALID_ARGUMENT,
    Reason.ERROR_REASON_CALLER_UNKNOWN: StatusCode.UNAUTHENTICATED,
    Reason.ERROR_REASON_ROLE_MISSING: StatusCode.PERMISSION_DENIED,
    Reason.ERROR_REASON_PURPOSE_NOT_ALLOWED: StatusCode.PERMISSION_DENIED,
    Reason.ERROR_REASON_SOURCE_NOT_ALLOWED: StatusCode.PERMISSION_DENIED,
    Reason.ERROR_REASON_QUOTA_EXCEEDED: StatusCode.RESOURCE_EXHAUSTED,
    Reason.ERROR_REASON_GUESSING_SUSPECTED: StatusCode.RESOURCE_EXHAUSTED,
    Reason.ERROR_REASON_ACCESS_LOG_UNAVAILABLE: StatusCode.UNAVAILABLE,
    Reason.ERROR_REASON_CLIENT_SILENT: StatusCode.ABORTED,
    Reason.ERROR_REASON_RECEIPTS_NOT_OFFERED: StatusCode.FAILED_PRECONDITION,
}
_RETRYABLE = {
    Reason.ERROR_REASON_REVISION_NOT_REACHED,
    Reason.ERROR_REASON_STORE_UNAVAILABLE,
    Reason.ERROR_REASON_STORE_FULL,
    Reason.ERROR_REASON_SHUTTING_DOWN,
    Reason.ERROR_REASON_OVERLOADED,
    Reason.ERROR_REASON_QUOTA_EXCEEDED,
    Reason.ERROR_REASON_GUESSING_SUSPECTED,
    Reason.ERROR_REASON_ACCESS_LOG_UNAVAILABLE,
}


class _Outages:
    """Logs what the store could not do, once in a while: an outage fails every call."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def note(self, exc: StoreError) -> None:
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + OUTAGE_LOGGED_EVERY_S
            _log.warning("store", places=places(exc))


_outages = _Outages()


def as_request_error(exc: Exception) -> RequestError:
    """Return what a caller may know of an error; what it may not is logged under an incident id."""
    if isinstance(exc, RequestError):
        return exc
    if isinstance(exc, StoreError):
        _outages.note(exc)
    if isinstance(exc, StoreFullError):
        return RequestError(Reason.ERROR_REASON_STORE_FULL, "The store's disk is full.")
    if isinstance(exc, StoreUnavailableError):
        return RequestError(
            Reason.ERROR_REASON_STORE_UNAVAILABLE,
            "The store cannot be used now; this says nothing about any person.",
        )
    if isinstance(exc, RunAbandonedError):
        return RequestError(
            Reason.ERROR_REASON_STREAM_OUT_OF_ORDER,
            "The sync was silent for too long and is forgotten; send it again.",
            {"expected": "header"},
        )
    incident = secrets.token_hex(4)
    _log.error("incident", incident=incident, places=places(exc))
    return RequestError(
        Reason.ERROR_REASON_INTERNAL, "A defect of the gateway.", {"incident": incident}
    )


def status_of(error: RequestError) -> status_pb2.Status:
    """Return the google.rpc.Status that says all of an error."""
    name = Reason.Name(error.reason).removeprefix("ERROR_REASON_")
    details = [
        error_details_pb2.ErrorInfo(reason=name, domain=DOMAIN, metadata=error.metadata),
    ]
    messages: list[Any] = list(details)
    if error.violations:
        messages.append(_bad_request(error.violations))
    if error.reason in _RETRYABLE:
        messages.append(_retry_info(error))
    status = status_pb2.Status(code=STATUS[error.reason].value[0], message=str(error))
    for message in messages:
        packed = AnyMessage()
        packed.Pack(message)
        status.details.append(packed)
    return status


def _retry_info(error: RequestError) -> error_details_pb2.RetryInfo:
    after_s = RETRY_AFTER_S if error.retry_after_s is None else error.retry_after_s
    delay = Duration()
    delay.FromMilliseconds(ceil(after_s * 1_000))  # never too early
    return error_details_pb2.RetryInfo(retry_delay=delay)


def _bad_request(violations: tuple[Violation, ...]) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in violations
        ]
    )


async def abort(context: grpc.aio.ServicerContext[Any, Any], exc: Exception) -> NoReturn:
    """End a call with the status of what was raised."""
    error = as_request_error(exc)
    trailer: list[tuple[str, str | bytes]] = [
        ("grpc-status-details-bin", status_of(error).SerializeToString())
    ]
    if error.reason == Reason.ERROR_REASON_REVISION_NOT_REACHED:
        # It was waited for: a client library that asks again by itself would only run into its
        # deadline, and its program would not read why.
        trailer.append(("grpc-retry-pushback-ms", "-1"))
    await context.abort(STATUS[error.reason], str(error), tuple(trailer))
