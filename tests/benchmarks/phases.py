"""Phases of a national month: what each took, at the scale measured and extrapolated to 1/1.

What grows with the number of rows is divided by the scale. What does not is as measured.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from tests.benchmarks.bystanders import Seen
from tests.benchmarks.sizes import Sizes

AS_MEASURED = "as measured"
MIB = 1024 * 1024
SAMPLES_MIN = 6
"""From so many samples on the growth of memory is told from its noise."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of the month."""

    name: str
    unit: str
    """What is counted: rows or records."""
    count: int
    seconds: float
    before: Sizes
    after: Sizes
    seen: Seen


def phases_table(phases: Sequence[Phase], scale: float) -> Table:
    """Return what was measured beside what follows from it for the whole nation."""
    table = Table(title=f"A national month: measured at scale {scale:g}, extrapolated to 1/1")
    table.add_column("")
    table.add_column("measured", justify="right")
    table.add_column("extrapolated", justify="right", style="italic")
    for phase in phases:
        table.add_section()
        for line in (*_work(phase, scale), *_meanwhile(phase, scale)):
            table.add_row(*line)
    return table


Line = tuple[str, str, str]
"""What is told, as measured, extrapolated."""


def _work(phase: Phase, scale: float) -> list[Line]:
    before, after = phase.before, phase.after
    grown = after.store_bytes - before.store_bytes
    new_rows = after.payments - before.payments if phase.unit == "rows" else phase.count
    rss_mib = max(phase.seen.rss_mib)
    whole_rss_mib = rss_mib + _growth_mib(phase.seen.rss_mib) * (1 / scale - 1)
    lines = [
        (phase.name, f"{phase.count:,} {phase.unit}", f"{phase.count / scale:,.0f} {phase.unit}"),
        ("  time", f"{phase.seconds:,.1f} s", f"{phase.seconds / scale:,.0f} s"),
        ("  rate", f"{phase.count / phase.seconds:,.0f} {phase.unit}/s", AS_MEASURED),
        ("  store grows by", f"{grown / MIB:,.1f} MiB", f"{grown / MIB / scale:,.0f} MiB"),
        (f"    for each of the {phase.unit}", f"{grown / new_rows:,.0f} bytes", AS_MEASURED),
    ]
    if phase.unit == "rows" and after.payment_bytes is not None:
        per_row = f"{after.payment_bytes / after.payments:,.0f} bytes"
        lines.append(("    in payment and its indexes", per_row, AS_MEASURED))
    memory = ("  gateway's memory at most", f"{rss_mib:,.0f} MiB", f"{whole_rss_mib:,.0f} MiB")
    return [*lines, memory]


def _meanwhile(phase: Phase, scale: float) -> list[Line]:
    seen = phase.seen
    cuts_s = statistics.quantiles(seen.lookup_times_s, n=100, method="inclusive")
    slowest_s, longest_s = max(seen.lookup_times_s), max(seen.register_waits_s)
    # Registers wait while a snapshot is applied in one transaction: as long as that takes.
    waits = AS_MEASURED if phase.unit == "rows" else f"{longest_s / scale:,.0f} s"
    failed = f"{len(seen.lookup_failures):,} of {_asked(seen):,}"
    return [
        ("  lookup p50", f"{cuts_s[49] * 1e3:,.1f} ms", AS_MEASURED),
        ("  lookup p99", f"{cuts_s[98] * 1e3:,.1f} ms", AS_MEASURED),
        ("  lookup at most", f"{slowest_s * 1e3:,.1f} ms", AS_MEASURED),
        ("  lookups failed", failed, ""),
        ("  small register waits at most", f"{longest_s:,.2f} s", waits),
    ]


def _asked(seen: Seen) -> int:
    return len(seen.lookup_times_s) + len(seen.lookup_failures)


def _growth_mib(samples_mib: Sequence[float]) -> float:
    """Return by how much memory would grow in a phase at the pace of its last two thirds."""
    third = len(samples_mib) // 3
    if len(samples_mib) < SAMPLES_MIN:
        return 0.0
    middle, last = samples_mib[third : 2 * third], samples_mib[2 * third :]
    return max(0.0, 3 * (statistics.median(last) - statistics.median(middle)))
