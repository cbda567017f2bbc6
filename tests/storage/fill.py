"""Rows for every table there is, of every shape that its columns allow; and what a store holds."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Boolean, Column, LargeBinary, SmallInteger, Table, Text, select

from osms_storage.engines import bulk_insert
from osms_storage.schema import metadata
from osms_storage.store import Store

Contents = dict[str, list[tuple[Any, ...]]]
"""The rows of each table, by its key."""

TEXTS = ("", "Әлия «Береке»\t\\N\n", "\\.", "x" * 3_000)
BLOBS = (b"", bytes(range(256)), b"\x00\xff" * 700)
PERIOD = 2025 * 12
"""A month that PostgreSQL has a partition for."""


async def fill(store: Store, rows: int) -> None:
    """Insert so many rows into each table."""
    for table in metadata.sorted_tables:
        columns = [column.name for column in table.columns]
        async with store.writing("TEST") as unit:
            await bulk_insert(unit.connection, table, columns, list(_rows(table, rows)))


def _rows(table: Table, rows: int) -> Iterator[tuple[Any, ...]]:
    for number in range(rows):
        yield tuple(_value(column, number) for column in table.columns)


def _value(column: Column[Any], number: int) -> Any:
    if column.nullable and number % 3 == 0:
        return None
    if isinstance(column.type, Text):
        # A column that only some rows must differ in may be a key.
        return f"{TEXTS[number % len(TEXTS)]}{number}"
    if isinstance(column.type, LargeBinary):
        return BLOBS[number % len(BLOBS)]
    if isinstance(column.type, Boolean):
        return number % 2 == 1
    if column.name == "period":
        return PERIOD
    if isinstance(column.type, SmallInteger):
        return -number
    return 1_000 + number if column.primary_key or column.foreign_keys else (-1) ** number * number


async def contents(store: Store) -> Contents:
    """Return all that a store holds."""
    async with store.deciding() as connection:
        return {
            table.name: [
                tuple(row)
                for row in await connection.execute(
                    select(*table.columns).order_by(*table.primary_key.columns)
                )
            ]
            for table in metadata.sorted_tables
        }
