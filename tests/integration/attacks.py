"""Calls as somebody who may not make them, over real sockets."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status  # type: ignore[import-untyped] # ships none

from tests.integration.identities import Identity
from tests.integration.streams import Sender
from tests.integration.wire import Failure, read_failure

Metadata = tuple[tuple[str, str | bytes], ...]

PATIENCE_S = 5.0
"""A connection that is refused fails a call well before."""


@contextmanager
def tls_channel(
    target: str, trusted: bytes, identity: Identity | None = None
) -> Iterator[grpc.Channel]:
    """Connect with an identity, or with none, to a server that this authority vouches for."""
    credentials = grpc.ssl_channel_credentials(
        trusted,
        private_key=identity.key if identity else None,
        certificate_chain=identity.certificate if identity else None,
    )
    # Alone: channels of the same process must not share what an earlier handshake left.
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    with grpc.secure_channel(target, credentials, options) as channel:
        yield channel


def bearing(token: str) -> Metadata:
    """Return the metadata of a call that shows a token."""
    return (("authorization", f"Bearer {token}"),)


def outcome(
    channel: grpc.Channel,
    method: str,
    request: Any,
    metadata: Metadata = (),
) -> tuple[grpc.StatusCode, str, Mapping[str, str]]:
    """Make a unary call; return its status, and the reason and metadata of its ErrorInfo.

    A call without an error, or with one that says no reason, has an empty one.
    """
    call: grpc.UnaryUnaryMultiCallable[Any, bytes] = channel.unary_unary(
        method, request_serializer=type(request).SerializeToString
    )
    try:
        call(request, metadata=metadata, timeout=PATIENCE_S)
    except grpc.RpcError as failure:
        info = error_details_pb2.ErrorInfo()
        status: status_pb2.Status | None = rpc_status.from_call(failure)
        for detail in status.details if status else ():
            detail.Unpack(info)
        return failure.code(), info.reason, dict(info.metadata)
    return grpc.StatusCode.OK, "", {}


def end_of(responses: Any) -> Failure:
    """Return by what an endless stream ends."""
    with pytest.raises(grpc.RpcError) as caught:
        for _ in responses:
            pass
    return read_failure(cast("grpc.Call", caught.value))


def end_while_sending(stream: Sender, messages: Callable[[], Any]) -> Failure:
    """Return by what a stream ends whose client goes on and on."""

    def until_refused() -> Iterator[Any]:
        while True:
            stream.send(messages())
            yield next(stream.call)

    return end_of(until_refused())
