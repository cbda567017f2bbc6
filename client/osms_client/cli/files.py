"""Commands that send files of payments: load, resolve, reverse."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from osms.values import money
from osms_client.cli.console import (
    DEFAULT_TARGET,
    EXIT_INCOMPLETE,
    SHOWN_MAX,
    Files,
    Target,
    err,
    explain,
    gateway_at,
    out,
)
from osms_client.cli.main import EXIT_USAGE
from osms_client.cli.progress import progress_bar
from osms_client.loaders import (
    DEFAULT_SOURCE,
    FileError,
    FileKind,
    LoadReport,
    ReversalReport,
    kind_of,
    load,
    reverse_file,
)
from osms_client.registers import RegisterResult, RowTotals
from osms_client.remedies import Resolution, ResolutionResult, ReversalResult
from osms_client.vocabulary import RegisterRefusal, ResolutionOutcome

Reason = Annotated[
    str,
    typer.Option("--reason", help="Written beside resolved lines.", show_default="the file's name"),
]


_SOURCE_NOT_KNOWN = (RegisterRefusal.INVALID, "source")
_WHY_REFUSED = {
    (RegisterRefusal.INVALID, "received_on"): "after today or before 2017-07",
    (RegisterRefusal.INVALID, "reference"): "empty, too long, or not printable",
    (RegisterRefusal.INVALID, "payer"): "its name or BIN is too long",
    (RegisterRefusal.INVALID, "purpose_code"): "too long",
    (RegisterRefusal.INVALID, "declared"): "the declared totals are missing",
    (RegisterRefusal.INVALID, "rows.line_no"): "must be above zero",
    (RegisterRefusal.CONFLICT, ""): "this reference was committed before with other content",
    (RegisterRefusal.DUPLICATE_LINE, ""): "two rows have the same line number",
    (RegisterRefusal.EMPTY, ""): "there are no rows",
}
"""What a refusal means where its name and field alone do not say it."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="load")(load_files)
    app.command(name="resolve")(resolve_files)
    app.command(name="reverse")(reverse_payments)


def load_files(
    files: Files,
    source: Annotated[
        str, typer.Option(help="Whose registers MT-102 files are, which do not say it.")
    ] = DEFAULT_SOURCE,
    rejects: Annotated[
        Path | None,
        typer.Option(help="A new file for suspended lines, to correct and load again."),
    ] = None,
    reason: Reason = "",
    target: Target = DEFAULT_TARGET,
) -> None:
    """Load registers (MT-102, CSV, Parquet) and corrected reject files.

    Running it again changes nothing and says so; a load that was killed is simply run again.

    Exit status: 0 everything is accepted, now or before; 1 something was refused or is suspended;
    2 usage, a file that cannot be read, or no answer from the gateway.
    """
    report = LoadReport()
    with gateway_at(target) as gateway:
        try:
            with progress_bar() as tell:
                load(
                    gateway,
                    files,
                    source=source,
                    rejects=rejects,
                    operator_reason=reason,
                    report=report,
                    on_progress=lambda progress: tell(
                        f"{progress.path.name} "
                        f"({progress.registers} registers, {progress.rows} rows)",
                        progress.bytes_done,
                        progress.bytes_total,
                    ),
                )
        except FileError:
            raise  # the place for rejects: nothing was sent
        except BaseException:
            _print_load(out(), report, rejects, finished=False)
            raise
    _print_load(out(), report, rejects, finished=True)
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
    for line in _refusals(report.refusals):
        console.print(line, markup=False)
    for resolution, result in report.unresolved_lines[:SHOWN_MAX]:
        console.print(_unresolved(resolution, result), markup=False)
    lines = report.resolved + report.already_resolved + report.unresolved
    registers = report.committed + report.already_committed + report.refused
    if registers or not (finished or lines):
        _print_registers(console, report)
    if lines:
        console.print(
            f"suspended lines: {report.resolved} resolved, "
            f"{report.already_resolved} already resolved, {report.unresolved} not resolved"
        )
    before = report.already_committed + report.already_resolved
    if not finished:
        console.print("not finished: run the same load again, nothing is counted twice")
    elif report.suspended.rows:
        where = str(rejects) if rejects else "load again with --rejects FILE to get them"
        console.print(f"suspended lines to correct: {where}", markup=False)
    elif report.clean and before and not report.changed:
        console.print("nothing changed: all of it had been loaded before")


def _print_registers(console: Console, report: LoadReport) -> None:
    console.print(
        f"registers: {report.committed} committed, {report.already_committed} already committed, "
        f"{report.refused} refused"
    )
    console.print(f"accepted now: {_rows(report.accepted)}")
    if report.already_committed:
        console.print(f"settled before: {_rows(report.settled_before)}")
    console.print(f"in suspense: {_rows(report.suspended)}")
    if report.warnings:
        console.print(f"warnings: {report.warnings} lines look strange but were accepted")


def _refusals(refused: list[RegisterResult]) -> list[str]:
    """Return a line for each refused register; a source that is not known is told once."""
    lines = [
        _refusal(result)
        for result in refused
        if (result.refusal, result.field) != _SOURCE_NOT_KNOWN
    ][:SHOWN_MAX]
    strangers = [
        result.source for result in refused if (result.refusal, result.field) == _SOURCE_NOT_KNOWN
    ]
    for source in dict.fromkeys(strangers):
        lines.append(f"{source}: registers refused, INVALID in source: source is not known")
    return lines


def _refusal(result: RegisterResult) -> str:
    refusal = result.refusal or RegisterRefusal.UNRECOGNISED
    text = f"{result.source} {result.reference}: refused, {refusal}"
    if result.field:
        text += f" in {result.field}"
    why = _WHY_REFUSED.get((refusal, result.field)) or _WHY_REFUSED.get((refusal, ""))
    if why:
        text += f": {why}"
    if result.declared or result.counted:
        text += f": declared {result.declared or '-'}, counted {result.counted or '-'}"
    return text


def _unresolved(resolution: Resolution, result: ResolutionResult) -> str:
    text = f"{resolution.source} {resolution.reference} line {resolution.line_no}: {result.outcome}"
    if result.outcome is ResolutionOutcome.STILL_INVALID and result.field == "amount_tiyn":
        return f"{text} amount_tiyn: the amount must stay as it was: refund the line"
    return f"{text} {result.issue or result.field or ''}".rstrip()


def _rows(totals: RowTotals) -> str:
    return f"{totals.rows} rows, {money(totals.amount_tiyn)} tenge"


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
        for reversal, line, result in report.failures[:SHOWN_MAX]:
            console.print(
                f"{reversal.source} {reversal.reversal_reference} line {line.line_no}: "
                f"{_unreversed(result)}, left {money(result.left_tiyn)} tenge",
                markup=False,
            )
        console.print(
            f"lines: {report.reversed} reversed, {report.already_reversed} already reversed, "
            f"{report.failed} not reversed; {report.late} came later than the rules allow"
        )
    if report.failed:
        raise typer.Exit(EXIT_INCOMPLETE)


def _unreversed(result: ReversalResult) -> str:
    return f"{result.outcome} in {result.field}" if result.field else result.outcome
