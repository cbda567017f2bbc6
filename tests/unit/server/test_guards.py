"""What becomes of an error that a handler raises."""

import asyncio
from typing import Any, cast

import grpc
import pytest

from osms_server.interceptors import Doorman, GuardedServer


class _Server:
    """Keeps the handlers that it is to serve."""

    handlers: tuple[grpc.GenericRpcHandler, ...] = ()

    def add_generic_rpc_handlers(self, handlers: tuple[grpc.GenericRpcHandler, ...]) -> None:
        self.handlers += handlers


class _Details:
    """A call that came."""

    method = "/tests.Any/Thing"
    invocation_metadata = ()


async def test_a_client_that_leaves_amid_its_answer_is_no_incident(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What gRPC raises because nobody is there any more goes back to gRPC, and is not logged."""

    async def gone(request: object, context: object) -> None:
        raise grpc.aio.InternalError

    server: Any = _Server()
    guarded: Any = GuardedServer(server, asyncio.Event(), cast(Doorman, None), silence_s=1)
    thing: Any = grpc.unary_unary_rpc_method_handler(gone, request_deserializer=bytes)
    served = grpc.method_handlers_generic_handler("tests.Any", {"Thing": thing})
    guarded.add_generic_rpc_handlers((served,))
    details: Any = _Details()
    handler: Any = server.handlers[0].service(details)
    with pytest.raises(grpc.aio.InternalError):
        await handler.unary_unary(b"", object())
    assert "incident" not in "".join(capsys.readouterr())
