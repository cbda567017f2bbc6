"""What a store holds at the moment of a read: what a manifest says, and a restore asks first."""

from sqlalchemy import exists, func, inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.errors import SchemaMismatchError
from osms_storage.migrations import expected_schema, schema_of
from osms_storage.schema import metadata
from osms_storage.store import newest_revision


async def describe(connection: AsyncConnection) -> dict[str, object]:
    """Return engine, schema, revision and instant; raise SchemaMismatchError for other schemas."""
    schema = await connection.run_sync(schema_of)
    if schema != expected_schema():
        raise SchemaMismatchError(schema, expected_schema())
    revision, recorded_at = await newest_revision(connection)
    return {
        "engine": connection.dialect.name,
        "schema": schema,
        "revision": revision,
        "recorded_at": recorded_at,
    }


async def count_rows(connection: AsyncConnection) -> dict[str, int]:
    """Return how many rows each table has."""
    return {
        table.name: await connection.scalar(select(func.count()).select_from(table)) or 0
        for table in metadata.sorted_tables
    }


async def has_tables(connection: AsyncConnection) -> bool:
    """Tell whether there is a table, whosever it is."""
    return bool(await connection.run_sync(lambda within: inspect(within).get_table_names()))


async def has_rows(connection: AsyncConnection) -> bool:
    """Tell whether any table of a migrated store has a row."""
    for table in metadata.sorted_tables:
        if await connection.scalar(select(exists().select_from(table))):
            return True
    return False
