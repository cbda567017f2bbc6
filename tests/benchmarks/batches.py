"""Lookups of many people in a call, beside an RPC that builds the same messages and asks nothing.

The stream is beside the batch: in chunks of the same size it is not to be slower.
"""

import time

import grpc

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from tests.benchmarks.calls import BATCH, STREAM, ask
from tests.benchmarks.data import SERVICE_DATE, repeated
from tests.benchmarks.figures import Figure, in_turns
from tests.benchmarks.server import SERVICE
from tests.benchmarks.subject import Subject

TURNS = 5
ANSWERS = 20_000
"""How many a turn asks for."""
SIZES = (1_000, 10_000)
CHUNK_PEOPLE = 1_000
EMPTY = f"/{SERVICE}/Batch"
OPTIONS = pb.LookupOptions(service_date=SERVICE_DATE, purpose=core_pb2.PURPOSE_ROSTER)


async def measure_batches(subject: Subject, people: list[str]) -> list[Figure]:
    """Return answers a second of batches and of a stream."""
    await _check_control(subject, people[: SIZES[0]])
    figures = [await _batches(subject, people, size) for size in SIZES]
    figures.append(await _stream(subject, people))
    return figures


async def _check_control(subject: Subject, people: list[str]) -> None:
    """Raise RuntimeError unless the control sets just the fields that the answers have."""
    request = _batch(people)
    fields = []
    async with subject.connected() as channel:
        for path in (BATCH, EMPTY):
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
            response = pb.BatchLookupConsumersResponse.FromString(await call(request))
            fields.append([_fields(result.eligibility) for result in response.results])
    answers, controls = fields
    if answers != controls:
        raise RuntimeError(f"answers have {answers[0]}, their control {controls[0]}")


def _fields(answer: core_pb2.Eligibility) -> list[tuple[str, int]]:
    """Return the fields that are set, with how many values a list has."""
    return [
        (field.name, len(value) if field.is_repeated else 1) for field, value in answer.ListFields()
    ]


async def _batches(subject: Subject, people: list[str], size: int) -> Figure:
    requests = [_batch(repeated(people, size))] * (ANSWERS // size)
    rates: list[float] = []
    empty: list[float] = []
    async with subject.connected() as channel:
        for _ in range(TURNS):
            for path, into in ((EMPTY, empty), (BATCH, rates)):
                rate, _ = await ask(channel, path, requests, 1)
                into.append(rate * size)
    note = "aim 0.35, and 80,000/s"
    return in_turns(f"batch_{size}", subject.engine, "answers/s", rates, empty, note)


async def _stream(subject: Subject, people: list[str]) -> Figure:
    some = repeated(people, CHUNK_PEOPLE)
    batches = [_batch(some)] * (ANSWERS // CHUNK_PEOPLE)
    items = [pb.LookupItem(iin=iin) for iin in some]
    first = pb.StreamLookupConsumersRequest(options=OPTIONS, items=items)
    later = pb.StreamLookupConsumersRequest(items=items)
    chunks = [first.SerializeToString()] + [later.SerializeToString()] * (len(batches) - 1)
    rates: list[float] = []
    beside: list[float] = []
    async with subject.connected() as channel:
        for _ in range(TURNS):
            rate, _ = await ask(channel, BATCH, batches, 1)
            beside.append(rate * CHUNK_PEOPLE)
            call: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(STREAM)
            started = time.perf_counter()
            answered = [chunk async for chunk in call(iter(chunks))]
            rates.append(len(answered) * CHUNK_PEOPLE / (time.perf_counter() - started))
            if len(answered) != len(chunks):
                raise RuntimeError(f"{len(answered)} of {len(chunks)} chunks were answered")
    note = f"control: batches of {CHUNK_PEOPLE:,}; aim 1.00"
    return in_turns(f"stream_{CHUNK_PEOPLE}", subject.engine, "answers/s", rates, beside, note)


def _batch(people: list[str]) -> bytes:
    return pb.BatchLookupConsumersRequest(
        options=OPTIONS, items=[pb.LookupItem(iin=iin) for iin in people]
    ).SerializeToString()
