"""Runs a talk on a blocking stream."""

from __future__ import annotations  # grpc's own classes take no type arguments

import threading
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import TypeVar

import grpc

from osms_client.errors import DeadlineError
from osms_client.pace import Pace
from osms_client.talks import Talk
from osms_client.wire.failures import error_from

Item = TypeVar("Item")
Unit = TypeVar("Unit")
Question = TypeVar("Question")
Answer = TypeVar("Answer")
Result = TypeVar("Result")

_CHECKS_PER_SILENCE = 10


class _Stream:
    """What the reader, gRPC's writer thread and the watch share."""

    def __init__(self, in_flight_max: int | None) -> None:
        self.pace = Pace()
        self._slots = threading.Semaphore(in_flight_max) if in_flight_max else None
        self._ended = threading.Event()
        self._attached = threading.Event()
        self._call: grpc.RpcContext | None = None

    def attach(self, call: grpc.RpcContext) -> None:
        self._call = call
        self._attached.set()

    def take_slot(self) -> bool:
        """Wait until one more unit may be sent; False once the stream has ended."""
        if self._slots is not None:
            self._slots.acquire()
        return not self._ended.is_set()

    def free_slot(self) -> None:
        if self._slots is not None:
            self._slots.release()

    def cancel(self) -> None:
        self._attached.wait()
        if self._call is not None:
            self._call.cancel()

    def end(self) -> None:
        self._ended.set()
        self.free_slot()  # wakes a writer that waits for one
        self.cancel()

    def watch(self, silence_s: float) -> None:
        """Cancel the call once the server has been silent for too long."""
        while not self._ended.wait(silence_s / _CHECKS_PER_SILENCE):
            if self.pace.silent_s() > silence_s:
                self.pace.timed_out = True
                self.cancel()
                return


def converse(
    method: grpc.StreamStreamMultiCallable[Question, Answer],
    talk: Talk[Unit, Question, Answer, Result],
    units: Iterable[Unit],
    *,
    silence_s: float,
    timeout_s: float | None,
) -> Generator[Result, None, None]:
    """Send units and yield results as they come; the caller may stop at any time."""
    stream = _Stream(talk.in_flight_max)
    pace = stream.pace
    call = method(_questions(talk, units, stream), timeout=timeout_s)
    stream.attach(call)
    threading.Thread(target=stream.watch, args=(silence_s,), daemon=True).start()
    try:
        pace.reading()
        for answer in call:
            pace.read()
            stream.free_slot()
            yield from talk.results(answer)
            pace.reading()
    except grpc.RpcError as failure:
        if pace.failure is not None:
            raise pace.failure from None
        if pace.timed_out:
            raise DeadlineError(
                f"the gateway was silent for {silence_s:g} s",
                status=grpc.StatusCode.DEADLINE_EXCEEDED,
            ) from failure
        raise error_from(failure) from failure
    finally:
        stream.end()
    talk.end()


def _questions(
    talk: Talk[Unit, Question, Answer, Result], units: Iterable[Unit], stream: _Stream
) -> Iterator[Question]:
    """Yield messages in gRPC's own thread, which would print and swallow what is raised there."""
    pace = stream.pace
    try:
        for unit in units:
            pace.given()
            if not stream.take_slot():
                return
            pace.taking()
            for message in talk.messages(unit):
                pace.given()
                yield message
                pace.taking()
        for message in talk.last_messages():
            pace.given()
            yield message
        pace.given()
    except Exception as failure:
        pace.failure = failure
        stream.cancel()


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Gather items into lists of a size; the last one may be shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
