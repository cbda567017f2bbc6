"""Clients that are slow, silent, gone or too many: each is let go, and others are answered."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
import trustme

from osms_client.testing import RunningGateway
from osms_server.settings import Settings
from osms_server.transport import transport_options
from tests.http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES_MAX,
    GOAWAY,
    GREETING,
    HEADERS,
    HEALTH,
    LOOKUP,
    PREFACE,
    Peer,
    call_headers,
    dripping,
    frame,
    message,
    whole_call,
)
from tests.integration import lookups
from tests.integration.gateways import serving
from tests.integration.people import new_iin
from tests.integration.streams import Sender
from tests.integration.test_bad_input_streams import HEADER
from tests.integration.wire import DEADLINE_S, Stubs, connected, failure_of

STREAMS_MAX, CONNECTIONS_MAX, MESSAGE_BYTES_MAX = 4, 12, 65_536
SETTINGS = {
    "OSMS_HANDSHAKE_S": "1",
    "OSMS_PING_AFTER_S": "1",
    "OSMS_CONNECTION_GRACE_S": "1.5",
    "OSMS_STREAM_SILENCE_S": "1",
    "OSMS_HEADER_BYTES_MAX": "4096",
    "OSMS_MESSAGE_BYTES_MAX": str(MESSAGE_BYTES_MAX),
    "OSMS_STREAMS_MAX": str(STREAMS_MAX),
    "OSMS_CONNECTIONS_MAX": str(CONNECTIONS_MAX),
}
WATCH = "/osms.v1.ConsumerService/WatchConsumers"
SYNC = "/osms.v1.CategoryService/SyncCategories"
MARKER = "900101390002"
RESOURCE_EXHAUSTED = b"grpc-status\x018"
"""The status as it stands in trailers."""


@pytest.fixture(scope="module")
def gateway(
    prepared_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """A gateway that has little patience."""
    with serving(prepared_store, tmp_path_factory.mktemp("gateway"), settings=SETTINGS) as running:
        yield running


@pytest.fixture
def good_client(gateway: RunningGateway) -> Iterator[Stubs]:
    """Somebody who is answered before and after each of these tests."""
    with connected(gateway.target) as stubs:
        assert lookups.status_of(stubs, new_iin()) == "UNKNOWN_CONSUMER"
        yield stubs
    # Not on the same connection: the blocking library of Python answers no pings while it is idle.
    with connected(gateway.target) as stubs:
        assert lookups.status_of(stubs, new_iin()) == "UNKNOWN_CONSUMER"


pytestmark = pytest.mark.usefixtures("good_client")


# --- slow and silent -----------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [b"", PREFACE[:10], PREFACE], ids=["nothing", "half", "preface"])
def test_who_stops_while_connecting_is_closed(gateway: RunningGateway, begun: bytes) -> None:
    """A connection that is not opened within `handshake_s` ends by itself."""
    with Peer(gateway.target, begun) as peer:
        peer.until_closed()


def test_who_connects_byte_by_byte_is_closed(gateway: RunningGateway) -> None:
    """Slow bytes do not prolong the time to connect."""
    with Peer(gateway.target, b"") as peer, dripping(peer, GREETING, every_s=0.1):
        peer.until_closed()


def test_who_is_gone_is_closed(gateway: RunningGateway) -> None:
    """A connection that does not answer a ping is one whose other end is no more."""
    with Peer(gateway.target, answers_pings=False) as peer:
        peer.send(call_headers(LOOKUP, 1))
        assert b"ping_timeout" in peer.until_closed()


ENDLESS = {
    "no message": call_headers(LOOKUP, 1),
    "half a message": call_headers(LOOKUP, 1) + frame(DATA, 0, 1, message(b"", length=2**32 - 1)),
    "an end instead": call_headers(LOOKUP, 1, flags=END_STREAM | END_HEADERS),
}


def test_calls_that_never_get_their_message_end_with_their_connection(
    gateway: RunningGateway,
) -> None:
    """A client that is there, but never sends what it began, is let go after age and grace."""

    def come_after(begun: bytes) -> bytes:
        with Peer(gateway.target) as peer:
            peer.send(begun)
            return peer.until_closed()

    with ThreadPoolExecutor(len(ENDLESS)) as pool:
        for name, come in zip(ENDLESS, pool.map(come_after, ENDLESS.values()), strict=True):
            assert b"max connection age" in come, name


def test_calls_that_come_byte_by_byte_end_with_their_connection(gateway: RunningGateway) -> None:
    """Slow bytes do not prolong the life of a connection."""
    slow = (frame(DATA, END_STREAM, 1, message(b"x" * 200)), frame(HEADERS, 0, 3, b"x" * 200))
    with ExitStack() as stack:
        # Their pings cannot be answered amid a frame.
        peers = [stack.enter_context(Peer(gateway.target, answers_pings=False)) for _ in slow]
        for peer, rest in zip(peers, slow, strict=True):
            peer.send(call_headers(LOOKUP, 1))
            stack.enter_context(dripping(peer, rest, every_s=0.1))
        for peer in peers:
            peer.until_closed()


def test_a_stream_on_which_nothing_comes_ends(good_client: Stubs) -> None:
    """A sync that was begun and not gone on with ends with CLIENT_SILENT, and leaves nothing."""
    stream = Sender(good_client.categories.SyncCategories)
    stream.send(HEADER)
    failure = failure_of(lambda: list(stream.call))
    assert failure.status is grpc.StatusCode.ABORTED
    assert (failure.reason, failure.metadata) == ("CLIENT_SILENT", {"silence_s": "1"})
    stream.break_off()


# --- too large, too many -------------------------------------------------------------------------


def test_headers_above_their_limit_are_refused(gateway: RunningGateway) -> None:
    """A call with headers that are too large is refused, in one frame or in many."""
    for size in (5_000, 40_000):
        with Peer(gateway.target) as peer:
            peer.send(call_headers(LOOKUP, 1, ("token", "x" * size)) + frame(DATA, END_STREAM, 1))
            assert RESOURCE_EXHAUSTED in peer.answer(1)


def test_a_message_above_its_limit_is_refused(gateway: RunningGateway) -> None:
    """It is refused as soon as it is there; gRPC takes it whole before it looks at its size."""
    sent = message(b"x" * MESSAGE_BYTES_MAX + b"x")
    with Peer(gateway.target) as peer:
        peer.send(call_headers(LOOKUP, 1))
        for at in range(0, len(sent), FRAME_BYTES_MAX):
            peer.send(frame(DATA, 0, 1, sent[at : at + FRAME_BYTES_MAX]))
        assert RESOURCE_EXHAUSTED in peer.answer(1)


@pytest.mark.parametrize("path", [LOOKUP, WATCH, SYNC])
def test_a_message_that_is_none_of_the_contract_is_refused_in_words(
    good_client: Stubs, path: str
) -> None:
    """Bytes that are no such message are INVALID_REQUEST, and say nothing of the gateway."""
    method: grpc.StreamStreamMultiCallable[bytes, bytes] = good_client.channel.stream_stream(path)
    failure = failure_of(lambda: list(method(iter([b"\xff\xff\xff"]), timeout=DEADLINE_S)))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert (failure.reason, failure.domain) == ("INVALID_REQUEST", "osms.v1")


def test_a_name_that_is_no_text_is_logged_without_it(gateway: RunningGateway) -> None:
    """What gRPC itself cannot read is answered, and its log quotes nothing of it."""
    for _ in range(50):
        with Peer(gateway.target) as peer:
            peer.send(whole_call(f"/{MARKER}\xff", 1, b""))
            assert b"grpc-status" in peer.answer(1)
    assert MARKER not in gateway.log()
    assert 1 <= gateway.log().count('"library"') < 25


def test_what_a_client_says_on_leaving_is_not_logged(gateway: RunningGateway) -> None:
    """The core of gRPC would log the text of a GOAWAY, and headers that it cannot read."""
    with Peer(gateway.target) as peer:
        peer.send(call_headers(LOOKUP, 1, ("grpc-timeout", MARKER)))
        peer.send(frame(GOAWAY, 0, 0, bytes(8) + MARKER.encode()))
        peer.until_closed()
    assert MARKER not in gateway.log()


def test_streams_beyond_a_connections_limit_are_refused(gateway: RunningGateway) -> None:
    """A client that ignores the limit is refused what is above it, or let go."""
    with Peer(gateway.target) as peer:
        for number in range(STREAMS_MAX + 1):
            peer.send(call_headers(LOOKUP, 2 * number + 1))
        refused = 2 * STREAMS_MAX + 1
        peer.answer(refused)


def test_connections_beyond_their_limit_are_closed(gateway: RunningGateway) -> None:
    """They are closed at once; those before them are still answered, and leave room."""
    kept: list[Peer] = []
    closed = 0
    while not closed:
        assert len(kept) <= CONNECTIONS_MAX
        peer = Peer(gateway.target)
        peer.send(whole_call(HEALTH, 1, b""))
        try:
            peer.answer(1)
            kept.append(peer)
        except ConnectionError:
            closed += 1
            peer.close()
    kept[0].send(whole_call(HEALTH, 3, b""))
    kept[0].answer(3)
    for peer in kept:
        peer.close()
    give_up_at = time.monotonic() + 10
    while time.monotonic() < give_up_at:
        with Peer(gateway.target) as peer:
            peer.send(whole_call(HEALTH, 1, b""))
            try:
                peer.answer(1)
                return
            except ConnectionError:
                time.sleep(0.02)  # the gateway has yet to see that they left
    raise AssertionError("no room was left")


# --- under TLS -----------------------------------------------------------------------------------


@pytest.fixture
async def tls_target() -> AsyncIterator[str]:
    """The address of a server that speaks TLS, with the gateway's limits."""
    certificate = trustme.CA().issue_cert("localhost")
    key, chain = certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes()
    settings = Settings(handshake_s=0.5)
    server = grpc.aio.server(options=transport_options(settings))
    credentials = grpc.ssl_server_credentials([(key, chain)])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.mark.parametrize("begun", ["nothing", "half a greeting", "no settings"])
async def test_who_stops_amid_tls_is_closed(tls_target: str, begun: str) -> None:
    """The time to connect holds for TLS and for what follows it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host, _, port = tls_target.rpartition(":")
    if begun == "no settings":
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        writer.write(PREFACE)
    else:
        reader, writer = await asyncio.open_connection(host, int(port))
        out = ssl.MemoryBIO()
        with pytest.raises(ssl.SSLWantReadError):
            context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
        hello = out.read()
        writer.write(hello[: len(hello) // 2] if begun == "half a greeting" else b"")
    async with asyncio.timeout(10):
        while await reader.read(65_536):
            pass
    writer.close()
