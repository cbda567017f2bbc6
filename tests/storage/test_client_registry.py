"""What a gateway knows of its clients: changes within about a second, and outages of the store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_server.identity import clients
from osms_server.identity.clients import AGE_MAX_S, KEPT_S, LOOKS_EVERY_S, Clients
from osms_storage.clients import ClientAction, ClientRecord, write_client
from osms_storage.errors import StoreUnavailableError
from osms_storage.migrations import migrate
from osms_storage.store import Store
from tests.storage.conftest import StoreFactory
from tests.storage.world import clock_at

NOW = datetime(2026, 1, 15, tzinfo=UTC)
CLINIC = ClientRecord("clinic", frozenset({"mis"}), frozenset(), frozenset(), "clinic", 0)


class Seconds:
    """A count of seconds that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the present."""
        return self.now


class Fickle(Store):
    """A store that counts its reads, and may be away or hang."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.reads = 0
        self.away = False
        self.answering = asyncio.Event()
        self.answering.set()

    @asynccontextmanager
    async def reading(self, **how: Any) -> AsyncIterator[AsyncConnection]:
        """Read, if that can be done now."""
        self.reads += 1
        await self.answering.wait()
        if self.away:
            raise StoreUnavailableError
        async with super().reading(**how) as connection:
            yield connection


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls wait for the store however slow the machine is."""
    monkeypatch.setattr(clients, "WAITS_MAX_S", 30.0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Fickle]:
    """A store with one client."""
    path = str(tmp_path / "store.db")
    await migrate(path)
    async with Fickle(path) as opened:
        await write(opened, CLINIC)
        yield opened


async def write(store: Store, client: ClientRecord) -> None:
    """Change a client."""
    async with store.writing("CLIENT") as unit:
        await write_client(
            unit.connection, client, ClientAction.CHANGE, changed_at=NOW, changed_by="aliya"
        )


async def test_a_change_is_known_about_a_second_later(new_store: StoreFactory) -> None:
    """Who was disabled in one process is so in every other, on every engine."""
    seconds = Seconds()
    async with new_store(clock_at(date(2026, 1, 15))) as opened:
        registry = Clients(opened, monotonic=seconds)
        assert registry.known("clinic") is None
        assert await registry.find("clinic") is None
        await write(opened, CLINIC)
        assert await registry.find("clinic") is None
        seconds.now += AGE_MAX_S
        assert await registry.find("clinic") == CLINIC
        assert registry.known("clinic") == CLINIC
        await write(opened, replace(CLINIC, disabled_at=NOW))
        seconds.now += AGE_MAX_S
        assert registry.known("clinic") is None
        found = await registry.find("clinic")
        assert found is not None
        assert found.disabled_at == NOW


async def test_while_calls_come_none_waits_for_the_store(store: Fickle) -> None:
    """What is known is good until it is too old; one look brings it up for all."""
    seconds = Seconds()
    registry = Clients(store, monotonic=seconds)
    await asyncio.gather(*(registry.find("clinic") for _ in range(50)))
    assert store.reads == 1
    seconds.now += LOOKS_EVERY_S
    store.answering.clear()
    async with asyncio.timeout(30):
        assert await registry.find("clinic") == CLINIC
        assert await registry.find("nobody") is None
    store.answering.set()


async def test_a_store_that_is_away_makes_nobody_unknown(store: Fickle) -> None:
    """What was known stays good for a while; afterwards the answer is the outage, not a refusal."""
    seconds = Seconds()
    registry = Clients(store, monotonic=seconds)
    await registry.find("clinic")
    store.away = True
    seconds.now += KEPT_S - 1
    assert await registry.find("clinic") == CLINIC
    assert await registry.find("nobody") is None
    seconds.now += LOOKS_EVERY_S * 3
    with pytest.raises(StoreUnavailableError):
        await registry.find("clinic")
    store.away = False
    seconds.now += LOOKS_EVERY_S
    assert await registry.find("clinic") == CLINIC


async def test_a_gateway_that_never_saw_its_store_knows_nobody(store: Fickle) -> None:
    """It says that the store is away, to whoever comes."""
    store.away = True
    with pytest.raises(StoreUnavailableError):
        await Clients(store, monotonic=Seconds()).find("clinic")


async def test_a_store_that_hangs_holds_up_few(
    store: Fickle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call waits for it, and a moment only; those after it go by what is known."""
    seconds = Seconds()
    registry = Clients(store, monotonic=seconds)
    await registry.find("clinic")
    store.answering.clear()
    monkeypatch.setattr(clients, "WAITS_MAX_S", 0.01)
    seconds.now += AGE_MAX_S
    async with asyncio.timeout(30):
        assert await registry.find("clinic") == CLINIC
    assert registry.known("clinic") == CLINIC
    store.answering.set()
