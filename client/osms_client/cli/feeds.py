"""Commands about feeds of categories: sync, release."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from osms_client.blocking import Gateway
from osms_client.categories import SyncResult
from osms_client.cli.console import (
    DEFAULT_TARGET,
    EXIT_INCOMPLETE,
    SHOWN_MAX,
    Files,
    Target,
    explain,
    gateway_at,
    out,
)
from osms_client.cli.main import EXIT_USAGE
from osms_client.cli.progress import progress_bar
from osms_client.errors import RefusedError
from osms_client.loaders import FileError, sync_file
from osms_client.vocabulary import SyncOutcome


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="sync")(sync_files)
    app.command(name="release")(release)


def sync_files(files: Files, target: Target = DEFAULT_TARGET) -> None:
    """Send category feeds (CSV, Parquet): deltas and snapshots, in the order given.

    Exit status: 0 everything is applied, now or before; 1 something was refused, rejected or is
    held; 2 usage, a file that cannot be read, or no answer from the gateway.
    """
    worst = 0
    with gateway_at(target) as gateway:
        for path in files:
            worst = max(worst, _sync(gateway, path))
    if worst:
        raise typer.Exit(worst)


def _sync(gateway: Gateway, path: Path) -> int:
    """Send one feed and print what became of it; return the exit status it deserves."""
    try:
        with progress_bar() as tell:
            result = sync_file(
                gateway,
                path,
                on_progress=lambda progress: tell(
                    path.name, progress.records, progress.header.declared_records
                ),
            )
    except (FileError, RefusedError) as error:
        explain(error)
        return EXIT_USAGE if isinstance(error, FileError) else EXIT_INCOMPLETE
    _print_sync(out(), path.name, result)
    held = result.outcome not in (SyncOutcome.APPLIED, SyncOutcome.ALREADY_APPLIED)
    return EXIT_INCOMPLETE if held or result.rejected else 0


def _print_sync(console: Console, name: str, result: SyncResult) -> None:
    console.print(
        f"{name}: {result.outcome}, run {result.run_id}: {result.records} records, "
        f"{result.changed} changed, {result.unchanged} known, {result.rejected} rejected, "
        f"{result.closed} {'would be ' if result.outcome is SyncOutcome.HELD else ''}closed",
        markup=False,
    )
    for record in result.rejected_records[:SHOWN_MAX]:
        console.print(
            f"  record {record.record_no}: rejected, {record.issue} ({record.field})", markup=False
        )
    for part in result.shrink:
        if part.held:
            console.print(
                f"  held: {part.scope.source}/{part.scope.category or 'unspecified'} would lose "
                f"{part.closing_spans} of {part.open_spans} spans",
                markup=False,
            )
    if result.outcome is SyncOutcome.HELD:
        console.print(
            "  nothing changed: look at these counts; if they are right, "
            f"`osms release {result.run_id} --reason TEXT`, if not, send a newer snapshot",
            markup=False,
        )


def release(
    run_id: Annotated[
        int, typer.Argument(metavar="RUN_ID", min=1, help="The run, as osms sources names it.")
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why it is right; kept with the run.")
    ],
    target: Target = DEFAULT_TARGET,
) -> None:
    """Apply a held snapshot, once a person has looked at what it would close.

    Exit status: 0 it is applied; 1 it is still held; 2 usage, there is no such held snapshot, or
    no answer from the gateway.
    """
    with gateway_at(target) as gateway:
        result = gateway.release_held_snapshot(run_id, operator_reason=reason)
    _print_sync(out(), "released", result)
    if result.outcome not in (SyncOutcome.APPLIED, SyncOutcome.ALREADY_APPLIED):
        raise typer.Exit(EXIT_INCOMPLETE)
