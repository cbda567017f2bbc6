"""Loads a data set's files through gRPC, with the gateway's clock at the time of each."""

import csv
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path

from osms_client import Gateway, PaymentKey, Reversal, ReversalLine
from osms_client.loaders import LoadReport, load, sync_file
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
    reversal_outcomes: Counter[str] = field(default_factory=Counter)


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
        count = 0
        for reversal in reversals(path):
            for outcome in gateway.reverse_payments(reversal).results:
                loaded.reversal_outcomes[outcome.outcome] += 1
                count += 1
        return count
    report = loaded.registers
    before = report.accepted.rows + report.suspended.rows
    load(gateway, [path], report=report)
    return report.accepted.rows + report.suspended.rows - before


def reversals(path: Path) -> Iterator[Reversal]:
    """Yield the reversals of a file, one for each reference."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        for (source, reference, day), lines in groupby(
            rows, key=lambda row: (row["source"], row["reversal_reference"], row["reversed_on"])
        ):
            yield Reversal(
                source=source,
                reversal_reference=reference,
                reversed_on=date.fromisoformat(day),
                lines=tuple(
                    ReversalLine(
                        line_no=int(line["line_no"]),
                        payment=PaymentKey(
                            source=line["payment_source"],
                            reference=line["payment_reference"],
                            line_no=int(line["payment_line_no"]),
                            iin=line["iin"],
                        ),
                        amount_tiyn=int(line["amount_tiyn"]),
                        reason_code=line["reason_code"],
                    )
                    for line in lines
                ),
            )
