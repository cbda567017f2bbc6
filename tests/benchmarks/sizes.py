"""How many bytes a store takes, indexes included."""

import sqlite3
from contextlib import closing
from typing import NamedTuple

import asyncpg

from tests.benchmarks.subject import Subject


class Sizes(NamedTuple):
    """A store's size, and what of it is payments."""

    payments: int
    """How many rows there are."""
    payment_bytes: int | None
    """Of the table of payments with its indexes; None: this SQLite cannot tell (no dbstat)."""
    store_bytes: int
    """Of everything, without the logs that a commit is written to first."""


async def measure_sizes(subject: Subject) -> Sizes:
    """Return the sizes of the store."""
    if subject.engine == "sqlite":
        return _sqlite(subject.store)
    return await _postgresql(subject.store)


def _sqlite(store: str) -> Sizes:
    with closing(sqlite3.connect(store)) as connection:

        def number(statement: str) -> int:
            return int(connection.execute(statement).fetchone()[0])

        options = {row[0] for row in connection.execute("PRAGMA compile_options")}
        payment_bytes = None
        if "ENABLE_DBSTAT_VTAB" in options:
            payment_bytes = number(
                "SELECT SUM(pgsize) FROM dbstat WHERE aggregate = TRUE AND name IN"
                " (SELECT name FROM sqlite_schema WHERE tbl_name = 'payment')"
            )
        return Sizes(
            number("SELECT COUNT(*) FROM payment"),
            payment_bytes,
            number("PRAGMA page_count") * number("PRAGMA page_size"),
        )


async def _postgresql(store: str) -> Sizes:
    connection = await asyncpg.connect(store)
    try:
        return Sizes(
            await connection.fetchval("SELECT COUNT(*) FROM payment"),
            # A partitioned table has no bytes of its own, one that is not has no partitions.
            await connection.fetchval(
                "SELECT SUM(pg_total_relation_size(relid))::bigint FROM"
                " (SELECT 'payment'::regclass AS relid"
                " UNION SELECT relid FROM pg_partition_tree('payment')) AS parts"
            ),
            await connection.fetchval("SELECT pg_database_size(current_database())"),
        )
    finally:
        await connection.close()
