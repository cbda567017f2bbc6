"""Runs the main job and prints what came of it; exit status 1 if one answer differs.

``python -m osms_seeds.demo [--people N] [--seed S] [--folder DIR] [--keep-serving]``
"""

import argparse
import shutil
import signal
import subprocess
import sys
import time
from datetime import date, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from osms_client import Gateway, Language, Purpose
from osms_client.cli.accesses import accesses
from osms_client.cli.console import identity
from osms_client.cli.people import explain_person
from osms_client.testing import RunningGateway, running_gateway
from osms_seeds.dataset import TODAY, Summary, write_dataset
from osms_seeds.demo.comparison import Comparison, compare_all
from osms_seeds.demo.desks import Asked, Cast, ask_all
from osms_seeds.demo.history import Loaded, load_history
from osms_seeds.files.timeline import read

DIFFERENCES_SHOWN = 20
SERVE_ON = "127.0.0.1:50051"
"""Where `make run` goes on serving."""
CASES = ("gap_never_paid", "stopped_lately", "graduate")
"""Archetypes whose month ledgers are shown."""

console = Console()


def main() -> int:
    """Run the demo; return the exit status."""
    options = _options()
    files = options.folder / "files"
    _clear(options.folder)
    started = time.perf_counter()
    console.rule("People and two years of files")
    summary = write_dataset(files, people=options.people, seed=options.seed)
    _show_summary(summary, time.perf_counter() - started)
    steps = list(read(files / "timeline.csv"))
    first: datetime = steps[0].instant
    store = str(options.folder / "store.db")
    listen = ("--listen", SERVE_ON) if options.keep_serving else ()
    identities = options.folder / "identities"
    with running_gateway(
        clock=first, store=store, arguments=listen, identities=identities, tls=True
    ) as running:
        console.rule(f"A gateway on {running.target}")
        with _progress() as progress:
            task = progress.add_task("loading", total=len(steps))
            loaded = load_history(running, files, lambda _: progress.advance(task))
        _show_loaded(loaded)
        console.rule("Every answer compared with how its person was made up")
        with Gateway(running.target, credentials=running.credentials("fund")) as fund:
            comparison = compare_all(fund, files / "expected.csv", TODAY)
        _show_comparison(comparison)
        console.rule("Each program of a medical system asks")
        asked = ask_all(running, files / "expected.csv", TODAY)
        _show_asked(asked)
        cast = Cast(files / "expected.csv", TODAY)
        _show_cases(running, cast)
        _show_accesses(running, cast)
        verified = [
            _verified("Every ledger compared with its facts", "ledger", store),
            _verified("Every record of the access log followed", "access-log", store),
        ]
        console.print(f"\nAll of it took {time.perf_counter() - started:.0f} s.")
        if options.keep_serving:
            _keep_serving(running.target)
    wrong = [one for one in asked if one.answered != one.expected]
    return 1 if comparison.differences or wrong or any(verified) else 0


def _clear(folder: Path) -> None:
    """Remove what an earlier demo made, and nothing else."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "files" / "timeline.csv").exists():
            sys.exit(f"{folder} holds something that no demo made; name another folder.")
        shutil.rmtree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m osms_seeds.demo", description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="is made anew")
    parser.add_argument("--keep-serving", action="store_true")
    return parser.parse_args()


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} files"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _show_summary(summary: Summary, seconds: float) -> None:
    console.print(
        f"{summary.people:,} people, {summary.payment_rows:,} payments in {summary.registers:,}"
        f" registers, {summary.feed_records:,} category records, {summary.expectations:,}"
        f" expected answers, in {seconds:.1f} s."
    )


def _show_loaded(loaded: Loaded) -> None:
    table = Table(title="Loaded through gRPC")
    for heading in ("kind of file", "files", "rows", "rows/s"):
        table.add_column(heading, justify="left" if heading == "kind of file" else "right")
    for kind, seconds in sorted(loaded.seconds.items()):
        rate = loaded.rows[kind] / seconds
        table.add_row(kind, f"{loaded.files[kind]:,}", f"{loaded.rows[kind]:,}", f"{rate:,.0f}")
    console.print(table)
    report = loaded.registers
    console.print(
        f"{report.committed:,} registers committed, {report.refused:,} refused;"
        f" {report.accepted.rows:,} rows are payments, {report.suspended.rows:,} in suspense."
    )
    syncs = ", ".join(f"{count:,} {name}" for name, count in loaded.sync_outcomes.items())
    console.print(
        f"Syncs: {syncs}, {loaded.rejected_records:,} records rejected."
        f" Reversals: {loaded.reversals.reversed:,}, {loaded.reversals.failed:,} failed."
    )


def _show_comparison(comparison: Comparison) -> None:
    table = Table(title=f"Statuses on {TODAY}")
    table.add_column("status")
    table.add_column("people", justify="right")
    table.add_column("share", justify="right")
    everyone = comparison.statuses.total()
    for status, count in comparison.statuses.most_common():
        table.add_row(status, f"{count:,}", f"{count / everyone:.1%}")
    console.print(table)
    rate = comparison.answers / comparison.seconds
    console.print(
        f"{comparison.answers:,} answers in {comparison.seconds:.1f} s ({rate:,.0f}/s),"
        f" {comparison.past_answers:,} of them as known on a past day:"
        f" [bold]{len(comparison.differences):,} differ[/bold]."
    )
    for difference in comparison.differences[:DIFFERENCES_SHOWN]:
        expected = difference.expected
        console.print(
            f"  {expected.iin} on {expected.service_date} known {expected.known_on or 'now'}:"
            f" expected {expected.status}, got {difference.answered}"
            f" ({expected.archetype}: {expected.note})"
        )


def _show_asked(asked: list[Asked]) -> None:
    for one in asked:
        right = one.answered == one.expected
        answer = one.answered if right else f"[red]{one.answered}, expected {one.expected}[/red]"
        console.print(f"[bold]{one.program}[/bold] ({one.about}): {answer}")
        console.print(f"  {one.shown}", markup=False)


def _show_cases(running: RunningGateway, cast: Cast) -> None:
    """Print the month ledgers of some people, as `osms explain` does."""
    identity(running.identities / "clients" / "clinic")
    for archetype in CASES:
        if row := cast.today.get(archetype):
            console.rule(f"Explained: {archetype}, {row.note}")
            explain_person(row.iin, language=Language.EN, target=running.target)


def _show_accesses(running: RunningGateway, cast: Cast) -> None:
    """Print who looked at one of them, as `osms accesses` does for the person's portal."""
    if row := cast.today.get(CASES[0]):
        console.rule("Who looked at the first of them")
        identity(running.identities / "clients" / "portal")
        accesses(row.iin, purpose=Purpose.SELF_SERVICE, limit=5, target=running.target)


def _verified(title: str, what: str, store: str) -> int:
    """Let a command prove the store; return its exit status."""
    console.rule(title)
    command = [sys.executable, "-m", "osms_client.cli", "verify", what, "--store", store]
    return subprocess.run(command, check=False).returncode


def _keep_serving(target: str) -> None:
    console.rule(f"Serving on {target} as of {date.isoformat(TODAY)}; Ctrl-C stops")
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("Stopping.")


if __name__ == "__main__":
    sys.exit(main())
