"""Commands about a polyclinic's attached population: roster sync, report, list."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from osms.values import almaty_date, money
from osms_client.cli.console import (
    DEFAULT_TARGET,
    EXIT_INCOMPLETE,
    SHOWN_MAX,
    Target,
    gateway_at,
    option_day,
    out,
    print_json,
)
from osms_client.cli.people import AsJson, Day
from osms_client.loaders.roster_file import read_roster
from osms_client.loaders.sheets import Value, check_sheet_name, write_sheet
from osms_client.rosters import ListedMember, RosterHeader, RosterReport

REPORT_COLUMNS = ("figure", "of", "value")
"""A report as a sheet: a figure a row, where it is one of several with what it is of."""

MEMBER_COLUMNS = (
    "iin",
    "attached_on",
    "last_visit_on",
    "not_seen",
    "status",
    "ground",
    "valid_through",
    "covered_through",
    "arrears_months",
    "blocking_months",
    "restore_amount_tiyn",
    "next_step",
    "decision_id",
)
"""Members as a sheet; it may be sent as a list again."""

Code = Annotated[str, typer.Option("--roster", metavar="CODE", help="The roster's code.")]
LapsingBy = Annotated[
    date | None,
    typer.Option(
        "--lapsing-by",
        parser=option_day,
        metavar="YYYY-MM-DD",
        help="Who is covered through this day at most lapses.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write it there: .csv or .xlsx."),
]

roster = typer.Typer(
    help="Keep a polyclinic's attached population, and see who of it is insured.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(roster, name="roster")


@roster.command()
def sync(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, XLSX or Parquet.")],
    code: Code,
    as_of: Annotated[
        date | None,
        typer.Option(
            "--as-of",
            parser=option_day,
            metavar="YYYY-MM-DD",
            help="The day whose state the file shows.",
            show_default="today",
        ),
    ] = None,
    target: Target = DEFAULT_TARGET,
) -> None:
    """Replace a roster by a file of all its members.

    Exit status: 0 the roster is as the file says; 1 lines were rejected, or the file was refused; 2
    usage, a file that cannot be read, or no answer from the gateway.
    """
    with gateway_at(target, exit_if_refused=EXIT_INCOMPLETE) as gateway:
        members = read_roster(file)
        header = RosterHeader(
            roster=code,
            as_of=as_of or almaty_date(datetime.now(UTC)),
            declared_members=len(members),
        )
        result = gateway.sync_roster(header, members)
    console = out()
    console.print(
        f"{code}: version {result.version}, {result.members} members: {result.added} added, "
        f"{result.changed} changed, {result.removed} removed, {result.unchanged} unchanged, "
        f"{result.rejected} lines rejected",
        markup=False,
    )
    for line in result.rejected_members[:SHOWN_MAX]:
        console.print(
            f"  member {line.member_no}: rejected, {line.issue} ({line.field})", markup=False
        )
    if result.rejected:
        raise typer.Exit(EXIT_INCOMPLETE)


@roster.command()
def report(
    code: Code,
    day: Day = None,
    lapsing_by: LapsingBy = None,
    norm_tiyn: Annotated[
        int, typer.Option("--norm-tiyn", min=0, help="The norm a head, in tiyn. [0: not told]")
    ] = 0,
    file: Out = None,
    as_json: AsJson = False,
    target: Target = DEFAULT_TARGET,
) -> None:
    """Count the members by what they are on a day, and what the clinic gets for them.

    Exit status: 0 answered; 2 not answered, or the file cannot be written.
    """
    with gateway_at(target) as gateway:
        if file is not None:
            check_sheet_name(file)
        found = gateway.roster_report(
            code, service_date=day, lapsing_by=lapsing_by, norm_tiyn_per_head=norm_tiyn
        )
        if file is not None:
            write_sheet(file, REPORT_COLUMNS, _figures(found))
    if as_json:
        print_json(found)
        return
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column(f"{found.roster} on {found.service_date}")
    table.add_column("")
    table.add_column("", justify="right")
    for figure, of, value in _figures(found):
        told = money(value) if figure.endswith("_tiyn") and isinstance(value, int) else str(value)
        table.add_row(figure.replace("_tiyn", ", tenge").replace("_", " "), str(of), told)
    out().print(table)


def _figures(found: RosterReport) -> Iterator[tuple[str, Value, Value]]:
    yield "members", "", found.members
    yield "insured", "", found.insured
    yield "retention", "", found.retention
    yield "on_visit", "", found.on_visit
    yield "uninsured", "", found.uninsured
    for of_ground in found.uninsured_by_ground:
        yield "uninsured", of_ground.ground, of_ground.members
    yield "unknown", "", found.unknown
    yield "deceased", "", found.deceased
    yield "lapsing", f"by {found.lapsing_by}", found.lapsing
    for of_day in found.lapsing_by_day:
        yield "lapsing", of_day.covered_through, of_day.members
    yield "not_seen", f"for {found.not_seen_months} months", found.not_seen
    if found.money is not None:
        for share in found.money.shares:
            yield "norms", f"{share.group} x {share.coefficient}", share.norms
        yield "norms", f"of {found.money.full_norms}", found.money.norms
        if found.money.amount_tiyn or found.money.reduction_tiyn:
            yield "amount_tiyn", "", found.money.amount_tiyn
            yield "reduction_tiyn", "", found.money.reduction_tiyn
    yield "revision", "", found.revision
    for source in found.stale_sources:
        yield "stale_source", source, ""


@roster.command(name="list")
def list_members(
    code: Code,
    day: Day = None,
    uninsured: Annotated[bool, typer.Option("--uninsured", help="Only the uninsured.")] = False,
    lapsing_by: LapsingBy = None,
    not_seen: Annotated[
        bool, typer.Option("--not-seen", help="Only those not seen for a year.")
    ] = False,
    file: Out = None,
    target: Target = DEFAULT_TARGET,
) -> None:
    """List members with their answers on a day; filters that are set must all hold.

    Exit status: 0 answered; 2 not answered, or the file cannot be written.
    """
    with gateway_at(target) as gateway:
        members = gateway.list_roster_members(
            code,
            service_date=day,
            uninsured=uninsured,
            lapsing_by=lapsing_by,
            not_seen=not_seen,
            page_size=0 if file is None else 10_000,
        )
        if file is None:
            _print_members(members)
        else:
            written = write_sheet(file, MEMBER_COLUMNS, map(_cells, members))
            out().print(f"{file}: {written} members", markup=False)


def _print_members(members: Iterator[ListedMember]) -> None:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    shown = ("iin", "status", "ground", "covered through", "last visit", "blocking months")
    for column in shown:
        table.add_column(column, no_wrap=column != shown[-1])
    for member in islice(members, SHOWN_MAX):
        answer = member.eligibility
        table.add_row(
            answer.iin,
            answer.status,
            _first(answer.grounds),
            str(answer.covered_through or ""),
            str(member.last_visit_on or ""),
            ", ".join(answer.blocking_months),
        )
    console = out()
    console.print(table)
    if more := sum(1 for _ in members):
        console.print(f"and {more} more: --out FILE writes all of them", markup=False)


def _cells(member: ListedMember) -> tuple[Value, ...]:
    answer = member.eligibility
    return (
        answer.iin,
        member.attached_on,
        member.last_visit_on,
        "yes" if member.not_seen else "no",
        answer.status,
        _first(answer.grounds),
        answer.valid_through,
        answer.covered_through,
        " ".join(answer.arrears_months),
        " ".join(answer.blocking_months),
        answer.restore_amount_tiyn,
        answer.next_step.code,
        answer.decision_id,
    )


def _first(words: Iterable[str]) -> str:
    return next(iter(words), "")
