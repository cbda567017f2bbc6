"""Snapshots of categories, beside the bare driver."""

import time

from tests.benchmarks import data
from tests.benchmarks.calls import sync
from tests.benchmarks.control import STAGE
from tests.benchmarks.figures import Figure, in_turns
from tests.benchmarks.subject import Subject

TURNS = 5


async def measure_snapshots(subject: Subject, people: list[str]) -> list[Figure]:
    """Return records a second of a snapshot that changes nothing."""
    rates, raw = [], []
    async with subject.connected() as channel:
        for turn in range(TURNS):
            messages = list(data.snapshot_messages(people, f"2026-12-{turn + 1:02d}"))
            started = time.perf_counter()
            await sync(channel, messages)
            seconds = time.perf_counter() - started
            if turn:  # the first one is all new; later ones are unchanged
                rates.append(len(people) / seconds)
                raw.append(await STAGE[subject.engine](subject.store, people))
    return [in_turns("snapshot", subject.engine, "records/s", rates, raw, "unchanged")]
