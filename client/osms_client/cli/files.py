"""Commands that send files: load, sync, resolve, reverse."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from osms_client.blocking import Gateway
from osms_client.categories import SyncResult
from osms_client.cli.console import (
    DEFAULT_TARGET,
    EXIT_INCOMPLETE,
    Target,
    err,
    explain,
    gateway_at,
    money,
    out,
)
from osms_client.cli.main import EXIT_USAGE
from osms_client.cli.progress import progress_bar
from osms_client.errors import RefusedError
from osms_client.loaders import (
    DEFAULT_SOURCE,
    FileError,
    FileKind,
    LoadReport,
    ReversalReport,
    kind_of,
    load,
    reverse_file,
    sync_file,
)
from osms_client.registers import RegisterResult, RowTotals
from osms_client.vocabulary import RegisterRefusal, SyncOutcome

_SHOWN_MAX = 20
"""Single findings printed; the counts always cover all."""

Files = Annotated[list[Path], typer.Argument(metavar="FILES", help="The files, in order.")]
Reason = Annotated[
    str, typer.Option("--reason", help="Written beside resolved lines. [default: the file's name]")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="load")(load_files)
    app.command(name="sync")(sync_files)
    app.command(name="resolve")(resolve_files)
    app.command(name="reverse")(reverse_payments)


def load_files(
    files: Files,
    source: Annotated[
        str, typer.Option(help="Whose registers MT-102 files are, which do not say it.")
    ] = DEFAULT_SOURCE,
    rejects: Annotated[
        Path | None, typer.Option(help="Write suspended lines here, to correct and load again.")
    ] = None,
    reason: Reason = "",
    target: Target = DEFAULT_TARGET,
) -> None:
    """Load registers (MT-102, CSV, Parquet) and corrected reject files.

    Running it again changes nothing and says so; a load that was killed is simply run again.

    Exit status: 0 everything is accepted, now or before; 1 something was refused or is suspended;
    2 usage, a file that cannot be read, or no answer from the gateway.
    """
    report, finished = LoadReport(), False
    try:
        with gateway_at(target) as gateway, progress_bar() as tell:
            load(
                gateway,
                files,
                source=source,
                rejects=rejects,
                operator_reason=reason,
                report=report,
                on_progress=lambda progress: tell(
                    f"{progress.path.name} ({progress.registers} registers, {progress.rows} rows)",
                    progress.bytes_done,
                    progress.bytes_total,
                ),
            )
        finished = True
    finally:
        _print_load(out(), report, rejects, finished=finished)
    if report.failures:
        raise typer.Exit(EXIT_USAGE)
    if not report.clean:
        raise typer.Exit(EXIT_INCOMPLETE)


def resolve_files(files: Files, reason: Reason = "", target: Target = DEFAULT_TARGET) -> None:
    """Resolve suspended lines from corrected reject files.

    In the column action, correct (or nothing) sends the row as it now stands, refund sends the
    money back. `osms load` does the same with such a file.

    Exit status: 0 every line is resolved, now or before; 1 some are not; 2 usage, a file that
    cannot be read, or no answer from the gateway.
    """
    try:
        for path in files:
            if kind_of(path) is not FileKind.REJECTS:
                raise FileError(path, "a reject file: it has no column issue", line=1)
    except FileError as failure:
        explain(failure)
        raise typer.Exit(EXIT_USAGE) from None
    load_files(files, reason=reason, target=target)


def _print_load(
    console: Console, report: LoadReport, rejects: Path | None, *, finished: bool
) -> None:
    for failure in report.failures:
        err().print(f"osms: {failure}", markup=False)
    for refused in report.refusals[:_SHOWN_MAX]:
        console.print(_refusal(refused), markup=False)
    for resolution, result in report.unresolved_lines[:_SHOWN_MAX]:
        wrong = result.issue or result.field or ""
        console.print(
            f"{resolution.source} {resolution.reference} line {resolution.line_no}: "
            f"{result.outcome} {wrong}",
            markup=False,
        )
    console.print(
        f"registers: {report.committed} committed, {report.already_committed} already committed, "
        f"{report.refused} refused"
    )
    console.print(f"accepted now: {_rows(report.accepted)}")
    if report.already_committed:
        console.print(f"settled before: {_rows(report.settled_before)}")
    console.print(f"in suspense: {_rows(report.suspended)}")
    if report.resolved or report.already_resolved or report.unresolved:
        console.print(
            f"suspended lines: {report.resolved} resolved, "
            f"{report.already_resolved} already resolved, {report.unresolved} not"
        )
    if report.warnings:
        console.print(f"warnings: {report.warnings} lines look strange but were accepted")
    if report.suspended.rows:
        where = str(rejects) if rejects else "load again with --rejects FILE to get them"
        console.print(f"suspended lines to correct: {where}", markup=False)
    before = report.already_committed + report.already_resolved
    if not finished:
        console.print("not finished: run the same load again, nothing is counted twice")
    elif report.clean and before and not report.changed:
        console.print("nothing changed: all of it had been loaded before")


def _refusal(result: RegisterResult) -> str:
    refusal = result.refusal or RegisterRefusal.UNRECOGNISED
    text = f"{result.source} {result.reference}: refused, {refusal}"
    if result.field:
        text += f" in {result.field}"
    if result.declared or result.counted:
        text += f": declared {result.declared or '-'}, counted {result.counted or '-'}"
    return text


def _rows(totals: RowTotals) -> str:
    return f"{totals.rows} rows, {money(totals.amount_tiyn)} tenge"


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
    _print_sync(out(), path, result)
    held = result.outcome not in (SyncOutcome.APPLIED, SyncOutcome.ALREADY_APPLIED)
    return EXIT_INCOMPLETE if held or result.rejected else 0


def _print_sync(console: Console, path: Path, result: SyncResult) -> None:
    console.print(
        f"{path.name}: {result.outcome}, run {result.run_id}: {result.records} records, "
        f"{result.changed} changed, {result.unchanged} known, {result.rejected} rejected, "
        f"{result.closed} {'would be ' if result.outcome is SyncOutcome.HELD else ''}closed",
        markup=False,
    )
    for record in result.rejected_records[:_SHOWN_MAX]:
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


def reverse_payments(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The reversals, as CSV.")],
    target: Target = DEFAULT_TARGET,
) -> None:
    """Reverse accepted payments.

    Columns: source, reversal_reference, reversed_on, line_no, payment_source, payment_reference,
    payment_line_no, iin, amount_tiyn, reason_code.

    Exit status: 0 everything is reversed, now or before; 1 some lines are not; 2 usage, a file
    that cannot be read, or no answer from the gateway.
    """
    report = ReversalReport()
    try:
        with gateway_at(target) as gateway:
            reverse_file(gateway, file, report=report)
    finally:
        console = out()
        for reversal, line, result in report.failures[:_SHOWN_MAX]:
            console.print(
                f"{reversal.source} {reversal.reversal_reference} line {line.line_no}: "
                f"{result.outcome} {result.field}, left {money(result.left_tiyn)} tenge",
                markup=False,
            )
        console.print(
            f"lines: {report.reversed} reversed, {report.already_reversed} already reversed, "
            f"{report.failed} not; {report.late} came later than the rules allow"
        )
    if report.failed:
        raise typer.Exit(EXIT_INCOMPLETE)
