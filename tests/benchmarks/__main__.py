"""Measures the gateway beside its controls and prints a table; writes bench.json.

The gateway is pinned to one core, the load to another; PostgreSQL may use both. Every pair of
rates is measured in turns, and the medians of the turns are shown.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks import data, h2load, proxy
from tests.benchmarks.batches import measure_batches
from tests.benchmarks.connections import raise_file_limit
from tests.benchmarks.cost import measure_cost
from tests.benchmarks.figures import Figure, keep, show
from tests.benchmarks.footprint import measure_footprint
from tests.benchmarks.growth import measure_growth
from tests.benchmarks.ingestion import measure_ingestion, pay
from tests.benchmarks.lookups import measure_lookups
from tests.benchmarks.memory import measure_memory
from tests.benchmarks.overload import measure_overload
from tests.benchmarks.processes import pinned, rss_mib
from tests.benchmarks.rosters import measure_rosters
from tests.benchmarks.secrecy import measure_secrecy
from tests.benchmarks.snapshots import measure_snapshots
from tests.benchmarks.subject import Subject, chosen, chosen_engines, load_core, running_subject
from tests.benchmarks.web import measure_web
from tests.postgres import Postgres, running_postgres

PEOPLE = int(os.environ.get("OSMS_BENCH_PEOPLE", "20000"))
Measurement = Callable[[Subject, list[str]], Awaitable[list[Figure]]]
RATES: dict[str, Measurement] = {
    "lookup": measure_lookups,
    "cost": measure_cost,
    "batch": measure_batches,
    "web": measure_web,
    "ingest": measure_ingestion,
    "snapshot": measure_snapshots,
}
"""What is measured one after the other on a store with people in it."""
FRESH: dict[str, tuple[int, Callable[..., Coroutine[Any, Any, list[Figure]]]]] = {
    "rss": (1, measure_memory),
    "roster": (1, measure_rosters),
    "footprint": (1, measure_footprint),
    "overload": (1, measure_overload),
    "growth": (2, measure_growth),
    "secrecy": (1, measure_secrecy),
}
"""What is measured on fresh gateways and empty stores, and how many of them it takes."""


async def _rates(subject: Subject, wanted: list[str]) -> list[Figure]:
    people = data.iins(PEOPLE)
    await pay(subject, people)
    figures = []
    for name in wanted:
        print(f"{subject.engine}: {name}", file=sys.stderr)
        figures += await RATES[name](subject, people)
    figures.append(Figure("rss_mib", subject.engine, round(rss_mib(subject.process), 1), "MiB"))
    return figures


@contextmanager
def _subjects(count: int, engine: str, postgres: Postgres | None) -> Iterator[list[Subject]]:
    """Serve fresh stores, and ask from another core."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(TemporaryDirectory())) for _ in range(count)]
        subjects = [
            stack.enter_context(running_subject(engine, folder, postgres)) for folder in folders
        ]
        stack.enter_context(pinned(load_core()))
        yield subjects


def main() -> None:
    """Run the chosen measurements, on each chosen engine in turn."""
    h2load.check_installed()
    proxy.program()
    raise_file_limit()
    engines = chosen_engines()
    wanted = chosen("OSMS_BENCH_ONLY", (*RATES, *FRESH))
    figures: list[Figure] = []
    with ExitStack() as stack:
        postgres = None
        if "postgresql" in engines:
            postgres = stack.enter_context(running_postgres(fsync=True))
        for engine in engines:
            rates = [name for name in wanted if name in RATES]
            if rates:
                with _subjects(1, engine, postgres) as [subject]:
                    figures += asyncio.run(_rates(subject, rates))
            for name, (count, measure) in FRESH.items():
                if name in wanted:
                    print(f"{engine}: {name}", file=sys.stderr)
                    with _subjects(count, engine, postgres) as subjects:
                        figures += asyncio.run(measure(*subjects))
    title = "gateway on one core, load on the other, PostgreSQL on both"
    show(figures, f"{title}; rates over {PEOPLE:,} people")
    keep(figures)


if __name__ == "__main__":
    main()
