"""The gateway's memory over one long stream, and the bytes that its rows take in the store."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import aclosing
from itertools import islice, repeat

from tests.benchmarks.calls import ingest
from tests.benchmarks.data import PERIODS
from tests.benchmarks.figures import Figure
from tests.benchmarks.people import people
from tests.benchmarks.processes import rss_mib
from tests.benchmarks.registers import register_message, register_messages
from tests.benchmarks.sizes import Sizes, measure_sizes
from tests.benchmarks.subject import Subject

ROWS = int(os.environ.get("OSMS_BENCH_RSS_ROWS", "2000000"))
REGISTER_ROWS = 5_000
MONTHS = PERIODS[:10]
PEOPLE = max(REGISTER_ROWS, ROWS // len(MONTHS))
"""Each of them is paid for in each month."""
SETTLED_ROWS = min(200_000, ROWS // 2)
"""After so many rows buffers and caches have their size: from here on memory is to be flat."""
GROWTH_AIM = 0.10
SAMPLE_EVERY_S = 1.0


async def measure_memory(subject: Subject) -> list[Figure]:
    """Return the gateway's memory over one stream of registers, and bytes per payment."""
    empty = await measure_sizes(subject)
    samples_mib: list[float] = []
    tenths_mib: dict[str, float] = {}
    settled_mib = 0.0
    committed = 0
    sampling = asyncio.create_task(_sample(subject.process, samples_mib))
    started = time.perf_counter()
    async with subject.connected() as channel, aclosing(ingest(channel, _messages())) as counts:
        async for count in counts:
            before, committed = committed, committed + count
            if before < SETTLED_ROWS <= committed:
                settled_mib = rss_mib(subject.process)
                samples_mib.clear()
            if committed * 10 // ROWS > before * 10 // ROWS:
                tenths_mib[f"mib_after_{committed}_rows"] = round(rss_mib(subject.process), 1)
    rate = committed / (time.perf_counter() - started)
    sampling.cancel()
    end_mib = rss_mib(subject.process)
    max_mib = max(settled_mib, end_mib, *samples_mib)
    growth = max_mib / settled_mib - 1
    figure = Figure(
        "rss_stream",
        subject.engine,
        round(end_mib, 1),
        "MiB",
        round(settled_mib, 1),
        round(end_mib / settled_mib, 3),
        f"{committed:,} rows at {rate:,.0f}/s; control: after {SETTLED_ROWS:,};"
        f" max {max_mib:.0f} MiB, growth {growth:+.1%} (aim: {GROWTH_AIM:.0%})",
        {"max_mib": round(max_mib, 1), "growth_share": round(growth, 4), **tenths_mib},
    )
    return [figure, *_bytes(subject.engine, empty, await measure_sizes(subject))]


async def _sample(process: int, samples_mib: list[float]) -> None:
    while True:
        samples_mib.append(rss_mib(process))
        await asyncio.sleep(SAMPLE_EVERY_S)


def _messages() -> Iterator[bytes]:
    """Yield registers month by month, of the same people in the same order, as employers do."""
    sent = 0
    for month in MONTHS:
        rows = min(PEOPLE, ROWS - sent)
        yield from register_messages(month, islice(people(), rows), month, repeat(REGISTER_ROWS))
        sent += rows


def _bytes(engine: str, empty: Sizes, full: Sizes) -> list[Figure]:
    """Return bytes per payment row: of the table alone, and of all that came with it."""
    some = list(islice(people(), REGISTER_ROWS))
    wire_bytes = len(register_message("wire", some, MONTHS[0])) / len(some)
    grown = full.store_bytes - empty.store_bytes
    figures = []
    for name, size, note in (
        ("bytes_per_payment", full.payment_bytes, "the table with its indexes"),
        ("store_bytes_per_payment", grown, "names, ledgers, registers and all else included"),
    ):
        if size is None:
            continue
        per_row = size / full.payments
        figures.append(
            Figure(
                name,
                engine,
                round(per_row, 1),
                "bytes",
                round(wire_bytes, 1),
                round(per_row / wire_bytes, 3),
                f"{note}; control: on the wire",
            )
        )
    return figures
