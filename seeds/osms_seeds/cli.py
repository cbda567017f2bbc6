"""The command `osms seed`."""

from datetime import datetime, time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from osms_seeds.dataset import TODAY, FolderNotEmptyError, write_dataset
from osms_seeds.identity import PEOPLE_MAX
from osms_seeds.timetable import TODAY_MIN, TodayTooEarlyError

_TODAY = datetime.combine(TODAY, time.min)  # typer knows datetimes, no dates


def register(app: typer.Typer) -> None:
    """Add the command to the `osms` program."""
    app.command("seed")(_seed)


def _seed(
    out: Annotated[Path, typer.Option(help="A new or empty folder.")],
    people: Annotated[int, typer.Option(min=1, max=PEOPLE_MAX, help="How many people.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed makes up the same people.")] = 1,
    today: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day of the history.")
    ] = _TODAY,
) -> None:
    """Make up people, the files that bring them, and the answers to expect."""
    if find_spec("polars") is None:  # some registers are Parquet files
        typer.echo(
            "osms seed needs polars, which is not installed: pip install 'osms-gateway[files]'",
            err=True,
        )
        raise typer.Exit(2)
    try:
        summary = write_dataset(out, people=people, seed=seed, today=today.date())
    except FolderNotEmptyError:
        typer.echo(f"osms seed: {out} is not empty", err=True)
        raise typer.Exit(2) from None
    except TodayTooEarlyError:
        typer.echo(f"osms seed: --today must be {TODAY_MIN} or later", err=True)
        raise typer.Exit(2) from None
    typer.echo(
        f"{summary.people} people, {summary.payment_rows} payments in {summary.registers} "
        f"registers, {summary.feed_records} category records, "
        f"{summary.expectations} expected answers. "
        f"Load the {summary.steps} steps of {out / 'timeline.csv'} in their order."
    )
