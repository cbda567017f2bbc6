"""The gateway's memory at rest and after load, and what idle connections take of it."""

import asyncio

from tests.benchmarks.calls import LOOKUP, ask, lookup_message
from tests.benchmarks.connections import idle_connections
from tests.benchmarks.figures import Figure, in_turns, p50_p99_ms
from tests.benchmarks.h2load import Concurrency, load_rpc
from tests.benchmarks.ledgers import fill_ledgers
from tests.benchmarks.processes import rss_mib
from tests.benchmarks.subject import Subject

PEOPLE = 50_000
SETTLES_S = 2.0
LOADED = Concurrency(8, 8)
LOADED_LOOKUPS = 20_000
VARIED_LOOKUPS = 2_000
IDLE = 700
"""Fewer than a worker takes."""
TURNS = 3
TURN_LOOKUPS = 5_000


async def measure_footprint(subject: Subject) -> list[Figure]:
    """Return the resident memory of a worker, at rest and loaded, and of an idle connection."""
    iins = [f"{iin:012d}" for iin in await fill_ledgers(subject, PEOPLE)]
    message = lookup_message(iins[0])
    await asyncio.sleep(SETTLES_S)
    rest_mib = rss_mib(subject.process)
    async with subject.connected() as channel:
        varied = [lookup_message(iin) for iin in iins[:: PEOPLE // VARIED_LOOKUPS]]
        await ask(channel, LOOKUP, varied, 1)
    await load_rpc(subject.address, LOOKUP, message, LOADED, LOADED_LOOKUPS)
    await asyncio.sleep(SETTLES_S)
    loaded_mib = rss_mib(subject.process)
    figures = [
        Figure(
            "rss_loaded",
            subject.engine,
            round(loaded_mib, 1),
            "MiB",
            round(rest_mib, 1),
            round(loaded_mib / rest_mib, 3),
            f"a worker after {LOADED_LOOKUPS + VARIED_LOOKUPS:,} lookups; control: at rest",
        )
    ]
    return figures + await _idle(subject, message, loaded_mib)


async def _idle(subject: Subject, message: bytes, loaded_mib: float) -> list[Figure]:
    """Ask in turns among idle connections and without; the first ones tell their memory."""
    alone: list[float] = []
    among: list[float] = []
    times_s: list[float] = []
    kib_each = 0.0
    for turn in range(TURNS):
        load = await load_rpc(subject.address, LOOKUP, message, LOADED, TURN_LOOKUPS)
        alone.append(load.rate)
        before_mib = rss_mib(subject.process)
        async with idle_connections(subject.address, IDLE):
            await asyncio.sleep(SETTLES_S)
            if turn == 0:
                kib_each = (rss_mib(subject.process) - before_mib) * 1024 / IDLE
            load = await load_rpc(subject.address, LOOKUP, message, LOADED, TURN_LOOKUPS)
        among.append(load.rate)
        times_s += load.times_s
    p50_ms, p99_ms = p50_p99_ms(times_s)
    return [
        Figure(
            "rss_per_idle_connection",
            subject.engine,
            round(kib_each, 1),
            "KiB",
            note=f"of {IDLE:,} beside the {loaded_mib:.0f} MiB of the worker",
        ),
        in_turns(
            "lookup_among_idle",
            subject.engine,
            "lookups/s",
            among,
            alone,
            f"p50 {p50_ms:.2f} ms, p99 {p99_ms:.2f} ms, with {IDLE:,} idle; control: with none",
            {"p50_ms": p50_ms, "p99_ms": p99_ms},
        ),
    ]
