"""Loads a data set's files through gRPC, with the gateway's clock at the time of each."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
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
    with _Senders(running) as senders:
        for step in read(folder / "timeline.csv"):
            running.set_clock(step.instant)
            started = time.perf_counter()
            path = folder / step.path
            gateway = senders.of(path) if step.kind is StepKind.FEED else senders.corporation
            rows = _load_step(gateway, path, step.kind, loaded)
            loaded.seconds[step.kind] += time.perf_counter() - started  # type: ignore[assignment] # a Counter of seconds
            loaded.files[step.kind] += 1
            loaded.rows[step.kind] += rows
            on_step(step)
    return loaded


class _Senders(ExitStack):
    """Everybody who sends, each with the own identity and connection."""

    def __init__(self, running: RunningGateway) -> None:
        super().__init__()
        self._running = running
        self._opened: dict[str, Gateway] = {}

    @property
    def corporation(self) -> Gateway:
        """The State Corporation, which sends all payments."""
        return self._connected("state-corporation")

    def of(self, feed: Path) -> Gateway:
        """Return who sends a feed, as its first line says."""
        with feed.open(encoding="utf-8") as lines:
            said = dict(pair.split("=", 1) for pair in next(lines).split() if "=" in pair)
        return self._connected(said["sender"].replace("_", "-"))

    def _connected(self, client: str) -> Gateway:
        if client not in self._opened:
            credentials = self._running.credentials(client)
            gateway = Gateway(self._running.target, credentials=credentials)
            self._opened[client] = self.enter_context(gateway)
        return self._opened[client]


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
