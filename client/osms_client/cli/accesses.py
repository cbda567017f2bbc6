"""The command that shows who looked at a person."""

from itertools import islice
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from osms.values import ALMATY
from osms_client.accesses import Access
from osms_client.cli.console import DEFAULT_TARGET, Target, gateway_at, out, print_json
from osms_client.vocabulary import Purpose


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="accesses")(accesses)


def accesses(
    iin: Annotated[str, typer.Argument(metavar="IIN", help="Whose accesses to list.")],
    purpose: Annotated[
        Purpose,
        typer.Option(
            case_sensitive=False,
            help="Why you ask; goes to the access log.",
            show_default=Purpose.AUDIT.lower(),  # in the case of the choices
        ),
    ] = Purpose.AUDIT,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    target: Target = DEFAULT_TARGET,
) -> None:
    """List who looked at a person's data, newest first."""
    with gateway_at(target) as gateway:
        found = list(islice(gateway.list_accesses(iin, purpose=purpose), limit + 1))
    shown = found[:limit]
    if as_json:
        print_json(shown)
        return
    if not shown:
        out().print("nobody looked, or nobody who is shown yet")
        return
    out().print(_table(shown))
    if len(found) > limit:
        out().print(f"There are more; --limit is {limit}.")


def _table(shown: list[Access]) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for heading in ("Almaty", "Client", "Call", "Purpose", "Case", "Day", "Answer", "Decision"):
        table.add_column(heading, overflow="fold")
    for access in shown:
        table.add_row(
            f"{access.answered_at.astimezone(ALMATY):%Y-%m-%d %H:%M:%S}",
            access.client,
            access.kind.lower(),
            access.purpose.lower() if access.purpose else "",
            access.case_reference,
            access.service_date.isoformat() if access.service_date else "",
            access.status or "",
            access.decision_id,
        )
    return table
