"""Puts the commands together: the client's own, and those that other packages register."""

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

import typer
from rich.markup import escape

from osms_client.cli import accesses, books, feeds, files, people, receipts, roster, watch
from osms_client.cli.console import identity
from osms_client.cli.main import EXIT_USAGE, SERVER_COMMANDS, install_hint

COMMANDS_GROUP = "osms.commands"
"""Entry points that take the application and add commands to it; named after their extra."""

_COMMANDS_OF_EXTRA = {"server": SERVER_COMMANDS}
"""What to answer for when the extra is not installed."""


def build(words: Sequence[str]) -> typer.Typer:
    """Return the application for a command line, with every command that it may mean.

    Other packages are loaded only if its first word is no command of the client: a server takes a
    second to import, and a check should not wait for it.
    """
    app = typer.Typer(
        name="osms",
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # tracebacks with local variables would show IINs
        callback=identity,
    )
    for module in (people, files, feeds, books, roster, watch, receipts, accesses):
        module.register(app)
    own = {command.name for command in app.registered_commands}
    own |= {group.name for group in app.registered_groups}
    if words and words[0] in own:
        return app
    for entry in sorted(entry_points(group=COMMANDS_GROUP), key=lambda entry: entry.name):
        try:
            entry.load()(app)
        except ImportError as missing:
            for command in _COMMANDS_OF_EXTRA.get(entry.name, ()):
                _register_hint(app, command, entry.name, missing)
    return app


def _register_hint(app: typer.Typer, command: str, extra: str, missing: ImportError) -> None:
    hint = install_hint(f"osms {command}", extra, missing)

    def say_what_is_missing() -> None:
        typer.echo(hint, err=True)
        raise typer.Exit(EXIT_USAGE)

    anything: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True}
    text = escape(hint)  # a help is markup, which would eat [server]
    app.command(command, help=text, context_settings=anything)(say_what_is_missing)
