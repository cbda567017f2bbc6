"""How commands print, and what they say and return when there is no answer."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from osms.values import parse_date
from osms_client.blocking import Gateway
from osms_client.channel import Credentials
from osms_client.cli.main import EXIT_USAGE, install_hint
from osms_client.credentials import load_identity
from osms_client.errors import OsmsError, RefusedError, RetryLaterError

DEFAULT_TARGET = "127.0.0.1:50051"
EXIT_INCOMPLETE = 1
_PLAIN_WIDTH = 160
"""Columns of a table that goes to a file or a pipe."""

SHOWN_MAX = 20
"""Single findings printed; the counts always cover all."""

_SAID_BY_VIOLATIONS = frozenset({"field", "field_violations"})
"""Metadata that only names or counts the fields that are wrong."""

_READERS_AND_WRITERS = frozenset({"polars", "python_calamine", "xlsxwriter"})

Files = Annotated[list[Path], typer.Argument(metavar="FILES", help="The files, in order.")]
Target = Annotated[
    str, typer.Option("--target", envvar="OSMS_TARGET", help="Where the gateway is: host:port.")
]


def option_day(text: str) -> date:
    """Return the day that an option names."""
    try:
        return parse_date(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date: give YYYY-MM-DD") from None


def out() -> Console:
    """Return the console of results, as wide as the terminal, or wide enough for a file."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)


def err() -> Console:
    """Return the console of progress and trouble."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def gateway_at(target: str, *, exit_if_refused: int = EXIT_USAGE) -> Iterator[Gateway]:
    """Open the gateway; an error ends the command with a sentence instead of a traceback."""
    try:
        with Gateway(target, credentials=_credentials()) as gateway:
            yield gateway
    except OsmsError as error:
        explain(error)
        refused = isinstance(error, RefusedError)
        raise typer.Exit(exit_if_refused if refused else EXIT_USAGE) from None
    except ModuleNotFoundError as missing:
        if missing.name not in _READERS_AND_WRITERS:
            raise
        err().print(install_hint("osms with such files", "files", missing), markup=False)
        raise typer.Exit(EXIT_USAGE) from None
    except (ValueError, IdentityError) as error:  # as a target that is not on this machine
        err().print(f"osms: {error}", markup=False)
        raise typer.Exit(EXIT_USAGE) from None


_identity: ContextVar[Path | None] = ContextVar("identity", default=None)


class IdentityError(Exception):
    """The identity that a command was given cannot be read."""


def identity(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--identity",
            envvar="OSMS_IDENTITY",
            metavar="DIR",
            help="Who asks: folder with certificate.pem, key.pem and authorities.pem.",
        ),
    ] = None,
) -> None:
    """OSMS eligibility gateway: who is insured on a day, and which package pays."""
    _identity.set(folder)


def _credentials() -> Credentials:
    """Return those of the identity that stands before the command; None: there is none."""
    folder = _identity.get()
    if folder is None:
        return None
    try:
        return load_identity(folder)
    except OSError as error:
        raise IdentityError(
            f"{folder} is no identity: {error.strerror}: {error.filename}"
        ) from None


def explain(error: OsmsError) -> None:
    """Say what went wrong, each thing once: the message often names the fields already."""
    console, message = err(), str(error)
    console.print(f"osms: {message}", markup=False)
    if isinstance(error, RetryLaterError) and not error.reason and _identity.get() is None:
        # A gateway that speaks TLS closes the connection of whoever does not.
        console.print("osms: no identity was shown; --identity DIR, or OSMS_IDENTITY, names one")
    facts = sorted(item for item in error.metadata.items() if item[0] not in _SAID_BY_VIOLATIONS)
    if error.reason and (facts or not error.field_violations):
        told = "".join(f" {key}={value}" for key, value in facts)
        console.print(f"osms: reason {error.reason}{told}", markup=False)
    for violation in error.field_violations:
        said = f"{violation.field}: {violation.description}"
        if said not in message:
            console.print(f"osms: {said}", markup=False)
    if error.retry_after_s is not None:
        console.print(f"osms: try again in {error.retry_after_s:g} s", markup=False)


def print_json(value: Any) -> None:
    """Print a result of the SDK as JSON: ISO 8601 dates and instants, tiyn, decimals as texts."""
    print(json.dumps(_plain(value), ensure_ascii=False, indent=2))


def print_event(event: Any) -> None:
    """Print an event of the SDK as one line of JSON, with its kind, at once."""
    kind = {"event": type(event).__name__.lower()}
    print(json.dumps({**kind, **_plain(event)}, ensure_ascii=False), flush=True)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value
