"""Sends inputs to a running gateway, and watches whether it stays well."""

import re
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms.v1.consumer_service_pb2_grpc import ConsumerServiceStub
from osms_client.testing import RunningGateway, running_gateway
from tests.fuzz.wire import IIN

ANSWER_S = 30.0
"""A good client that is not answered within this time was forgotten."""
LINGER_S = 0.02
"""How long a bad one waits to hear something before it goes, sometimes."""
ASKED_EVERY = 100
LINGERS_EVERY = 20
KEPT_MAX = 50
"""Bad connections that are kept open beside the new ones."""
_NUMBER = re.compile(r"\d{12}")


@dataclass
class Siege:
    """What became of a gateway under fire."""

    sent: int = 0
    slowest_answer_s: float = 0.0
    """Of the good client, which asks now and then."""
    rss_mib: tuple[float, float] = (0.0, 0.0)
    """The gateway's memory after the first fifth, and at the end."""
    log_bytes: int = 0
    """How much the gateway's log has grown."""

    @property
    def growth(self) -> float:
        """By which share the memory grew after the first fifth."""
        warm, end = self.rss_mib
        return end / warm - 1


def besiege(gateway: RunningGateway, inputs: Iterable[bytes], count: int) -> Siege:
    """Send each input on a connection of its own; raise AssertionError unless all stays well."""
    siege = Siege()
    host, _, port = gateway.target.rpartition(":")
    warm_mib = 0.0
    kept: list[socket.socket] = []
    with _good_client(gateway.target) as ask:
        for content in inputs:
            if siege.sent == count:
                break
            kept.append(_send(host, int(port), content, siege.sent % LINGERS_EVERY == 0))
            if len(kept) > KEPT_MAX:
                kept.pop(0).close()
            siege.sent += 1
            if siege.sent % ASKED_EVERY == 0 or siege.sent == count:
                siege.slowest_answer_s = max(siege.slowest_answer_s, ask())
            if siege.sent == max(1, count // 5):
                warm_mib = _rss_mib(gateway.process.pid)
        for connection in kept:
            connection.close()
        ask()
    assert gateway.process.poll() is None, "the gateway has ended"
    log = gateway.log()
    assert '"incident"' not in log, f"a defect of the gateway:\n{log[-2_000:]}"
    assert not _NUMBER.search(log), "a person's number is in the log"
    siege.log_bytes = len(log)
    siege.rss_mib = (warm_mib, _rss_mib(gateway.process.pid))
    return siege


@contextmanager
def besieged_gateway() -> Iterator[RunningGateway]:
    """Serve an empty store to who means no good."""
    with running_gateway() as gateway:
        yield gateway


def _send(host: str, port: int, content: bytes, lingers: bool) -> socket.socket:
    """Send an input, perhaps hear what comes, and return the connection."""
    connection = socket.create_connection((host, port), ANSWER_S)
    try:
        connection.sendall(content)
        if lingers:
            connection.settimeout(LINGER_S)
            connection.recv(65_536)
    except OSError:
        pass  # it let us go
    return connection


@contextmanager
def _good_client(target: str) -> Iterator["_Ask"]:
    with grpc.insecure_channel(target) as channel:
        yield _Ask(ConsumerServiceStub(channel))


class _Ask:
    """Asks about a person, and says how long the answer took."""

    def __init__(self, stub: ConsumerServiceStub) -> None:
        self._stub = stub

    def __call__(self) -> float:
        request = pb.LookupConsumerRequest(iin=IIN, purpose=core_pb2.PURPOSE_RECEPTION)
        since = time.monotonic()
        response: pb.LookupConsumerResponse = self._stub.LookupConsumer(request, timeout=ANSWER_S)
        assert response.eligibility.iin == IIN
        return time.monotonic() - since


def _rss_mib(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4_096 / 2**20
