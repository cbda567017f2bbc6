"""The list of all files in the order in which they arrive."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

COLUMNS = ("instant", "kind", "path")


class StepKind(StrEnum):
    """What a file of the timeline is."""

    REGISTER_CSV = "register_csv"
    REGISTER_MT102 = "register_mt102"
    REGISTER_PARQUET = "register_parquet"
    FEED = "feed"
    REVERSALS = "reversals"


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One file, loaded at one instant."""

    instant: datetime
    path: str
    """Relative to the timeline's own folder."""
    kind: StepKind


def read(path: Path) -> Iterator[Step]:
    """Yield the steps of a timeline, earliest first."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            instant = datetime.fromisoformat(row["instant"])
            yield Step(instant, row["path"], StepKind(row["kind"]))


def write(path: Path, steps: list[Step]) -> None:
    """Write the timeline, earliest first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows((step.instant.isoformat(), step.kind, step.path) for step in sorted(steps))
