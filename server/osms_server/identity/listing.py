"""`osms client list` and `history`: who may ask, and how that came about, as table or JSON."""

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from osms_server.bootstrap import open_store
from osms_server.console import StoreOption, console, run_command, settings_of
from osms_server.identity import registration
from osms_storage.clients import ClientChange, ClientRecord, read_client_changes, read_clients
from osms_storage.migrations import check_schema

FINGERPRINT_SHOWN = 8
"""How many digits of a fingerprint a table shows; JSON has all."""

NameArgument = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def list_clients(as_json: AsJson = False, store: StoreOption = None) -> None:
    """List the clients, what they may do, and the certificates that they may show."""
    settings = settings_of(store=store)

    async def run() -> list[ClientRecord]:
        async with open_store(settings) as opened:
            await check_schema(opened)
            async with opened.reading(newest=True) as connection:
                return [*(await read_clients(connection)).values()]

    found = run_command(run())
    if as_json:
        typer.echo(json.dumps([_described(item) for item in found], indent=2))
        return
    table = Table()
    for heading in ("client", "roles", "sources, purposes", "quota"):
        # Nothing may be cut off, however narrow the console is.
        table.add_column(heading, overflow="fold")
    table.add_column("certificates", no_wrap=True)
    for item in found:
        names = [item.name, *_states(item)]
        may_name = [*sorted(item.sources), *sorted(item.purposes)]
        columns = (names, sorted(item.roles), may_name, [item.quota], shown_certificates(item))
        table.add_row(*("\n".join(lines) for lines in columns))
    console.print(table, highlight=False)


def _states(record: ClientRecord) -> Sequence[str]:
    disabled = ["is disabled"] if record.disabled_at else []
    return [*disabled, f"is hidden {record.hidden_days} days"] if record.hidden_days else disabled


def history(name: NameArgument, as_json: AsJson = False, store: StoreOption = None) -> None:
    """List what was done to a client, when and by whom."""
    settings = settings_of(store=store)

    async def run() -> list[ClientChange]:
        async with open_store(settings) as opened:
            await check_schema(opened)
            async with opened.reading(newest=True) as connection:
                return await read_client_changes(connection, name)

    changes = run_command(run())
    if not changes:
        typer.echo(f"osms: There is no client {name}.", err=True)
        raise typer.Exit(2)
    if as_json:
        typer.echo(json.dumps([_told(item) for item in changes], indent=2))
        return
    table = Table("when", "by", "what", "concerning")
    befores = [registration.new_client(name), *(item.client for item in changes)]
    for before, item in zip(befores, changes, strict=False):
        when = item.changed_at.isoformat(sep=" ", timespec="seconds")
        differing = [
            field.name
            for field in fields(ClientRecord)
            if getattr(before, field.name) != getattr(item.client, field.name)
        ]
        table.add_row(when, item.changed_by, item.action.lower(), ", ".join(differing))
    console.print(table)


def shown_certificates(record: ClientRecord) -> Sequence[str]:
    """Return a line for each certificate of a client: fingerprint, and the day it is taken to."""
    return [
        f"{fingerprint.hex()[:FINGERPRINT_SHOWN]} {_day(until)}"
        for fingerprint, until in record.certificates.items()
    ]


def _day(instant: datetime | None) -> str:
    return "for good" if instant is None else f"to {instant.date().isoformat()}"


def _described(record: ClientRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "roles": sorted(record.roles),
        "sources": sorted(record.sources),
        "purposes": sorted(record.purposes),
        "quota": record.quota,
        "hidden_days": record.hidden_days,
        "disabled_at": _text(record.disabled_at),
        "certificates": [
            {"sha256": fingerprint.hex(), "until": _text(until)}
            for fingerprint, until in record.certificates.items()
        ],
        "tokens_from": _text(record.tokens_from),
    }


def _told(change: ClientChange) -> dict[str, Any]:
    return {
        "number": change.number,
        "changed_at": _text(change.changed_at),
        "changed_by": change.changed_by,
        "action": change.action.value,
        "client": _described(change.client),
    }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="seconds")
