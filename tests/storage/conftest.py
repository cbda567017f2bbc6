"""Stores made by copying one migrated template, on every engine."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from osms_server.identity import acting_as
from osms_storage.enactment import apply_reference
from osms_storage.migrations import migrate
from osms_storage.store import Store
from tests.callers import CLINIC
from tests.postgres import Postgres
from tests.storage.world import DOCUMENTS, MovableClock, policy_of

Copy = Callable[[], str]
"""Makes a fresh copy of the template and returns it as path or URL."""
StoreFactory = Callable[[MovableClock], Store]


@pytest.fixture(autouse=True)
def calling() -> Iterator[None]:
    """Let a clinic be the one that calls where services are called without a socket."""
    with acting_as(CLINIC):
        yield


async def _fill(store: str) -> None:
    await migrate(store)
    async with Store(store, clock=MovableClock(datetime(2010, 1, 1, tzinfo=UTC))) as opened:
        await apply_reference(opened, DOCUMENTS, policy_of)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite store with the small reference data of these tests."""
    path = tmp_path_factory.mktemp("template") / "store.db"
    asyncio.run(_fill(str(path)))
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """The same store in PostgreSQL; its database's name."""
    name = postgres.create()
    asyncio.run(_fill(postgres.url(name)))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Copy]:
    """Return fresh stores, as many as a property test needs, on each engine in turn."""
    made: list[str] = []
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")

        def copy_sqlite() -> str:
            path = tmp_path / f"store{len(made)}.db"
            made.append(str(path))
            return str(shutil.copy(template, path))

        yield copy_sqlite
        for path in tmp_path.iterdir():
            path.unlink()
        return
    server: Postgres = request.getfixturevalue("postgres")
    database: str = request.getfixturevalue("postgres_template")

    def copy_postgres() -> str:
        made.append(server.create(database))
        return server.url(made[-1])

    yield copy_postgres
    for name in made:
        server.drop(name)


@pytest.fixture
def new_store(copy: Copy) -> StoreFactory:
    """Return stores not opened yet."""
    return lambda clock: Store(copy(), clock=clock)
