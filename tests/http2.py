"""HTTP/2 made by hand: what no client library would send, and a connection that sends it."""

import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = range(5)
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(5, 10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4

FRAME_BYTES_MAX = 16_384
LOOKUP = "/osms.v1.ConsumerService/LookupConsumer"
HEALTH = "/grpc.health.v1.Health/Check"


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Return a frame, whether or not it has a meaning."""
    length = struct.pack(">I", len(payload))[1:]
    return length + bytes((kind, flags)) + struct.pack(">I", stream) + payload


GREETING = PREFACE + frame(SETTINGS) + frame(SETTINGS, ACK)
"""How a connection opens: our settings, and that we took theirs, which we do not wait for."""


def message(content: bytes, *, length: int | None = None, compressed: int = 0) -> bytes:
    """Return a message of gRPC; it may lie about its length."""
    return struct.pack(">BI", compressed, len(content) if length is None else length) + content


def header_block(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return fields in HPACK, all as plain literals."""
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields)


def _text(value: str) -> bytes:
    raw = value.encode("latin-1")
    if len(raw) < 127:
        return bytes((len(raw),)) + raw
    rest, length = len(raw) - 127, bytearray((127,))
    while rest >= 128:
        length.append(rest % 128 | 128)
        rest //= 128
    return bytes((*length, rest)) + raw


def call_fields(path: str, *further: tuple[str, str]) -> list[tuple[str, str]]:
    """Return the headers of a call."""
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "gateway"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        *further,
    ]


def call_headers(
    path: str, stream: int, *further: tuple[str, str], flags: int = END_HEADERS
) -> bytes:
    """Return the frames that open a call; its message follows in others."""
    block = header_block(call_fields(path, *further))
    parts = [block[at : at + FRAME_BYTES_MAX] for at in range(0, len(block), FRAME_BYTES_MAX)]
    last = len(parts) - 1
    return b"".join(
        frame(
            CONTINUATION if number else HEADERS,
            flags if number == last else flags & ~END_HEADERS,
            stream,
            part,
        )
        for number, part in enumerate(parts)
    )


def whole_call(path: str, stream: int, content: bytes) -> bytes:
    """Return the frames of a call with one message."""
    sent = message(content)
    return call_headers(path, stream) + frame(DATA, END_STREAM, stream, sent)


@dataclass(frozen=True)
class Frame:
    """A frame that came."""

    kind: int
    flags: int
    stream: int
    payload: bytes


class Peer:
    """A connection on which anything may be sent."""

    def __init__(
        self,
        target: str,
        greeting: bytes = GREETING,
        *,
        timeout_s: float = 10.0,
        answers_pings: bool = True,
    ) -> None:
        host, _, port = target.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout_s)
        self._timeout_s = timeout_s
        self._answers_pings = answers_pings
        self._come = bytearray()
        self.opened_at = time.monotonic()
        self.send(greeting)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def send(self, content: bytes) -> bool:
        """Send bytes; tell whether the other side still takes any."""
        try:
            self._socket.sendall(content)
        except OSError:
            return False
        return True

    def frames(self, timeout_s: float | None = None) -> Iterator[Frame]:
        """Yield what comes until the other side closes; raise TimeoutError if it does not."""
        give_up_at = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        while True:
            while (whole := self._whole_frame()) is not None:
                if whole.kind == PING and not whole.flags & ACK and self._answers_pings:
                    self.send(frame(PING, ACK, 0, whole.payload))
                yield whole
            left_s = give_up_at - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the connection is still open")
            self._socket.settimeout(left_s)
            try:
                some = self._socket.recv(65_536)
            except TimeoutError:
                raise TimeoutError("the connection is still open") from None
            except OSError:
                return
            if not some:
                return
            self._come += some

    def until_closed(self) -> bytes:
        """Return all that comes until the other side closes."""
        return b"".join(come.payload for come in self.frames())

    def answer(self, stream: int) -> bytes:
        """Return the payloads of a stream's frames up to its end."""
        payloads = []
        for come in self.frames():
            if come.stream == stream:
                payloads.append(come.payload)
                if come.kind == RST_STREAM or (
                    come.kind in (DATA, HEADERS) and come.flags & END_STREAM
                ):
                    return b"".join(payloads)
        raise ConnectionError("closed before the stream ended")

    def _whole_frame(self) -> Frame | None:
        if len(self._come) < 9:
            return None
        length = int.from_bytes(self._come[:3], "big")
        if len(self._come) < 9 + length:
            return None
        kind, flags = self._come[3], self._come[4]
        stream = int.from_bytes(self._come[5:9], "big") & 0x7FFF_FFFF
        payload = bytes(self._come[9 : 9 + length])
        del self._come[: 9 + length]
        return Frame(kind, flags, stream, payload)


@contextmanager
def dripping(peer: Peer, content: bytes, every_s: float) -> Iterator[None]:
    """Send bytes one by one from a thread of its own until the end of the context."""
    ended = threading.Event()

    def drip() -> None:
        for byte in content:
            if ended.wait(every_s) or not peer.send(bytes((byte,))):
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
