"""What the store itself can do: the same rows with the same keys, by the bare driver."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from osms.v1 import payment_service_pb2 as pb
from tests.benchmarks.raw_tables import (
    CONTROL_RUN,
    REGISTER_TABLES,
    STAGED_COLUMNS,
    STAGED_CONFLICT,
    STAGED_TABLE,
    Row,
    staged_rows,
)

# --- how it is prepared: never counted -----------------------------------------------------------


class Work(NamedTuple):
    """The rows of one register by table, ready to be written."""

    number: int
    rows: dict[str, list[Row]]


def _prepare(messages: list[bytes], number: int) -> tuple[list[Work], int]:
    """Return the work of serialized registers, numbered after a number, and their row count."""
    work = []
    for message in messages:
        register = pb.IngestRegistersRequest.FromString(message).register
        number += 1
        rows = {table.name: table.rows(register, number) for table in REGISTER_TABLES}
        work.append(Work(number, rows))
    return work, sum(len(one.rows["payment"]) for one in work)


def _chunks(people: Sequence[str], size: int) -> Iterator[list[Row]]:
    rows = staged_rows(people)
    return (rows[start : start + size] for start in range(0, len(rows), size))


# --- SQLite: executemany, one transaction per register or chunk ----------------------------------


def _open(store: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-65536")
    return connection


def _insert(table: str, columns: tuple[str, ...], conflict: str) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}){conflict}"


async def _sqlite_ingest(store: str, messages: list[bytes]) -> float:
    connection = _open(Path(store))
    newest = connection.execute("SELECT MAX(id) FROM batch").fetchone()[0]
    revision = connection.execute("SELECT MAX(number) FROM revision").fetchone()[0]
    work, count = _prepare(messages, newest)
    started = time.perf_counter()
    for one in work:
        revision += 1
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO revision VALUES (?, ?, 'CONTROL')", (revision, revision))
        connection.execute("INSERT INTO batch VALUES (?, ?, 'CONTROL')", (one.number, revision))
        for table in REGISTER_TABLES:
            statement = _insert(table.name, table.columns, table.conflict)
            connection.executemany(statement, one.rows[table.name])
        connection.execute("COMMIT")
    elapsed = time.perf_counter() - started
    connection.close()
    return count / elapsed


async def _sqlite_stage(store: str, people: list[str], chunk_size: int) -> float:
    connection = _open(Path(store))
    chunks = list(_chunks(people, chunk_size))
    statement = _insert(STAGED_TABLE, STAGED_COLUMNS, STAGED_CONFLICT)
    started = time.perf_counter()
    for chunk in chunks:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, chunk)
        connection.execute("COMMIT")
    elapsed = time.perf_counter() - started
    connection.execute(f"DELETE FROM {STAGED_TABLE} WHERE run_id = ?", (CONTROL_RUN,))
    connection.close()
    return len(people) / elapsed


# --- PostgreSQL: COPY into a temporary table, INSERT ... ON CONFLICT; the same transactions ------


async def _make_temporary(connection: Any, table: str, columns: tuple[str, ...]) -> None:
    await connection.execute(
        f"CREATE TEMP TABLE raw_{table} ON COMMIT DELETE ROWS AS"
        f" SELECT {', '.join(columns)} FROM {table} WITH NO DATA"
    )


async def _copy(
    connection: Any, table: str, columns: tuple[str, ...], conflict: str, rows: list[Row]
) -> None:
    await connection.copy_records_to_table(f"raw_{table}", columns=columns, records=rows)
    names = ", ".join(columns)
    await connection.execute(
        f"INSERT INTO {table} ({names}) SELECT {names} FROM raw_{table}{conflict}"
    )


async def _postgresql_ingest(store: str, messages: list[bytes]) -> float:
    connection = await asyncpg.connect(store)
    newest = await connection.fetchval("SELECT MAX(id) FROM batch")
    revision = await connection.fetchval("SELECT MAX(number) FROM revision")
    work, count = _prepare(messages, newest)
    for table in REGISTER_TABLES:
        await _make_temporary(connection, table.name, table.columns)
    started = time.perf_counter()
    for one in work:
        revision += 1
        async with connection.transaction():
            await connection.execute("INSERT INTO revision VALUES ($1, $1, 'CONTROL')", revision)
            await connection.execute(
                "INSERT INTO batch VALUES ($1, $2, 'CONTROL')", one.number, revision
            )
            for name, columns, conflict, _ in REGISTER_TABLES:
                await _copy(connection, name, columns, conflict, one.rows[name])
    elapsed = time.perf_counter() - started
    await connection.close()
    return count / elapsed


async def _postgresql_stage(store: str, people: list[str], chunk_size: int) -> float:
    connection = await asyncpg.connect(store)
    chunks = list(_chunks(people, chunk_size))
    await _make_temporary(connection, STAGED_TABLE, STAGED_COLUMNS)
    started = time.perf_counter()
    for chunk in chunks:
        async with connection.transaction():
            await _copy(connection, STAGED_TABLE, STAGED_COLUMNS, STAGED_CONFLICT, chunk)
    elapsed = time.perf_counter() - started
    await connection.execute(f"DELETE FROM {STAGED_TABLE} WHERE run_id = $1", CONTROL_RUN)
    await connection.close()
    return len(people) / elapsed


INGEST = {"sqlite": _sqlite_ingest, "postgresql": _postgresql_ingest}
"""Write serialized registers; return rows a second."""
STAGE = {"sqlite": _sqlite_stage, "postgresql": _postgresql_stage}
"""Stage a snapshot of people in chunks, without comparing it; return records a second."""
