"""Loads a data set's files through gRPC, with the gateway's clock at the time of each."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from osms_client import Gateway
from osms_client.loaders import LoadReport, ReversalReport, load, reverse_file, sync_file
from osms_client.testing import RunningGateway
from osms_seeds.files.timeline import Step, StepKind, read


@dataclass(slots=True)
class Loaded:
    """What was loaded, by kind of file."""

    seconds: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    registers: LoadReport = field(default_factory=LoadReport)
    rejected_records: int = 0
    sync_outcomes: Counter[str] = field(default_factory=Counter)
    reversals: ReversalReport = field(default_factory=ReversalReport)


def load_history(
    running: RunningGateway, folder: Path, on_step: Callable[[Step], object]
) -> Loaded:
    """Load all files of a timeline in order; return what became of them."""
    loaded = Loaded()
    with Gateway(running.target) as gateway:
        for step in read(folder / "timeline.csv"):
            running.set_clock(step.instant)
            started = time.perf_counter()
            rows = _load_step(gateway, folder / step.path, step.kind, loaded)
            loaded.seconds[step.kind] += time.perf_counter() - started  # type: ignore[assignment] # a Counter of seconds
            loaded.files[step.kind] += 1
            loaded.rows[step.kind] += rows
            on_step(step)
    return loaded


def _load_step(gateway: Gateway, path: Path, kind: StepKind, loaded: Loaded) -> int:
    """Load one file; return its rows."""
    if kind is StepKind.FEED:
        result = sync_file(gateway, path)
        loaded.sync_outcomes[result.outcome] += 1
        loaded.rejected_records += result.rejected
        return result.records
    if kind is StepKind.REVERSALS:
        before = loaded.reversals.reversed
        return reverse_file(gateway, path, report=loaded.reversals).reversed - before
    report = loaded.registers
    before = report.accepted.rows + report.suspended.rows
    load(gateway, [path], report=report)
    return report.accepted.rows + report.suspended.rows - before
