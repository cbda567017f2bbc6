"""Backups of PostgreSQL stores: every table by binary COPY, all in one transaction.

By the driver rather than by the server's programs: those would have to be there in the server's own
version, and would need to be told a password.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.backups.archive import PART_BYTES, Archive, ArchiveWriter, Manifest, Progress
from osms_storage.backups.contents import describe, has_rows, has_tables
from osms_storage.engines import refresh_statistics
from osms_storage.errors import ArchiveDamagedError, SchemaMismatchError, StoreNotEmptyError
from osms_storage.migrations import expected_schema, migrate, schema_of
from osms_storage.schema import metadata
from osms_storage.store import Store

COPY_TIMEOUT_S = 24 * 3600.0
"""For one table; statements of a gateway may not take as long."""

_UNHURRIED = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)
_AS_THEY_LIE = (
    "SET TRANSACTION READ ONLY",
    # Rows in the order in which they lie, as registers came: the index of a payment's register
    # lives on it. Either of these would mix them.
    "SET LOCAL synchronize_seqscans = off",
    "SET LOCAL max_parallel_workers_per_gather = 0",
)
_BYTES = "SELECT SUM(pg_table_size(oid)) FROM pg_class WHERE relkind = 'r' AND oid >= 16384"


async def dump(store: Store, archive: ArchiveWriter, tell: Progress) -> Manifest:
    """Copy every table out, of the leader and as of one moment."""
    async with store.deciding() as connection:
        await _set(connection, *_UNHURRIED, *_AS_THEY_LIE)
        facts = await describe(connection)
        about_bytes = int(await connection.scalar(text(_BYTES)) or 0)
        rows = {}
        for table in metadata.sorted_tables:
            rows[table.name] = await _copy_out(connection, table, archive, tell, about_bytes)
        return archive.end(**facts, rows=rows)


async def _copy_out(
    connection: AsyncConnection,
    table: Table,
    archive: ArchiveWriter,
    tell: Progress,
    about_bytes: int,
) -> int:
    waiting = bytearray()

    async def take(data: bytes) -> None:
        waiting.extend(data)
        if len(waiting) >= PART_BYTES:
            await give()

    async def give() -> None:
        await asyncio.to_thread(archive.add, table.name, waiting)
        waiting.clear()
        tell(archive.bytes_done, max(about_bytes, archive.bytes_done))

    driver = await _driver(connection)
    columns = ", ".join(table.columns.keys())
    # A query, because a table of partitions cannot be copied out by its name.
    status = await driver.copy_from_query(
        f"SELECT {columns} FROM {table.name}",
        output=take,
        format="binary",
        timeout=COPY_TIMEOUT_S,
    )
    await give()
    return _count(status)


async def check_empty(store: Store) -> None:
    """Raise StoreNotEmptyError or SchemaMismatchError unless a backup can be restored here."""
    async with store.deciding() as connection:
        schema = await connection.run_sync(schema_of)
        if schema is None:
            if await has_tables(connection):
                raise StoreNotEmptyError
        elif schema != expected_schema():
            raise SchemaMismatchError(schema, expected_schema())
        elif await has_rows(connection):
            raise StoreNotEmptyError


async def load(store: Store, archive: Archive, tell: Progress) -> None:
    """Copy every table into a database that holds nothing: all of it in one transaction.

    Raises StoreNotEmptyError, SchemaMismatchError, ArchiveDamagedError; at most empty tables are
    there then.
    """
    await check_empty(store)
    await migrate(store.url)
    async with store.writing("RESTORE") as unit:
        connection = unit.connection
        await _set(connection, *_UNHURRIED)
        if await has_rows(connection):
            raise StoreNotEmptyError
        progress = _Told(archive, tell)
        for table in metadata.sorted_tables:
            copied = await _copy_in(connection, table, progress)
            if copied != archive.manifest.rows[table.name]:
                raise ArchiveDamagedError(table.name)
        for table in metadata.sorted_tables:
            await refresh_statistics(connection, table)


class _Told:
    """Reads parts and says how far it has come."""

    def __init__(self, archive: Archive, tell: Progress) -> None:
        self._archive = archive
        self._tell = tell
        self._done = 0

    async def parts(self, name: str) -> AsyncIterator[bytes]:
        """Yield each part of a table."""
        parts = self._archive.parts(name)
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            data, packed_bytes = part
            yield data
            self._done += packed_bytes
            self._tell(self._done, self._archive.packed_bytes())


async def _copy_in(connection: AsyncConnection, table: Table, progress: _Told) -> int:
    driver = await _driver(connection)
    status = await driver.copy_to_table(
        table.name,
        source=progress.parts(table.name),
        columns=table.columns.keys(),
        format="binary",
        timeout=COPY_TIMEOUT_S,
    )
    return _count(status)


async def _set(connection: AsyncConnection, *statements: str) -> None:
    for statement in statements:
        await connection.execute(text(statement))


async def _driver(connection: AsyncConnection) -> Any:
    return cast(Any, (await connection.get_raw_connection()).driver_connection)


def _count(status: str) -> int:
    """Return how many rows PostgreSQL says that it has copied."""
    return int(status.rpartition(" ")[2])
