"""Commands that look into the books: sources, suspense."""

from itertools import islice
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from osms.values import ALMATY, money
from osms_client.categories import SourceFeed
from osms_client.cli.console import DEFAULT_TARGET, Target, gateway_at, out, print_json
from osms_client.remedies import SuspendedRow
from osms_client.vocabulary import FeedKind, LineIssue, SuspenseState


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="sources")(sources)
    app.command(name="suspense")(suspense)


def sources(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    target: Target = DEFAULT_TARGET,
) -> None:
    """List every source: how fresh its feeds are, the next delta, what is held."""
    with gateway_at(target) as gateway:
        feeds = gateway.list_sources()
    if as_json:
        print_json(feeds)
        return
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for heading in ("Source", "Feed", "Last applied", "As of", "Next delta", "State", "Held runs"):
        table.add_column(heading)
    for feed in feeds:
        table.add_row(*_feed_cells(feed), style="yellow" if feed.stale else None)
    out().print(table)


def _feed_cells(feed: SourceFeed) -> list[str]:
    applied = feed.last_applied_at
    return [
        feed.source,
        feed.feed.lower(),
        f"{applied.astimezone(ALMATY):%Y-%m-%d %H:%M} Almaty" if applied else "never",
        feed.last_as_of.isoformat() if feed.last_as_of else "",
        "" if feed.feed is FeedKind.REGISTERS else str(feed.next_delta_number),
        f"late (over {feed.stale_after_hours} h)" if feed.stale else "fresh",
        ", ".join(map(str, feed.held_run_ids)),
    ]


def suspense(
    source: Annotated[str, typer.Option(help="Only of this source.")] = "",
    reference: Annotated[str, typer.Option(help="Only of this register; needs --source.")] = "",
    issue: Annotated[
        LineIssue | None, typer.Option(case_sensitive=False, help="Only with this issue.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also lines corrected or refunded since.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 1_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    target: Target = DEFAULT_TARGET,
) -> None:
    """List payment rows that wait in suspense to be corrected or refunded, oldest first."""
    if issue is LineIssue.UNRECOGNISED:
        raise typer.BadParameter("unrecognised is no issue to ask for", param_hint="--issue")
    with gateway_at(target) as gateway:
        found = gateway.list_suspense(
            source=source,
            reference=reference,
            issue=issue,
            state=None if everything else SuspenseState.SUSPENDED,
        )
        lines = list(islice(found, limit + 1))
    shown = lines[:limit]
    if as_json:
        print_json(shown)
        return
    if not shown:
        out().print("no such lines")
        return
    out().print(_suspense_table(shown))
    if len(lines) > limit:
        out().print(f"There are more; --limit is {limit}.")


def _suspense_table(lines: list[SuspendedRow]) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for heading in ("Register and line", "Received", "IIN", "Period"):
        table.add_column(heading, overflow="fold")
    table.add_column("Tenge", justify="right", no_wrap=True)
    table.add_column("Issue", overflow="fold")
    for line in lines:
        row = line.row
        issue = f"{line.issue} ({line.field})"
        if line.state is not SuspenseState.SUSPENDED:
            issue += f", {line.state.lower()} since"
        table.add_row(
            f"{line.source} {line.reference}/{row.line_no}",
            line.received_on.isoformat(),
            row.iin,
            row.period,
            money(row.amount_tiyn),
            issue,
        )
    return table
