"""Figures, each beside its control, and how they are shown and kept."""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

KEPT = Path("bench.json")
COLUMNS_OF_FILES = 200
"""How wide a table is where no terminal says it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    engine: str
    value: float
    unit: str
    control: float | None = None
    """What the value is measured against, in the same unit."""
    ratio: float | None = None
    """The value by the control: the median of turns, where there are turns."""
    note: str = ""
    details: Mapping[str, float] = field(default_factory=dict)
    """What the note says, as numbers; units stand in the names."""


def in_turns(
    name: str,
    engine: str,
    unit: str,
    values: Sequence[float],
    controls: Sequence[float],
    note: str = "",
    details: Mapping[str, float] | None = None,
) -> Figure:
    """Return the medians of values and of controls that were measured in turns."""
    ratio = statistics.median(v / c for v, c in zip(values, controls, strict=True))
    value, beside = statistics.median(values), statistics.median(controls)
    return Figure(
        name,
        engine,
        round(value, 1),
        unit,
        round(beside, 1),
        round(ratio, 3),
        note,
        {name: round(number, 4) for name, number in (details or {}).items()},
    )


def p50_p99_ms(times_s: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile of at least one time, in milliseconds."""
    if len(times_s) == 1:
        return times_s[0] * 1e3, times_s[0] * 1e3
    cuts = statistics.quantiles(times_s, n=100, method="inclusive")
    return cuts[49] * 1e3, cuts[98] * 1e3


def console() -> Console:
    """Return a console that is wide where it is not a terminal, lest lines break there."""
    return Console(width=None if sys.stdout.isatty() else COLUMNS_OF_FILES)


def show(figures: Sequence[Figure], title: str) -> None:
    """Print the table."""
    table = Table(title=title)
    for heading in ("name", "engine", "value", "unit", "control", "ratio", ""):
        numeric = heading in ("value", "control", "ratio")
        table.add_column(heading, justify="right" if numeric else "left")
    for figure in figures:
        table.add_row(
            figure.name,
            figure.engine,
            f"{figure.value:,.0f}",
            figure.unit,
            "" if figure.control is None else f"{figure.control:,.0f}",
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.note,
        )
    console().print(table)


def keep(figures: Sequence[Figure]) -> None:
    """Write all figures down."""
    KEPT.write_text(json.dumps([asdict(figure) for figure in figures], indent=1))
