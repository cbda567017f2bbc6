"""Streams that a test sends piece by piece, and breaks off where it likes."""

from queue import Queue
from typing import Any

from osms.v1 import payment_service_pb2 as pb
from tests.integration import registers
from tests.integration.wire import DEADLINE_S


class Sender:
    """The client's side of a stream, sent message by message."""

    def __init__(self, method: Any) -> None:
        self._messages: Queue[Any] = Queue()
        self.call = method(iter(self._messages.get, None), timeout=DEADLINE_S)

    def send(self, *messages: Any) -> None:
        """Send messages and leave the stream open."""
        for message in messages:
            self._messages.put(message)

    def end(self) -> list[Any]:
        """Say that no more follows, and return the answers not taken yet."""
        self._messages.put(None)
        return list(self.call)

    def break_off(self) -> None:
        """Take the call back, as a client that goes away."""
        self.call.cancel()
        self._messages.put(None)


def halves(register: pb.Register) -> tuple[pb.IngestRegistersRequest, pb.IngestRegistersRequest]:
    """Return a register in two messages."""
    first = registers.changed(register, rows=list(register.rows)[:1])
    rest = pb.Register(rows=list(register.rows)[1:])
    return (
        pb.IngestRegistersRequest(register=first, more_follows=True),
        pb.IngestRegistersRequest(register=rest),
    )
