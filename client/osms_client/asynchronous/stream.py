"""Runs a talk on an asynchronous stream."""

from __future__ import annotations  # grpc's own classes take no type arguments

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from typing import Any, Generic, TypeVar

import grpc
from grpc import aio

from osms_client.asynchronous.ending import Ending
from osms_client.errors import DeadlineError
from osms_client.pace import Pace
from osms_client.talks import Talk
from osms_client.wire.failures import error_from

Item = TypeVar("Item")
Unit = TypeVar("Unit")
Question = TypeVar("Question")
Answer = TypeVar("Answer")
Result = TypeVar("Result")

_CHECK_S = 0.01


async def converse(
    method: aio.StreamStreamMultiCallable[Question, Answer],
    talk: Talk[Unit, Question, Answer, Result],
    units: AsyncIterable[Unit],
    *,
    silence_s: float,
    timeout_s: float | None,
) -> AsyncGenerator[Result, None]:
    """Send units and yield results as they come; the caller may stop at any time."""
    stream = _Stream(talk, units)
    pace = stream.pace
    call = method(stream.questions(), timeout=timeout_s)
    stream.call = call
    ending = Ending(call)
    answers = aiter(call)
    try:
        while (answer := await _next(answers, call, pace, silence_s)) is not None:
            stream.free_slot()
            for result in talk.results(answer):
                yield result
    except asyncio.CancelledError:
        if pace.failure is not None:
            raise pace.failure from None
        if pace.timed_out:
            raise DeadlineError(
                f"the gateway was silent for {silence_s:g} s",
                status=grpc.StatusCode.DEADLINE_EXCEEDED,
            ) from None
        raise
    except grpc.RpcError as failure:
        said = await ending.of(failure)
        if said is not None:
            raise error_from(said) from failure
    finally:
        call.cancel()
    talk.end()


class _Stream(Generic[Unit, Question]):
    """What the reader and gRPC's writer task share."""

    def __init__(self, talk: Talk[Unit, Question, Any, object], units: AsyncIterable[Unit]) -> None:
        self.pace = Pace()
        self.call: aio.RpcContext | None = None
        self._talk = talk
        self._units = units
        self._slots = asyncio.Semaphore(talk.in_flight_max) if talk.in_flight_max else None

    def free_slot(self) -> None:
        if self._slots is not None:
            self._slots.release()

    async def questions(self) -> AsyncIterator[Question]:
        """Yield messages in gRPC's own task, which would swallow what is raised there."""
        pace = self.pace
        try:
            async for unit in self._units:
                pace.given()
                if self._slots is not None:
                    await self._slots.acquire()
                pace.taking()
                for message in self._talk.messages(unit):
                    pace.given()
                    yield message
                    pace.taking()
            for message in self._talk.last_messages():
                pace.given()
                yield message
            pace.given()
        except Exception as failure:
            pace.failure = failure
            if self.call is not None:
                self.call.cancel()


async def _next(
    answers: AsyncIterator[Answer], call: aio.RpcContext, pace: Pace, silence_s: float
) -> Answer | None:
    """Return the next answer, None after the last; give up when the server is silent."""
    pace.reading()
    reading = asyncio.ensure_future(anext(answers, None))
    try:
        while not reading.done():
            left_s = silence_s - pace.silent_s()
            if left_s <= 0:
                pace.timed_out = True
                call.cancel()
            await asyncio.wait((reading,), timeout=max(left_s, _CHECK_S))
        return reading.result()
    finally:
        pace.read()
        reading.cancel()


async def chunks(
    items: Iterable[Item] | AsyncIterable[Item], size: int
) -> AsyncIterator[list[Item]]:
    """Gather items into lists of a size; the last one may be shorter."""
    chunk: list[Item] = []
    async for item in each(items):
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


async def each(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncIterator[Item]:
    """Go through an iterable of either kind."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
