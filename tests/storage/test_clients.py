"""Clients in the store: each is what its newest change made of it, and all changes stay."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from osms_storage.clients import (
    ClientAction,
    ClientRecord,
    clients_version,
    find_client,
    read_client_changes,
    read_clients,
    write_client,
)
from osms_storage.migrations import migrate
from osms_storage.schema import revision
from osms_storage.store import Store
from tests.storage.conftest import Copy, StoreFactory
from tests.storage.world import clock_at

NOW = datetime(2026, 1, 15, 9, 30, 0, 17, tzinfo=UTC)
CLINIC = ClientRecord(
    name="clinic-5",
    roles=frozenset({"mis"}),
    sources=frozenset(),
    purposes=frozenset({"RECEPTION", "ROSTER"}),
    quota="clinic",
    hidden_days=0,
    certificates={b"\x01" * 32: NOW + timedelta(days=365), b"\x02" * 32: None},
)
FUND = replace(CLINIC, name="fund", roles=frozenset({"fund_operator", "auditor"}), hidden_days=30)


async def write(store: Store, client: ClientRecord, action: ClientAction, by: str = "aliya") -> int:
    """Make a change in a unit of work of its own; return the version after it."""
    async with store.writing("CLIENT") as unit:
        await write_client(unit.connection, client, action, changed_at=NOW, changed_by=by)
    async with store.reading() as connection:
        return await clients_version(connection)


async def clients(store: Store) -> Mapping[str, ClientRecord]:
    """Return all clients."""
    async with store.reading() as connection:
        return await read_clients(connection)


async def test_a_client_is_what_its_newest_change_made_of_it(new_store: StoreFactory) -> None:
    """Others stay; the version grows with every change; nothing of it is a revision of facts."""
    async with new_store(clock_at(date(2026, 1, 15))) as store:
        async with store.reading() as connection:
            assert (await clients_version(connection), await read_clients(connection)) == (0, {})
        assert await write(store, FUND, ClientAction.ADD) == 1
        assert await write(store, CLINIC, ClientAction.ADD) == 2
        disabled = replace(CLINIC, disabled_at=NOW, tokens_from=NOW, certificates={})
        assert await write(store, disabled, ClientAction.DISABLE) == 3
        found = await clients(store)
        assert found == {"clinic-5": disabled, "fund": FUND}
        assert list(found) == ["clinic-5", "fund"]
        async with store.reading() as connection:
            assert await find_client(connection, "clinic-5") == disabled
            assert await find_client(connection, "clinic") is None
            assert await connection.scalar(select(func.max(revision.c.number))) == 1


async def test_every_change_of_a_client_stays(new_store: StoreFactory) -> None:
    """It says when, by whom, what was done, and what the client has been since."""
    async with new_store(clock_at(date(2026, 1, 15))) as store:
        await write(store, CLINIC, ClientAction.ADD)
        await write(store, FUND, ClientAction.ADD)
        changed = replace(CLINIC, purposes=frozenset())
        await write(store, changed, ClientAction.CHANGE, by="berik")
        async with store.reading() as connection:
            changes = await read_client_changes(connection, "clinic-5")
    assert [(item.number, item.changed_by, item.action, item.client) for item in changes] == [
        (1, "aliya", ClientAction.ADD, CLINIC),
        (3, "berik", ClientAction.CHANGE, changed),
    ]
    assert {item.changed_at for item in changes} == {NOW}


_WORDS = st.frozensets(st.text(max_size=5).filter(lambda text: "\x00" not in text), max_size=3)
_INSTANTS = st.none() | st.datetimes(timezones=st.just(UTC))
_CLIENTS = st.builds(
    ClientRecord,
    name=st.sampled_from(["a", "b", "a.b"]),
    roles=_WORDS,
    sources=_WORDS,
    purposes=_WORDS,
    quota=st.sampled_from(["", "desk"]),
    hidden_days=st.integers(0, 999),
    disabled_at=_INSTANTS,
    certificates=st.dictionaries(st.binary(min_size=32, max_size=32), _INSTANTS, max_size=3),
    tokens_from=_INSTANTS,
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_CLIENTS, min_size=1, max_size=6))
def test_what_was_written_is_read(copy: Copy, written: list[ClientRecord]) -> None:
    """Whatever a client may do comes back as it was."""

    async def run() -> Mapping[str, ClientRecord]:
        async with Store(copy(), clock=clock_at(date(2026, 1, 15))) as store:
            for client in written:
                await write(store, client, ClientAction.CHANGE)
            return await clients(store)

    assert asyncio.run(run()) == {client.name: client for client in written}


async def test_clients_go_with_their_schema(copy: Copy) -> None:
    """A store brought back to the schema before them knows none afterwards, and works."""
    path = copy()
    async with Store(path, clock=clock_at(date(2026, 1, 15))) as store:
        await write(store, CLINIC, ClientAction.ADD)
    await migrate(path, "0005")
    await migrate(path)
    async with Store(path, clock=clock_at(date(2026, 1, 15))) as store:
        assert await clients(store) == {}
