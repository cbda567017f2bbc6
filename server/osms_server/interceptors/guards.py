"""Guards handlers: what they raise becomes a status, and streams end when the server stops."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, cast

import grpc
from google.protobuf.message import DecodeError

from osms_server.admission import Gate
from osms_server.errors import Reason, RequestError
from osms_server.interceptors.errors import abort

COUNTED = "/osms."
"""What the methods of the contract begin with."""
DRAIN_S, DRAIN_SILENCE_S = 2.0, 0.1
STOP_S, STOP_SILENCE_S = 4.0, 1.0
"""How long a stream may go on when the server stops, and how long it may be silent then."""

_ENDED = (grpc.aio.AbortError, grpc.aio.InternalError, grpc.RpcError)
"""What is raised where a call has ended: with a status, or because its client is gone."""

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]


class GuardedHandlers(grpc.GenericRpcHandler):
    """Handlers that answer whatever a servicer raises, and end streams when the server stops.

    Not an interceptor of gRPC: that would wrap a handler anew on every call.
    """

    def __init__(
        self,
        handlers: grpc.GenericRpcHandler,
        stopping: asyncio.Event,
        gate: Gate,
        silence_s: float,
    ) -> None:
        self._handlers = handlers
        self._stopping = stopping
        self._gate = gate
        self._silence_s = silence_s
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
                request_deserializer=_reader(handler.request_deserializer),
                response_serializer=handler.response_serializer,
            )
        # Health's own Watch writes instead of yielding, and ends by itself.
        if inspect.isasyncgenfunction(handler.unary_stream):
            return grpc.unary_stream_rpc_method_handler(
                _guarded_responses(handler.unary_stream, gate, self._stopping),
                request_deserializer=_reader(handler.request_deserializer),
                response_serializer=handler.response_serializer,
            )
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                _guarded_stream(handler.stream_stream, gate, self._stopping, self._silence_s),
                request_deserializer=_reader(handler.request_deserializer),
                response_serializer=handler.response_serializer,
            )
        return handler


class GuardedServer:
    """Takes the handlers that generated code registers, and serves them guarded."""

    def __init__(
        self, server: grpc.aio.Server, stopping: asyncio.Event, *, calls_max: int, silence_s: float
    ) -> None:
        self._server = server
        self._stopping = stopping
        self._gate = Gate(calls_max)
        self._silence_s = silence_s

    def add_generic_rpc_handlers(self, handlers: "Iterable[grpc.GenericRpcHandler]") -> None:
        """Serve these."""
        self._server.add_generic_rpc_handlers(
            tuple(
                GuardedHandlers(some, self._stopping, self._gate, self._silence_s)
                for some in handlers
            )
        )

    def add_registered_method_handlers(self, service: str, handlers: "Mapping[str, Any]") -> None:
        """Do nothing: it is another door to the same handlers."""


class _Unreadable:
    """Stands for a message that is none of the contract's, until somebody can say so in words."""


def _reader(deserializer: Any) -> Any:
    """Return a deserializer that never raises: gRPC would answer with the error's own text."""

    def read(sent: bytes) -> Any:
        try:
            return deserializer(sent)
        except DecodeError:
            return _Unreadable()

    return read


def _readable(request: Any) -> Any:
    if isinstance(request, _Unreadable):
        raise RequestError(
            Reason.ERROR_REASON_INVALID_REQUEST,
            "The message is not one that the contract knows for this call.",
            {"field_violations": "0"},
        )
    return request


def _guarded_unary(behavior: Any, gate: AbstractContextManager[None]) -> Any:
    async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            with gate:
                return await behavior(_readable(request), context)
        except _ENDED:
            raise
        except Exception as exc:
            await abort(context, exc)

    return guarded


def _guarded_responses(
    behavior: Any, gate: AbstractContextManager[None], stopping: asyncio.Event
) -> Any:
    async def guarded(
        request: Any, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[Any]:
        stop = asyncio.create_task(stopping.wait())
        try:
            responses = aiter(cast(AsyncIterator[Any], behavior(_readable(request), context)))
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
        except _ENDED:
            raise
        except Exception as exc:
            await abort(context, exc)
        finally:
            stop.cancel()

    return guarded


def _guarded_stream(
    behavior: Any,
    gate: AbstractContextManager[None],
    stopping: asyncio.Event,
    silence_s: float,
) -> Any:
    async def guarded(
        requests: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[Any]:
        try:
            with gate:
                until = _until(stopping, requests, silence_s)
                async for response in cast(AsyncIterator[Any], behavior(until, context)):
                    yield response
        except _ENDED:
            raise
        except Exception as exc:
            await _drain(requests)
            await abort(context, exc)

    return guarded


async def _until(
    stopping: asyncio.Event, requests: AsyncIterator[Any], silence_s: float
) -> AsyncIterator[Any]:
    """Yield requests until the server stops; a client amid its work gets a moment to end it.

    One that sends nothing for ``silence_s`` is not waited for any longer.
    """
    loop = asyncio.get_running_loop()
    reading: asyncio.Timeout | None = None
    ends_at: float | None = None

    def patience_ends_at() -> float:
        now = loop.time()
        return now + silence_s if ends_at is None else min(ends_at, now + STOP_SILENCE_S)

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
                if ends_at is None:
                    raise RequestError(
                        Reason.ERROR_REASON_CLIENT_SILENT,
                        "Nothing was sent for too long; open a stream when there is more to send.",
                        {"silence_s": f"{silence_s:g}"},
                    ) from exc
                raise RequestError(
                    Reason.ERROR_REASON_SHUTTING_DOWN,
                    "The gateway is stopping; send the rest again, another answers.",
                ) from exc
            reading = None
            yield _readable(request)
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
