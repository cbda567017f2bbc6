"""Turns a failed call into one of this package's errors."""

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status  # type: ignore[import-untyped] # ships none

from osms_client.errors import (
    AccessDeniedError,
    ConflictError,
    DeadlineError,
    FieldViolation,
    InternalError,
    InvalidRequestError,
    LimitError,
    NotFoundError,
    OsmsError,
    RetryLaterError,
    TokenExpiredError,
    UnansweredError,
    reason_of,
)
from osms_client.reasons import Reason

_CLASSES: dict[grpc.StatusCode, type[OsmsError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequestError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: ConflictError,
    grpc.StatusCode.FAILED_PRECONDITION: ConflictError,
    grpc.StatusCode.ABORTED: ConflictError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitError,
    grpc.StatusCode.PERMISSION_DENIED: AccessDeniedError,
    grpc.StatusCode.UNAUTHENTICATED: AccessDeniedError,
    grpc.StatusCode.UNAVAILABLE: RetryLaterError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
    grpc.StatusCode.CANCELLED: UnansweredError,
}
"""Statuses not listed are defects: InternalError."""


def error_from(failure: grpc.RpcError) -> OsmsError:
    """Return the error that stands for a failed call, blocking or asynchronous."""
    code = failure.code()
    details = _details(failure)
    info = error_details_pb2.ErrorInfo()
    request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    retry_after_s: float | None = None
    for detail in details.details if details else ():
        detail.Unpack(info)
        detail.Unpack(request)
        if detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
    kind = _CLASSES.get(code, InternalError)
    if kind is LimitError and retry_after_s is not None:
        kind = RetryLaterError  # a quota or a full disk: the same call may pass later
    if info.reason == Reason.RESUME_TOKEN_EXPIRED:
        kind = TokenExpiredError
    return kind(
        f"{code.name}: {failure.details() or 'no details'}",
        status=code,
        reason=reason_of(info.reason),
        metadata=dict(info.metadata),
        field_violations=tuple(
            FieldViolation(violation.field, violation.description)
            for violation in request.field_violations
        ),
        retry_after_s=retry_after_s,
    )


def _details(failure: grpc.RpcError) -> status_pb2.Status | None:
    try:
        # Every RpcError that a call raises is also the call.
        return rpc_status.from_call(failure)
    except (ValueError, DecodeError):
        return None  # a proxy's own trailers: the status code still tells what to do
