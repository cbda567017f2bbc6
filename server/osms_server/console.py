"""What all commands of the server share: their console, their settings, how they run and fail."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from tomllib import TOMLDecodeError
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console

from osms_server.settings import SETTINGS_FILE, Settings
from osms_storage.errors import StoreError
from osms_storage.urls import holds_password

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="Path of an SQLite file, or postgresql://USER@HOST/DATABASE. [OSMS_STORE]",
    ),
]

_PASSWORD_SEEN = (
    "osms: everybody on this machine sees the password in --store: name the store without it, and "
    "write it into ~/.pgpass or the file that PGPASSFILE names, or the whole URL into OSMS_STORE."
)

T = TypeVar("T")

console = Console()


def settings_of(**given: object) -> Settings:
    """Return the settings, with the options that were given over environment and file."""
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if holds_password(options.get("store", "")):
        typer.echo(_PASSWORD_SEEN, err=True)
    try:
        return Settings(**options)
    except ValidationError as exc:
        for error in exc.errors():
            # One that is wrong only beside another has no name of its own.
            name = ".".join(map(str, error["loc"]))
            where = f"setting {name}" if name else "settings"
            typer.echo(f"osms: {where}: {error['msg']}", err=True)
        raise typer.Exit(2) from exc
    except TOMLDecodeError as exc:
        typer.echo(f"osms: {SETTINGS_FILE}: {exc}", err=True)
        raise typer.Exit(2) from exc


@contextmanager
def in_words() -> Iterator[None]:
    """Say what an operator can mend in words, and exit with status 2."""
    try:
        yield
    except (StoreError, OSError, ValueError) as exc:
        typer.echo(f"osms: {exc}", err=True)
        raise typer.Exit(2) from exc


def run_command(work: Coroutine[Any, Any, T], *, uvloop: bool = False) -> T:
    """Run a command's work; what an operator can mend is said in words, with exit status 2."""
    with in_words(), asyncio.Runner(loop_factory=_uvloop if uvloop else None) as runner:
        return runner.run(work)


def _uvloop() -> asyncio.AbstractEventLoop:
    # It comes with an extra of its own; Settings has seen that it is there.
    import uvloop

    return uvloop.new_event_loop()
