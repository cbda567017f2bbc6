"""Measures the gateway beside its controls and prints a table; writes bench.json.

The gateway is pinned to one core, the load to another; PostgreSQL may use both. Every pair of
rates is measured in turns, and the medians of the turns are shown.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import data
from tests.benchmarks.calls import ingest_all
from tests.benchmarks.figures import Figure, keep, show
from tests.benchmarks.ingestion import measure_ingestion
from tests.benchmarks.lookups import measure_lookups
from tests.benchmarks.memory import measure_memory
from tests.benchmarks.processes import pinned, rss_mib
from tests.benchmarks.snapshots import measure_snapshots
from tests.benchmarks.subject import Subject, load_core, running_subject
from tests.postgres import Postgres, running_postgres

PEOPLE = int(os.environ.get("OSMS_BENCH_PEOPLE", "20000"))
ENGINES = ("sqlite", "postgresql")
Measurement = Callable[[Subject, list[str]], Awaitable[list[Figure]]]
RATES: dict[str, Measurement] = {
    "lookup": measure_lookups,
    "ingest": measure_ingestion,
    "snapshot": measure_snapshots,
}
"""What is measured one after the other on a store with people in it."""
MEMORY = "rss"
"""What is measured on a fresh gateway and an empty store."""


def _chosen(variable: str, known: tuple[str, ...]) -> list[str]:
    """Return what a variable of the environment chooses of what is known; all if it is empty."""
    chosen = os.environ.get(variable, "").replace(",", " ").split() or list(known)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        sys.exit(f"{variable} knows {', '.join(known)}; not {', '.join(unknown)}")
    return [name for name in known if name in chosen]


async def _rates(subject: Subject, chosen: list[str]) -> list[Figure]:
    people = data.iins(PEOPLE)
    async with subject.connected() as channel:
        for number, period in enumerate(data.PERIODS):
            messages = [
                data.message(f"S{number}-{start}", people[start : start + 5_000], period)
                for start in range(0, len(people), 5_000)
            ]
            await ingest_all(channel, messages)
    figures = []
    for name in chosen:
        print(f"{subject.engine}: {name}", file=sys.stderr)
        figures += await RATES[name](subject, people)
    figures.append(Figure("rss_mib", subject.engine, round(rss_mib(subject.process), 1), "MiB"))
    return figures


@contextmanager
def _subject(engine: str, postgres: Postgres | None) -> Iterator[Subject]:
    """Serve a fresh store, and ask from another core."""
    with (
        TemporaryDirectory() as folder,
        running_subject(engine, Path(folder), postgres) as subject,
        pinned(load_core()),
    ):
        yield subject


def main() -> None:
    """Run the chosen measurements, on each chosen engine in turn."""
    engines = _chosen("OSMS_BENCH_ENGINES", ENGINES)
    chosen = _chosen("OSMS_BENCH_ONLY", (*RATES, MEMORY))
    figures: list[Figure] = []
    with ExitStack() as stack:
        postgres = None
        if "postgresql" in engines:
            postgres = stack.enter_context(running_postgres(fsync=True))
        for engine in engines:
            rates = [name for name in chosen if name != MEMORY]
            if rates:
                with _subject(engine, postgres) as subject:
                    figures += asyncio.run(_rates(subject, rates))
            if MEMORY in chosen:
                print(f"{engine}: {MEMORY}", file=sys.stderr)
                with _subject(engine, postgres) as subject:
                    figures += asyncio.run(measure_memory(subject))
    title = "gateway on one core, load on the other, PostgreSQL on both"
    show(figures, f"{title}; rates over {PEOPLE:,} people")
    keep(figures)


if __name__ == "__main__":
    main()
