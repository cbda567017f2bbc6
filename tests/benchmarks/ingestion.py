"""Registers of three sizes on one stream and on eight, beside the bare driver."""

import asyncio
import time

from tests.benchmarks import data
from tests.benchmarks.calls import ingest_all
from tests.benchmarks.control import INGEST
from tests.benchmarks.figures import Figure, in_turns
from tests.benchmarks.subject import Subject

TURNS = 5
SIZES = ((8, 4_000), (400, 20_000), (5_000, 40_000))
"""Rows of a register, and of all registers of a turn."""
STREAMS = (1, 8)


async def measure_ingestion(subject: Subject, people: list[str]) -> list[Figure]:
    """Return rows a second."""
    return [
        await _ingestion(subject, people, size, rows, streams)
        for size, rows in SIZES
        for streams in STREAMS
    ]


async def _ingestion(
    subject: Subject, people: list[str], size: int, rows: int, streams: int
) -> Figure:
    name = f"ingest_{size}" + (f"_x{streams}" if streams > 1 else "")
    rates, raw = [], []
    async with subject.connected() as channel:
        for turn in range(TURNS):
            messages = data.ingest_messages(f"{name}-{turn}", people, size, rows)
            raw.append(await INGEST[subject.engine](subject.store, messages))
            parts = [messages[number::streams] for number in range(streams)]
            started = time.perf_counter()
            counts = await asyncio.gather(*(ingest_all(channel, part) for part in parts))
            rates.append(sum(counts) / (time.perf_counter() - started))
    return in_turns(name, subject.engine, "rows/s", rates, raw)
