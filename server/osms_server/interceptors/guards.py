"""Guards handlers: who may not call is refused, what they raise becomes a status, streams end."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import grpc
from google.protobuf.message import DecodeError

from osms_server.admission import Gate
from osms_server.errors import Reason, RequestError
from osms_server.identity import acting_from_now_on
from osms_server.identity.identification import Identification
from osms_server.identity.rights import RIGHTS, check_role
from osms_server.interceptors.errors import abort

CONTRACT = "/osms.v1."
"""What the methods of the contract begin with."""
IDENTIFIED_AGAIN_AFTER_S = 0.5
"""How long a stream goes on by what its client was, if it moves at all."""
DRAIN_S, DRAIN_SILENCE_S = 2.0, 0.1
STOP_S, STOP_SILENCE_S = 4.0, 1.0
"""How long a stream may go on when the server stops, and how long it may be silent then."""

_ENDED = (grpc.aio.AbortError, grpc.aio.InternalError, grpc.RpcError)
"""What is raised where a call has ended: with a status, or because its client is gone."""

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]

Context = grpc.aio.ServicerContext[Any, Any]


class Doorman:
    """Lets in a call of the contract: known clients with the role for it, and not too many."""

    def __init__(self, identification: Identification, gate: Gate) -> None:
        self._identification = identification
        self._gate = gate

    async def enter(self, rpc: str, context: Context) -> Gate:
        """Return the gate to pass, and act on behalf of the caller from now on.

        Raises RequestError before anything of the request is looked at.
        """
        caller = await self._identification.caller_of(context)
        check_role(caller, rpc)
        acting_from_now_on(caller)
        return self._gate

    async def remain(self, rpc: str, context: Context, since: datetime) -> None:
        """Let a stream go on that began then, with what its caller may do by now.

        Raises RequestError if the caller is not known any more, or may not call that any more.
        """
        caller = await self._identification.identify_again(context, since)
        check_role(caller, rpc)
        acting_from_now_on(caller)


class Porch:
    """Lets in everybody: health and reflection are told to whoever asks, however many there are."""

    async def enter(self, rpc: str, context: Context) -> AbstractContextManager[None]:
        """Return nothing to pass."""
        return nullcontext()

    async def remain(self, rpc: str, context: Context, since: datetime) -> None:
        """Let everybody stay."""


class GuardedHandlers(grpc.GenericRpcHandler):
    """Handlers that answer whatever a servicer raises, and end streams when the server stops.

    Not an interceptor of gRPC: that would wrap a handler anew on every call.
    """

    def __init__(
        self,
        handlers: grpc.GenericRpcHandler,
        stopping: asyncio.Event,
        doorman: Doorman,
        silence_s: float,
    ) -> None:
        self._handlers = handlers
        self._stopping = stopping
        self._doorman = doorman
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
        rpc = method.removeprefix("/")
        doorman = self._doorman if method.startswith(CONTRACT) else Porch()
        door = _Door(rpc, doorman, self._silence_s)
        if method.startswith(CONTRACT) and rpc not in RIGHTS:
            raise AssertionError(f"{rpc} has no row in the table of rights")
        self._guarded[method] = self._guard(handler, door)
        return self._guarded[method]

    def _guard(self, handler: "Handler", door: "_Door") -> "Handler":
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                _guarded_unary(handler.unary_unary, door),
                request_deserializer=_reader(handler.request_deserializer),
                response_serializer=handler.response_serializer,
            )
        # Health's own Watch writes instead of yielding, and ends by itself.
        if inspect.isasyncgenfunction(handler.unary_stream):
            return grpc.unary_stream_rpc_method_handler(
                _guarded_responses(handler.unary_stream, door, self._stopping),
                request_deserializer=_reader(handler.request_deserializer),
                response_serializer=handler.response_serializer,
            )
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                _guarded_stream(handler.stream_stream, door, self._stopping),
                request_deserializer=_reader(handler.request_deserializer),
                response_serializer=handler.response_serializer,
            )
        return handler


class GuardedServer:
    """Takes the handlers that generated code registers, and serves them guarded."""

    def __init__(
        self, server: grpc.aio.Server, stopping: asyncio.Event, doorman: Doorman, silence_s: float
    ) -> None:
        """Serve by a server; ``silence_s`` is how long a client may send nothing on a stream."""
        self._server = server
        self._stopping = stopping
        self._doorman = doorman
        self._silence_s = silence_s

    def add_generic_rpc_handlers(self, handlers: "Iterable[grpc.GenericRpcHandler]") -> None:
        """Serve these."""
        self._server.add_generic_rpc_handlers(
            tuple(
                GuardedHandlers(some, self._stopping, self._doorman, self._silence_s)
                for some in handlers
            )
        )

    def add_registered_method_handlers(self, service: str, handlers: "Mapping[str, Any]") -> None:
        """Do nothing: it is another door to the same handlers."""


class _Door(NamedTuple):
    """What stands before one method."""

    rpc: str
    doorman: Doorman | Porch
    silence_s: float

    async def enter(self, context: Context) -> AbstractContextManager[None]:
        """Let a call in."""
        return await self.doorman.enter(self.rpc, context)


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


def _guarded_unary(behavior: Any, door: _Door) -> Any:
    async def guarded(request: Any, context: Context) -> Any:
        try:
            with await door.enter(context):
                return await behavior(_readable(request), context)
        except _ENDED:
            raise
        except Exception as exc:
            await abort(context, exc)

    return guarded


def _guarded_responses(behavior: Any, door: _Door, stopping: asyncio.Event) -> Any:
    async def guarded(request: Any, context: Context) -> AsyncIterator[Any]:
        stop = asyncio.create_task(stopping.wait())
        try:
            with await door.enter(context):
                check = _now_and_then(door, context)
                responses = aiter(cast(AsyncIterator[Any], behavior(_readable(request), context)))
                while not stop.done():
                    coming = asyncio.ensure_future(anext(responses))
                    try:
                        await asyncio.wait((coming, stop), return_when=asyncio.FIRST_COMPLETED)
                        if coming.done():
                            await check()
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


def _guarded_stream(behavior: Any, door: _Door, stopping: asyncio.Event) -> Any:
    async def guarded(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        try:
            with await door.enter(context):
                check = _now_and_then(door, context)
                until = _until(stopping, requests, check, door.silence_s)
                async for response in cast(AsyncIterator[Any], behavior(until, context)):
                    yield response
        except _ENDED:
            raise
        except Exception as exc:
            await _drain(requests)
            await abort(context, exc)

    return guarded


def _now_and_then(door: _Door, context: Context) -> Callable[[], Awaitable[None]]:
    """Return what looks, at a message of a stream, whether its caller is still known."""
    loop = asyncio.get_running_loop()
    since = datetime.now(UTC)
    due = loop.time() + IDENTIFIED_AGAIN_AFTER_S

    async def check() -> None:
        nonlocal due
        if loop.time() >= due:
            due = loop.time() + IDENTIFIED_AGAIN_AFTER_S
            await door.doorman.remain(door.rpc, context, since)

    return check


async def _until(
    stopping: asyncio.Event,
    requests: AsyncIterator[Any],
    check: Callable[[], Awaitable[None]],
    silence_s: float,
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
            await check()
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
