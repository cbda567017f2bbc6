"""What the store itself can do: the same rows with the same keys, by the bare driver."""

import sqlite3
import time
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from osms.v1 import payment_service_pb2 as pb
from osms.values import parse_month
from osms_storage.ledgers import FIRST_MONTH
from osms_storage.records import Payer, PersonName

PAYMENT_COLUMNS = (
    "iin",
    "register_id",
    "line_no",
    "correction_id",
    "document_no",
    "period",
    "amount",
    "purpose",
    "name_id",
)
NAME_COLUMNS = ("iin", "name_id", "surname", "given_name", "patronymic", "birth_date")
LEDGER_COLUMNS = ("iin", "paid_2022")
REGISTER_COLUMNS = (
    "batch_id",
    "source_id",
    "reference",
    "received_on",
    "payer_id",
    "purpose_code",
    "people",
    "documents",
    "rows",
    "amount",
    "suspended_rows",
    "suspended_amount",
    "content",
)
STAGED_COLUMNS = ("run_id", "iin", "source_id", "category_id", "assigned_on")
CONTROL_RUN = 999_999
TABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "register": (REGISTER_COLUMNS, ""),
    "payment": (PAYMENT_COLUMNS, ""),
    "person_name": (NAME_COLUMNS, " ON CONFLICT DO NOTHING"),
    "ledger": (LEDGER_COLUMNS, " ON CONFLICT (iin) DO UPDATE SET paid_2022 = excluded.paid_2022"),
}


class Work(NamedTuple):
    """The rows of one register, ready to be written."""

    number: int
    rows: dict[str, list[tuple[Any, ...]]]


def prepare(messages: list[bytes], number: int) -> tuple[list[Work], int]:
    """Return the rows of serialized registers, numbered after a number, and their count."""
    work = []
    count = 0
    for message in messages:
        register = pb.IngestRegistersRequest.FromString(message).register
        number += 1
        payments, names, ledgers = [], [], []
        for row in sorted(register.rows, key=lambda row: row.iin):
            iin, period = int(row.iin), parse_month(row.period)
            name = PersonName(row.surname, row.given_name, row.patronymic, None)
            payments.append((iin, number, row.line_no, 0, 0, period, row.amount_tiyn, 122, name.id))
            names.append((iin, name.id, *name))
            ledgers.append((iin, 1 << period - FIRST_MONTH - 60))
        payer = Payer(register.payer.bin, register.payer.name).id
        size = len(payments)
        reference = register.reference + "-raw"
        head = (number, 1, reference, 740_000, payer, "122", size, 1, size, 0, 0, 0, b"\0")
        tables: dict[str, list[tuple[Any, ...]]] = {
            "register": [head],
            "payment": payments,
            "person_name": names,
            "ledger": ledgers,
        }
        work.append(Work(number, tables))
        count += size
    return work, count


# --- SQLite: executemany, one transaction per register -------------------------------------------


def _open(store: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-65536")
    return connection


def _insert(table: str, columns: tuple[str, ...], conflict: str) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}){conflict}"


async def sqlite_ingest(store: str, messages: list[bytes]) -> float:
    """Return rows/s; parsing is not counted."""
    connection = _open(Path(store))
    newest = connection.execute("SELECT MAX(id) FROM batch").fetchone()[0]
    revision = connection.execute("SELECT MAX(number) FROM revision").fetchone()[0]
    work, count = prepare(messages, newest)
    started = time.perf_counter()
    for one in work:
        revision += 1
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO revision VALUES (?, ?, 'CONTROL')", (revision, revision))
        connection.execute("INSERT INTO batch VALUES (?, ?, 'CONTROL')", (one.number, revision))
        for table, (columns, conflict) in TABLES.items():
            connection.executemany(_insert(table, columns, conflict), one.rows[table])
        connection.execute("COMMIT")
    elapsed = time.perf_counter() - started
    connection.close()
    return count / elapsed


async def sqlite_stage(store: str, people: list[str]) -> float:
    """Return records/s of staging a snapshot without comparing it."""
    connection = _open(Path(store))
    rows = [(CONTROL_RUN, int(iin), 5, 7, 737_000) for iin in people]
    started = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_insert("staged_record", STAGED_COLUMNS, ""), rows)
    connection.execute("COMMIT")
    elapsed = time.perf_counter() - started
    connection.execute("DELETE FROM staged_record WHERE run_id = ?", (CONTROL_RUN,))
    connection.close()
    return len(people) / elapsed


# --- PostgreSQL: COPY into staging, INSERT ... ON CONFLICT, one transaction per register ---------


async def postgresql_ingest(store: str, messages: list[bytes]) -> float:
    """Return rows/s; parsing is not counted."""
    connection = await asyncpg.connect(store)
    newest = await connection.fetchval("SELECT MAX(id) FROM batch")
    revision = await connection.fetchval("SELECT MAX(number) FROM revision")
    work, count = prepare(messages, newest)
    for table, (columns, _) in TABLES.items():
        await connection.execute(
            f"CREATE TEMP TABLE raw_{table} ON COMMIT DELETE ROWS AS"
            f" SELECT {', '.join(columns)} FROM {table} WITH NO DATA"
        )
    started = time.perf_counter()
    for one in work:
        revision += 1
        async with connection.transaction():
            await connection.execute("INSERT INTO revision VALUES ($1, $1, 'CONTROL')", revision)
            await connection.execute(
                "INSERT INTO batch VALUES ($1, $2, 'CONTROL')", one.number, revision
            )
            for table, (columns, conflict) in TABLES.items():
                await connection.copy_records_to_table(
                    f"raw_{table}", columns=columns, records=one.rows[table]
                )
                names = ", ".join(columns)
                await connection.execute(
                    f"INSERT INTO {table} ({names}) SELECT {names} FROM raw_{table}{conflict}"
                )
    elapsed = time.perf_counter() - started
    await connection.close()
    return count / elapsed


async def postgresql_stage(store: str, people: list[str]) -> float:
    """Return records/s of staging a snapshot without comparing it."""
    connection = await asyncpg.connect(store)
    rows = [(CONTROL_RUN, int(iin), 5, 7, 737_000) for iin in people]
    started = time.perf_counter()
    await connection.copy_records_to_table("staged_record", columns=STAGED_COLUMNS, records=rows)
    elapsed = time.perf_counter() - started
    await connection.execute("DELETE FROM staged_record WHERE run_id = $1", CONTROL_RUN)
    await connection.close()
    return len(people) / elapsed


INGEST = {"sqlite": sqlite_ingest, "postgresql": postgresql_ingest}
STAGE = {"sqlite": sqlite_stage, "postgresql": postgresql_stage}
