"""Clients of the gateway: what each may do, what it is recognised by, and every change of that.

A client is no fact about a person: changing it makes no revision. Clients are never removed, only
disabled, so that a name in the access log means one client for ever.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.clock import from_microseconds, to_microseconds
from osms_storage.schema import client_change


class ClientAction(StrEnum):
    """What was done to a client."""

    ADD = "ADD"
    CHANGE = "CHANGE"
    ROTATE = "ROTATE"
    DISABLE = "DISABLE"
    ENABLE = "ENABLE"


@dataclass(frozen=True, slots=True)
class ClientRecord:
    """A client as it stands; it may do nothing that does not stand here."""

    name: str
    """1 to 64 of a-z, 0-9, '.', '_', '-'."""
    roles: frozenset[str]
    """Values of the server's Role."""
    sources: frozenset[str]
    """Codes of the sources that it may send for."""
    purposes: frozenset[str]
    """Names of the contract's Purpose without their prefix, as RECEPTION."""
    quota: str
    """The name of its class of quotas."""
    hidden_days: int
    """For how many days its accesses are not shown to the people they are about."""
    disabled_at: datetime | None = None
    """Since when it is refused; None: it is not."""
    certificates: Mapping[bytes, datetime | None] = field(default_factory=dict)
    """By the SHA-256 of their DER form: until when they are taken; None: for good."""
    tokens_from: datetime | None = None
    """Tokens issued before are not taken; None: all are."""


@dataclass(frozen=True, slots=True)
class ClientChange:
    """One change of a client."""

    number: int
    """Changes of all clients are numbered from 1."""
    changed_at: datetime
    changed_by: str
    """The user of the operating system who made it."""
    action: ClientAction
    client: ClientRecord
    """The client as it has been since."""


async def clients_version(connection: AsyncConnection) -> int:
    """Return a number that grows with every change of any client; 0: there are no clients."""
    return await connection.scalar(select(func.max(client_change.c.number))) or 0


async def read_clients(connection: AsyncConnection) -> Mapping[str, ClientRecord]:
    """Return all clients, disabled ones included, by name."""
    newest = select(func.max(client_change.c.number)).group_by(client_change.c.client)
    rows = await connection.execute(
        select(client_change.c.client, client_change.c.state)
        .where(client_change.c.number.in_(newest))
        .order_by(client_change.c.client)
    )
    return {name: _record(name, state) for name, state in rows}


async def find_client(connection: AsyncConnection, name: str) -> ClientRecord | None:
    """Return a client; None if there never was one of this name."""
    state = await connection.scalar(
        select(client_change.c.state)
        .where(client_change.c.client == name)
        .order_by(client_change.c.number.desc())
        .limit(1)
    )
    return None if state is None else _record(name, state)


async def read_client_changes(connection: AsyncConnection, name: str) -> list[ClientChange]:
    """Return all that was done to a client, oldest first."""
    rows = await connection.execute(
        select(client_change).where(client_change.c.client == name).order_by(client_change.c.number)
    )
    return [
        ClientChange(
            row.number,
            from_microseconds(row.changed_at),
            row.changed_by,
            ClientAction(row.action),
            _record(row.client, row.state),
        )
        for row in rows
    ]


async def write_client(
    connection: AsyncConnection,
    client: ClientRecord,
    action: ClientAction,
    *,
    changed_at: datetime,
    changed_by: str,
) -> None:
    """Let a client be this from now on; to be called in a unit of work, which makes no revision."""
    await connection.execute(
        insert(client_change).values(
            number=await clients_version(connection) + 1,
            client=client.name,
            changed_at=to_microseconds(changed_at),
            changed_by=changed_by,
            action=action.value,
            state=_state(client),
        )
    )


def _state(client: ClientRecord) -> str:
    return json.dumps(
        {
            "roles": sorted(client.roles),
            "sources": sorted(client.sources),
            "purposes": sorted(client.purposes),
            "quota": client.quota,
            "hidden_days": client.hidden_days,
            "disabled_at": _text(client.disabled_at),
            "certificates": {
                fingerprint.hex(): _text(until)
                for fingerprint, until in client.certificates.items()
            },
            "tokens_from": _text(client.tokens_from),
        }
    )


def _record(name: str, state: str) -> ClientRecord:
    body: dict[str, Any] = json.loads(state)
    return ClientRecord(
        name=name,
        roles=frozenset(body["roles"]),
        sources=frozenset(body["sources"]),
        purposes=frozenset(body["purposes"]),
        quota=body["quota"],
        hidden_days=body["hidden_days"],
        disabled_at=_instant(body["disabled_at"]),
        certificates={
            bytes.fromhex(fingerprint): _instant(until)
            for fingerprint, until in body["certificates"].items()
        },
        tokens_from=_instant(body["tokens_from"]),
    )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
