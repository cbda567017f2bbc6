"""The command that prints changes of people's answers as they come: watch."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated

import typer

from osms_client.cli.console import DEFAULT_TARGET, Target, err, gateway_at, print_event
from osms_client.cli.main import EXIT_USAGE
from osms_client.watching import Change, Changes, Checkpoint, ConsumerState, States, WatchEvent


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="watch")(watch)


def watch(
    iins: Annotated[
        list[str] | None, typer.Argument(metavar="[IIN]...", help="Whom to watch.")
    ] = None,
    roster: Annotated[str, typer.Option(help="Watch the members of the roster CODE.")] = "",
    token: Annotated[str, typer.Option(help="Go on from where an earlier watch ended.")] = "",
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print JSON, one event a line, with its token.")
    ] = False,
    target: Target = DEFAULT_TARGET,
) -> None:
    """Print the present states of people, then every change, until it is interrupted.

    A gateway that goes away is waited for. Exit status: 2 refused or not begun.
    """
    if bool(iins) == bool(roster):
        err().print("osms: give IINs, or --roster CODE", markup=False)
        raise typer.Exit(EXIT_USAGE)
    try:
        with gateway_at(target) as gateway:
            for event in gateway.watch(iins=iins or None, roster=roster, token=token):
                token = event.token or token
                if jsonl:
                    print_event(event)
                else:
                    for line in _lines(event):
                        print(line, flush=True)
    except KeyboardInterrupt:
        if token and not jsonl:
            err().print(f"osms: go on with --token {token}", markup=False)


def _lines(event: WatchEvent) -> Iterator[str]:
    match event:
        case States(states=states):
            for iin, state in states.items():
                yield f"{iin}  {_words(state)}"
        case Changes(changes=changes):
            yield from map(_line, changes)
        case Checkpoint():
            return


def _line(change: Change) -> str:
    why = f"from {change.effective_on}, {change.cause}, revision {change.revision}"
    if change.before == change.after:
        return f"{change.iin}  CORRECTED {why}; today still {_words(change.after)}"
    return f"{change.iin}  {_words(change.before)} -> {_words(change.after)}; {why}"


def _words(state: ConsumerState) -> str:
    words = f"{state.status}{_until('through', state.valid_through)}"
    if state.covered_through != state.valid_through:
        words += _until("covered through", state.covered_through)
    return words


def _until(word: str, day: date | None) -> str:
    return f" {word} {day}" if day else ""
