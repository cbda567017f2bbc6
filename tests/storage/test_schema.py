"""The shape of the tables: keys that distribute by person, and migrations that make them."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table, UniqueConstraint
from sqlalchemy.ext.asyncio import create_async_engine

from osms_storage.errors import SchemaMismatchError
from osms_storage.migrations import check_schema, migrate
from osms_storage.schema import metadata
from osms_storage.store import Store, store_url
from tests.storage.conftest import Copy

WHOLE_BATCHES = {
    "revision",
    "batch",
    "reference",
    "payer",
    "register",
    "reversal_line",
    "sync_run",
    "sync_scope",
    "feed_delivery",
    "rebuild",
}
"""Tables of whole batches or of reference data: nothing of a person is in them."""
SUSPENSE = {"suspense", "suspense_resolution"}
"""Their IIN may be unreadable, so it is no key; they are off the lookup path."""


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_key_of_a_person_s_data_holds_the_iin(table: Table) -> None:
    """The schema distributes by person without a change of code."""
    if table.name in SUSPENSE:
        return
    if table.name in WHOLE_BATCHES:
        assert "iin" not in table.c
        return
    keys = [table.primary_key, *(c for c in table.constraints if isinstance(c, UniqueConstraint))]
    for key in keys:
        assert "iin" in key.columns
    assert not table.foreign_keys
    assert not any(column.autoincrement is True for column in table.c)


def test_the_migrations_make_the_tables_of_this_release(copy: Copy) -> None:
    """Nothing differs between the migrated store and the declared tables."""

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async def run() -> list[object]:
        engine = create_async_engine(store_url(copy()))
        async with engine.connect() as connection:
            found = await connection.run_sync(differences)
        await engine.dispose()
        return found

    assert asyncio.run(run()) == []


async def test_migrations_go_down_and_up_again(copy: Copy) -> None:
    """A store brought down to nothing is empty, and comes up again."""
    path = copy()
    await migrate(path, "base")
    async with Store(path) as store:
        with pytest.raises(SchemaMismatchError):
            await check_schema(store)
    await migrate(path)
    async with Store(path) as store:
        await check_schema(store)


async def test_a_store_of_a_newer_schema_is_refused(copy: Copy) -> None:
    """Neither serving nor migrating touches a store that a newer release has changed."""
    path = copy()
    async with Store(path) as store:
        async with store.writing("TEST") as unit:
            await unit.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(SchemaMismatchError, match="9999"):
            await check_schema(store)
    with pytest.raises(SchemaMismatchError, match="9999"):
        await migrate(path)
