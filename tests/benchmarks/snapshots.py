"""Snapshots of categories, unchanged and changed by 1 %, beside the bare driver."""

import time
from collections.abc import Sequence

from tests.benchmarks.calls import sync
from tests.benchmarks.control import STAGE
from tests.benchmarks.data import CHUNK_RECORDS, iins, snapshot_messages
from tests.benchmarks.figures import Figure, in_turns
from tests.benchmarks.subject import Subject

TURNS = 5
PEOPLE_TIMES = 5
"""A snapshot is of so many times the people whom registers are for."""
NEW_SHARE = 0.005
"""Of a changed snapshot so many people are new, and as many gone: the shrink guard lets it pass."""


async def measure_snapshots(subject: Subject, people: list[str]) -> list[Figure]:
    """Return records a second of snapshots that change nothing, and of some that change 1 %."""
    count = PEOPLE_TIMES * len(people)
    new = max(1, round(NEW_SHARE * count))
    nation = iins(count + new * TURNS)
    # The first snapshot is all new, and not measured.
    await _send(subject, nation[:count], 1)
    unchanged = [nation[:count]] * (TURNS - 1)
    changed = [nation[new * turn : new * turn + count] for turn in range(1, TURNS + 1)]
    return [
        await _snapshots(subject, "snapshot", unchanged, first_day=2, note="unchanged"),
        await _snapshots(
            subject,
            "snapshot_1pct",
            changed,
            first_day=2 + len(unchanged),
            note=f"{new:,} people new, {new:,} gone",
        ),
    ]


async def _snapshots(
    subject: Subject, name: str, snapshots: Sequence[list[str]], *, first_day: int, note: str
) -> Figure:
    rates, raw = [], []
    for day, people in enumerate(snapshots, first_day):
        rates.append(await _send(subject, people, day))
        raw.append(await STAGE[subject.engine](subject.store, people, CHUNK_RECORDS))
    return in_turns(name, subject.engine, "records/s", rates, raw, note)


async def _send(subject: Subject, people: list[str], day: int) -> float:
    """Send the snapshot of a day; return records a second."""
    messages = list(snapshot_messages(people, len(people), f"2026-12-{day:02d}"))
    async with subject.connected() as channel:
        started = time.perf_counter()
        await sync(channel, messages)
        return len(people) / (time.perf_counter() - started)
