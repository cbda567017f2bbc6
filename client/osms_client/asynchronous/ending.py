"""The status with which a server really ended a stream.

When a server ends a stream while the client still writes, grpc.aio puts INTERNAL ("Internal error
from Core") over the status that the server sent, a known defect of it in 1.76 and later releases.
A refused delta would then look like a defect of the gateway. The status passes by the call's done
callback each time it is set, so the server's own can be caught there.
"""

from __future__ import annotations  # grpc's own classes take no type arguments

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import grpc
from grpc import aio

_MASK = "Internal error from Core"
_WAIT_S = 1.0
"""The server's status is at most a turn of the event loop behind the mask; never hang on it."""

Value = TypeVar("Value")


class Ending:
    """Remembers the first status of a call that is not the mask."""

    def __init__(self, call: aio.StreamStreamCall[Any, Any]) -> None:
        self._known = asyncio.Event()
        self._failure: aio.AioRpcError | None = None
        call.add_done_callback(self._note)

    def _note(self, call: aio.StreamStreamCall[Any, Any]) -> None:
        code, details = _ready(call.code()), _ready(call.details())
        if self._known.is_set() or _is_mask(code, details):
            return
        if code is not grpc.StatusCode.OK:
            self._failure = aio.AioRpcError(
                code, aio.Metadata(), _ready(call.trailing_metadata()), details
            )
        self._known.set()

    async def of(self, failure: grpc.RpcError) -> grpc.RpcError | None:
        """Return what the server said where a failure only masks it; None if that was OK."""
        if not _is_mask(failure.code(), failure.details()):
            return failure
        try:
            async with asyncio.timeout(_WAIT_S):
                await self._known.wait()
        except TimeoutError:
            return failure
        return self._failure


def _is_mask(code: grpc.StatusCode, details: str | None) -> bool:
    return code is grpc.StatusCode.INTERNAL and details == _MASK


def _ready(value: Coroutine[Any, Any, Value]) -> Value:
    """Return what a coroutine returns that has nothing left to wait for."""
    try:
        value.send(None)
    except StopIteration as returned:
        result: Value = returned.value
        return result
    raise RuntimeError("the call is not done")
