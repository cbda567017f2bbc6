"""The shape of the tables: keys that distribute by person, and migrations that make them."""

import asyncio
import re

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table, UniqueConstraint
from sqlalchemy.ext.asyncio import create_async_engine

from osms_server.bootstrap import running_gateway
from osms_server.settings import Settings
from osms_storage.errors import SchemaMismatchError
from osms_storage.migrations import check_schema, migrate
from osms_storage.schema import metadata
from osms_storage.store import Store
from osms_storage.urls import store_url
from tests.postgres import Postgres
from tests.storage.conftest import Copy

WHOLE_BATCHES = {
    "revision",
    "batch",
    "reference",
    "payer",
    "register",
    "register_document",
    "removal_reason",
    "reversal_line",
    "sync_run",
    "sync_scope",
    "feed_delivery",
    "rebuild",
    "resolution",
    "roster",
    "client_change",
    "census",
    "telling",
}
"""Tables of whole batches or of reference data: nothing of a person is in them."""
SUSPENSE = {"suspense", "suspense_resolution", "touched"}
"""Their IIN may be unreadable, so it is no key; they are off the lookup path, as is the queue of
people that a batch touched."""
ACCESS_LOG = {"access_chain", "access_client", "access_record", "access_packed"}
"""Records of the access log stand whole, in their writers' order, or they would prove nothing; each
is about many people. Where a person is found in them say tables whose keys hold the IIN."""


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_key_of_a_person_s_data_holds_the_iin(table: Table) -> None:
    """The schema distributes by person without a change of code."""
    if table.name in SUSPENSE:
        return
    if table.name in WHOLE_BATCHES | ACCESS_LOG:
        assert "iin" not in table.c
        return
    keys = [table.primary_key, *(c for c in table.constraints if isinstance(c, UniqueConstraint))]
    for key in keys:
        assert "iin" in key.columns
    assert not table.foreign_keys
    assert not any(column.autoincrement is True for column in table.c)


def test_the_migrations_make_the_tables_of_this_release(copy: Copy) -> None:
    """Nothing differs between the migrated store and the declared tables."""

    def declared(thing: object, name: str | None, *_: object) -> bool:
        # PostgreSQL's partitions of payments, and the index of their registers.
        return re.fullmatch(r"payment_\d{4}|ix_payment_register_id", name or "") is None

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"include_object": declared})
        return list(compare_metadata(context, metadata))

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


async def test_asking_for_the_schema_again_leaves_nothing_behind(copy: Copy) -> None:
    """Health asks once a second, for ever: the engine prepares its statement once."""
    async with Store(copy()) as store:
        await check_schema(store)
        prepared = store._reader.sync_engine._compiled_cache  # nothing public tells its size
        assert prepared is not None
        before = len(prepared)
        for _ in range(5):
            await check_schema(store)
        assert len(prepared) == before


async def test_every_partition_has_the_key_of_a_payment(postgres: Postgres, copy: Copy) -> None:
    """PostgreSQL holds payments by year; no row is in the store twice, whichever year it is of."""
    url = copy()
    if not url.startswith("postgresql"):
        return
    keys = postgres.sql(
        "SELECT i.relname FROM pg_inherits p JOIN pg_constraint c ON c.conrelid = p.inhrelid"
        " JOIN pg_class i ON i.oid = p.inhrelid WHERE c.contype = 'p'"
        " AND pg_get_constraintdef(c.oid) = 'PRIMARY KEY (iin, register_id, line_no)'",
        url.rpartition("/")[2],
    ).split()
    assert sorted(keys) == ["payment_2017", *(f"payment_{year}" for year in range(2020, 2038))]


async def test_a_store_that_was_only_migrated_is_not_served(copy: Copy) -> None:
    """It holds no law to answer by, and the start says what brings it in."""
    path = copy()
    await migrate(path, "base")
    await migrate(path)
    settings = Settings(store=path, listen="127.0.0.1:0", plain_client="developer")
    with pytest.raises(ValueError, match="osms init"):
        async with running_gateway(settings):
            pass
