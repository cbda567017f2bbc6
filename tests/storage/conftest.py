"""Stores made by copying one migrated template, on every engine."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from osms_storage.migrations import migrate
from osms_storage.reference import apply_reference
from osms_storage.store import Store
from tests.storage.world import DOCUMENTS, MovableClock


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store with the small reference data of these tests."""
    path = tmp_path_factory.mktemp("template") / "store.db"

    async def make() -> None:
        await migrate(str(path))
        async with Store(str(path), clock=MovableClock(datetime(2010, 1, 1, tzinfo=UTC))) as store:
            await apply_reference(store, DOCUMENTS)

    asyncio.run(make())
    return path


StoreFactory = Callable[[MovableClock], Store]


@pytest.fixture
def new_store(template: Path, tmp_path: Path) -> Iterator[StoreFactory]:
    """Return fresh stores, as many as a property test needs."""
    made: list[Path] = []

    def make(clock: MovableClock) -> Store:
        path = tmp_path / f"store{len(made)}.db"
        shutil.copy(template, path)
        made.append(path)
        return Store(str(path), clock=clock)

    yield make
    for path in made:
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
