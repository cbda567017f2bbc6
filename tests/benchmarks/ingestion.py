"""Registers of three sizes on one stream and on eight, beside the bare driver."""

import asyncio
import time
from operator import sub
from typing import NamedTuple

from tests.benchmarks import data
from tests.benchmarks.calls import ingest_all
from tests.benchmarks.control import INGEST
from tests.benchmarks.figures import Figure, in_turns
from tests.benchmarks.processes import cpu_s, database_cpu_s
from tests.benchmarks.subject import Subject

TURNS = 5
SIZES = ((8, 4_000), (400, 20_000), (5_000, 120_000))
"""Rows of a register, and of all registers of a turn."""
STREAMS = (1, 8)
PAID_AT_A_TIME = 5_000


async def pay(subject: Subject, people: list[str]) -> None:
    """Pay for all of these people, and each month that the benchmarks know."""
    async with subject.connected() as channel:
        for number, period in enumerate(data.PERIODS):
            messages = [
                data.message(f"S{number}-{start}", people[start : start + PAID_AT_A_TIME], period)
                for start in range(0, len(people), PAID_AT_A_TIME)
            ]
            await ingest_all(channel, messages)


async def measure_ingestion(subject: Subject, people: list[str]) -> list[Figure]:
    """Return rows a second, with the CPU time a row costs and where."""
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
    used: list[_Used] = []
    committed = 0
    async with subject.connected() as channel:
        for turn in range(TURNS):
            messages = data.ingest_messages(f"{name}-{turn}", people, size, rows)
            raw.append(await INGEST[subject.engine](subject.store, messages))
            parts = [messages[number::streams] for number in range(streams)]
            before = _now(subject)
            counts = await asyncio.gather(*(ingest_all(channel, part) for part in parts))
            used.append(_Used(*map(sub, _now(subject), before)))
            rates.append(sum(counts) / used[-1].wall_s)
            committed += sum(counts)
    spent = _Used(*map(sum, zip(*used, strict=True)))
    return in_turns(name, subject.engine, "rows/s", rates, raw, *_cost(spent, committed))


class _Used(NamedTuple):
    """Seconds of the wall and of CPUs."""

    wall_s: float = 0.0
    gateway_s: float = 0.0
    database_s: float = 0.0
    """0: the store is a file, and its work the gateway's."""


def _now(subject: Subject) -> _Used:
    postmaster = subject.postmaster
    return _Used(
        time.perf_counter(),
        cpu_s(subject.process),
        database_cpu_s(postmaster) if postmaster is not None else 0.0,
    )


def _cost(used: _Used, rows: int) -> tuple[str, dict[str, float]]:
    """Return where the time of a row goes, in words and in numbers."""
    gateway_us, database_us = used.gateway_s / rows * 1e6, used.database_s / rows * 1e6
    busy = used.gateway_s / used.wall_s
    note = f"CPU/row: gateway {gateway_us:.1f} µs ({busy:.0%} busy)"
    details = {"gateway_cpu_us_per_row": gateway_us, "gateway_busy_share": busy}
    if used.database_s:
        note += f", database {database_us:.1f} µs"
        details["database_cpu_us_per_row"] = database_us
    return note, details
