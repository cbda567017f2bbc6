"""`osms client`: who may ask, and what; every change says when and by whom it was made."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from osms_server.bootstrap import open_store
from osms_server.console import StoreOption, console, in_words, run_command, settings_of
from osms_server.identity import registration
from osms_server.identity.callers import Role
from osms_server.identity.listing import NameArgument, history, list_clients, shown_certificates
from osms_server.law import Laws
from osms_storage.clients import ClientAction, ClientRecord, find_client, write_client
from osms_storage.migrations import check_schema

_DURATION = re.compile(r"(?P<count>\d{1,4})(?P<unit>[hd])|0")

client = typer.Typer(help="Say who may ask, and what.", no_args_is_help=True)
client.command("list")(list_clients)
client.command("history")(history)

Roles = Annotated[
    list[Role] | None, typer.Option("--role", help="What it is; several may be named.")
]
Sources = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="CODE", help="A source that it may send for."),
]
Purposes = Annotated[
    list[str] | None,
    typer.Option("--purpose", metavar="P", help="What it may ask for, as RECEPTION."),
]
Quota = Annotated[
    str | None, typer.Option(metavar="CLASS", help="How much: desk, clinic, network, national.")
]
HiddenDays = Annotated[
    int | None,
    typer.Option(metavar="N", help="Days for which people are not shown its accesses. [0]"),
]
Certificates = Annotated[
    list[Path] | None,
    typer.Option("--certificate", metavar="PEM", help="A certificate that it may show."),
]


@client.command("add")
def add(
    name: NameArgument,
    role: Roles = None,
    source: Sources = None,
    purpose: Purposes = None,
    quota: Quota = None,
    hidden_days: HiddenDays = None,
    certificate: Certificates = None,
    store: StoreOption = None,
) -> None:
    """Add a client. What is not named is not granted; without a certificate it comes by tokens."""
    now = datetime.now(UTC)
    with in_words():
        begun = registration.new_client(name)
        shown = registration.read_certificates(certificate or (), name, now)

    def make(known: ClientRecord | None, sources: frozenset[str]) -> ClientRecord:
        if known is not None:
            raise ValueError(f"There is a client {name} already: `osms client change` changes it.")
        return registration.granted(
            replace(begun, certificates=shown),
            known_sources=sources,
            roles=role,
            sources=source,
            purposes=purpose,
            quota=quota,
            hidden_days=hidden_days,
        )

    _change(store, name, ClientAction.ADD, now, make)
    console.print(f"There is a client {name} now.")


@client.command("change")
def change(
    name: NameArgument,
    role: Roles = None,
    source: Sources = None,
    purpose: Purposes = None,
    quota: Quota = None,
    hidden_days: HiddenDays = None,
    store: StoreOption = None,
) -> None:
    """Change what a client may do; what is not named stays.

    What is named replaces all of its kind. --source '' and --purpose '' leave none.
    """

    def make(known: ClientRecord | None, sources: frozenset[str]) -> ClientRecord:
        return registration.granted(
            _existing(known, name),
            known_sources=sources,
            roles=role,
            sources=_named(source),
            purposes=_named(purpose),
            quota=quota,
            hidden_days=hidden_days,
        )

    _change(store, name, ClientAction.CHANGE, datetime.now(UTC), make)
    console.print(f"The client {name} was changed.")


def _named(values: list[str] | None) -> list[str] | None:
    return None if values is None else [value for value in values if value]


@client.command("rotate")
def rotate(
    name: NameArgument,
    certificate: Certificates = None,
    keep_old_for: Annotated[
        str, typer.Option(metavar="TIME", help="Until the old ones end: as 7d or 12h, or 0.")
    ] = "7d",
    store: StoreOption = None,
) -> None:
    """Let a client show other certificates, and the old ones for a while yet.

    With --keep-old-for 0, as after a theft, the old ones end at once, as do its tokens of before.
    """
    now = datetime.now(UTC)
    keep = _duration(keep_old_for)
    with in_words():
        shown = registration.read_certificates(certificate or (), name, now)

    def make(known: ClientRecord | None, sources: frozenset[str]) -> ClientRecord:
        return registration.rotated(_existing(known, name), shown, now=now, keep_old_for=keep)

    rotated = _change(store, name, ClientAction.ROTATE, now, make)
    console.print(f"The client {name} may show:")
    for line in shown_certificates(rotated):
        console.print(f"  {line}", highlight=False)


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text}: say days or hours as 7d or 12h, or 0.")
    count = int(match["count"] or 0)
    return timedelta(days=count) if match["unit"] == "d" else timedelta(hours=count)


@client.command("disable")
def disable(name: NameArgument, store: StoreOption = None) -> None:
    """Refuse a client within about a second, on every gateway."""
    now = datetime.now(UTC)

    def make(known: ClientRecord | None, sources: frozenset[str]) -> ClientRecord:
        found = _existing(known, name)
        return found if found.disabled_at else registration.disabled(found, now)

    _change(store, name, ClientAction.DISABLE, now, make)
    console.print(f"The client {name} is disabled.")


@client.command("enable")
def enable(name: NameArgument, store: StoreOption = None) -> None:
    """Let a disabled client in again, by its certificates of before and by new tokens."""

    def make(known: ClientRecord | None, sources: frozenset[str]) -> ClientRecord:
        return registration.enabled(_existing(known, name))

    _change(store, name, ClientAction.ENABLE, datetime.now(UTC), make)
    console.print(f"The client {name} is enabled.")


def _change(
    store: str | None,
    name: str,
    action: ClientAction,
    now: datetime,
    make: Callable[[ClientRecord | None, frozenset[str]], ClientRecord],
) -> ClientRecord:
    """Write what is made of a client and the codes of all sources; nothing if that is the same."""
    settings = settings_of(store=store)
    operator = registration.operator()

    async def run() -> ClientRecord:
        async with open_store(settings) as opened:
            await check_schema(opened)
            sources = frozenset((await Laws(opened).refresh()).data.sources)
            async with opened.writing("CLIENT") as unit:
                known = await find_client(unit.connection, name)
                made = make(known, sources)
                if made != known:
                    await write_client(
                        unit.connection, made, action, changed_at=now, changed_by=operator
                    )
            return made

    return run_command(run())


def _existing(known: ClientRecord | None, name: str) -> ClientRecord:
    if known is None:
        raise ValueError(f"There is no client {name}.")
    return known
