"""Lookups of one person and of a thousand, beside RPCs that ask nothing."""

import statistics

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from tests.benchmarks.calls import BATCH, LOOKUP, ask
from tests.benchmarks.figures import Figure, in_turns
from tests.benchmarks.server import SERVICE
from tests.benchmarks.subject import Subject

TURNS = 5
LOOKUPS = 2_000
CONCURRENCIES = (1, 64)
BATCH_PEOPLE = 1_000
BATCHES = 20


async def measure_lookups(subject: Subject, people: list[str]) -> list[Figure]:
    """Return lookups a second, with their p50 and p99, and answers of batches a second."""
    requests = [
        pb.LookupConsumerRequest(
            iin=people[number * 7919 % len(people)],
            service_date="2026-12-31",
            purpose=core_pb2.PURPOSE_RECEPTION,
        ).SerializeToString()
        for number in range(LOOKUPS)
    ]
    figures = [await _lookups(subject, requests, concurrency) for concurrency in CONCURRENCIES]
    figures.append(await _batches(subject, people))
    return figures


async def _lookups(subject: Subject, requests: list[bytes], concurrency: int) -> Figure:
    rates: list[float] = []
    empty: list[float] = []
    times_s: list[float] = []
    async with subject.connected() as channel:
        for _ in range(TURNS):
            rate, _ = await ask(channel, f"/{SERVICE}/Lookup", requests, concurrency)
            empty.append(rate)
            rate, some = await ask(channel, LOOKUP, requests, concurrency)
            rates.append(rate)
            times_s += some
    cuts = statistics.quantiles(times_s, n=100)
    p50_ms, p99_ms = cuts[49] * 1e3, cuts[98] * 1e3
    return in_turns(
        f"lookup_c{concurrency}",
        subject.engine,
        "lookups/s",
        rates,
        empty,
        f"p50 {p50_ms:.2f} ms, p99 {p99_ms:.2f} ms",
        {"p50_ms": p50_ms, "p99_ms": p99_ms},
    )


async def _batches(subject: Subject, people: list[str]) -> Figure:
    request = pb.BatchLookupConsumersRequest(
        options=pb.LookupOptions(service_date="2026-12-31", purpose=core_pb2.PURPOSE_ROSTER),
        items=[pb.LookupItem(iin=iin) for iin in people[:BATCH_PEOPLE]],
    ).SerializeToString()
    rates: list[float] = []
    empty: list[float] = []
    async with subject.connected() as channel:
        for _ in range(TURNS):
            for path, into in ((f"/{SERVICE}/Batch", empty), (BATCH, rates)):
                rate, _ = await ask(channel, path, [request] * BATCHES, 1)
                into.append(rate * BATCH_PEOPLE)
    return in_turns(f"batch_{BATCH_PEOPLE}", subject.engine, "answers/s", rates, empty)
