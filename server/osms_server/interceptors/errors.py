"""Turns errors into gRPC statuses with google.rpc details: the only place that speaks them."""

import asyncio
import inspect
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NoReturn, cast

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from osms_server.admission import Gate
from osms_server.errors import Reason, RequestError, Violation
from osms_server.logs import logger, places
from osms_storage.errors import RunAbandonedError, StoreError, StoreFullError, StoreUnavailableError

DOMAIN = "osms.v1"
COUNTED = "/osms."
"""What the methods of the contract begin with."""
DRAIN_S, DRAIN_SILENCE_S = 2.0, 0.1
STOP_S, STOP_SILENCE_S = 4.0, 1.0
"""How long a stream may go on when the server stops, and how long it may be silent then."""
OUTAGE_LOGGED_EVERY_S = 1.0
RETRY_AFTER_S = 2
"""What RetryInfo asks for when the store or the server is not available."""

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]

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
}
_RETRYABLE = {
    Reason.ERROR_REASON_REVISION_NOT_REACHED,
    Reason.ERROR_REASON_STORE_UNAVAILABLE,
    Reason.ERROR_REASON_STORE_FULL,
    Reason.ERROR_REASON_SHUTTING_DOWN,
    Reason.ERROR_REASON_OVERLOADED,
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
        messages.append(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_S)))
    status = status_pb2.Status(code=STATUS[error.reason].value[0], message=str(error))
    for message in messages:
        packed = AnyMessage()
        packed.Pack(message)
        status.details.append(packed)
    return status


def _bad_request(violations: tuple[Violation, ...]) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in violations
        ]
    )


async def _abort(context: grpc.aio.ServicerContext[Any, Any], exc: Exception) -> NoReturn:
    error = as_request_error(exc)
    trailer: list[tuple[str, str | bytes]] = [
        ("grpc-status-details-bin", status_of(error).SerializeToString())
    ]
    if error.reason == Reason.ERROR_REASON_REVISION_NOT_REACHED:
        # It was waited for: a client library that asks again by itself would only run into its
        # deadline, and its program would not read why.
        trailer.append(("grpc-retry-pushback-ms", "-1"))
    await context.abort(STATUS[error.reason], str(error), tuple(trailer))


class GuardedHandlers(grpc.GenericRpcHandler):
    """Handlers that answer whatever a servicer raises, and end streams when the server stops.

    Not an interceptor of gRPC: that would wrap a handler anew on every call.
    """

    def __init__(
        self, handlers: grpc.GenericRpcHandler, stopping: asyncio.Event, gate: Gate
    ) -> None:
        self._handlers = handlers
        self._stopping = stopping
        self._gate = gate
        self._guarded: dict[str, Handler] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        """Return the handler of a method; None if it is not one of these."""
        method = handler_call_details.method
        if method in self._guarded:
            return self._guarded[method]
        handler = self._handlers.service(handler_call_details)
        if handler is None:
            # Not kept: a client may call any name.
            return None
        # Health and reflection are told to whoever asks, however many there are.
        gate = self._gate if method.startswith(COUNTED) else nullcontext()
        self._guarded[method] = self._guard(handler, gate)
        return self._guarded[method]

    def _guard(self, handler: "Handler", gate: AbstractContextManager[None]) -> "Handler":
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                _guarded_unary(handler.unary_unary, gate),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        # Health's own Watch writes instead of yielding, and ends by itself.
        if inspect.isasyncgenfunction(handler.unary_stream):
            return grpc.unary_stream_rpc_method_handler(
                _guarded_responses(handler.unary_stream, gate, self._stopping),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                _guarded_stream(handler.stream_stream, gate, self._stopping),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        return handler


class GuardedServer:
    """Takes the handlers that generated code registers, and serves them guarded."""

    def __init__(self, server: grpc.aio.Server, stopping: asyncio.Event, calls_max: int) -> None:
        self._server = server
        self._stopping = stopping
        self._gate = Gate(calls_max)

    def add_generic_rpc_handlers(self, handlers: "Iterable[grpc.GenericRpcHandler]") -> None:
        """Serve these."""
        self._server.add_generic_rpc_handlers(
            tuple(GuardedHandlers(some, self._stopping, self._gate) for some in handlers)
        )

    def add_registered_method_handlers(self, service: str, handlers: "Mapping[str, Any]") -> None:
        """Do nothing: it is another door to the same handlers."""


def _guarded_unary(behavior: Any, gate: AbstractContextManager[None]) -> Any:
    async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            with gate:
                return await behavior(request, context)
        except (grpc.aio.AbortError, grpc.RpcError):
            raise
        except Exception as exc:
            await _abort(context, exc)

    return guarded


def _guarded_responses(
    behavior: Any, gate: AbstractContextManager[None], stopping: asyncio.Event
) -> Any:
    async def guarded(
        request: Any, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[Any]:
        stop = asyncio.create_task(stopping.wait())
        responses = aiter(cast(AsyncIterator[Any], behavior(request, context)))
        try:
            with gate:
                while not stop.done():
                    coming = asyncio.ensure_future(anext(responses))
                    try:
                        await asyncio.wait((coming, stop), return_when=asyncio.FIRST_COMPLETED)
                        if coming.done():
                            yield coming.result()
                    finally:
                        coming.cancel()
            raise RequestError(
                Reason.ERROR_REASON_SHUTTING_DOWN,
                "The gateway is stopping; go on at another where this stream ends.",
            )
        except StopAsyncIteration:
            return
        except (grpc.aio.AbortError, grpc.RpcError):
            raise
        except Exception as exc:
            await _abort(context, exc)
        finally:
            stop.cancel()

    return guarded


def _guarded_stream(
    behavior: Any, gate: AbstractContextManager[None], stopping: asyncio.Event
) -> Any:
    async def guarded(
        requests: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[Any]:
        try:
            with gate:
                until = _until(stopping, requests)
                async for response in cast(AsyncIterator[Any], behavior(until, context)):
                    yield response
        except (grpc.aio.AbortError, grpc.RpcError):
            raise
        except Exception as exc:
            await _drain(requests)
            await _abort(context, exc)

    return guarded


async def _until(stopping: asyncio.Event, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield requests until the server stops; a client amid its work gets a moment to end it."""
    loop = asyncio.get_running_loop()
    reading: asyncio.Timeout | None = None
    ends_at: float | None = None

    def patience_ends_at() -> float | None:
        return None if ends_at is None else min(ends_at, loop.time() + STOP_SILENCE_S)

    def hurry(_: "asyncio.Task[Any]") -> None:
        nonlocal ends_at
        ends_at = loop.time() + STOP_S
        if reading is not None:
            reading.reschedule(patience_ends_at())

    stop = asyncio.create_task(stopping.wait())
    stop.add_done_callback(hurry)
    try:
        while True:
            try:
                async with asyncio.timeout_at(patience_ends_at()) as reading:
                    request = await anext(requests)
            except StopAsyncIteration:
                return
            except TimeoutError as exc:
                raise RequestError(
                    Reason.ERROR_REASON_SHUTTING_DOWN,
                    "The gateway is stopping; send the rest again, another answers.",
                ) from exc
            reading = None
            yield request
    finally:
        stop.remove_done_callback(hurry)
        stop.cancel()


async def _drain(requests: AsyncIterator[Any]) -> None:
    """Take what a client is still sending, for a moment.

    A client that is cut off while it writes may report the broken write instead of the refusal.
    """
    try:
        async with asyncio.timeout(DRAIN_S):
            while True:
                await asyncio.wait_for(anext(requests), DRAIN_SILENCE_S)
    except (StopAsyncIteration, TimeoutError, grpc.RpcError, RuntimeError):
        return
