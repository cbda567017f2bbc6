"""The embedded engine: one SQLite file in WAL mode, driven by aiosqlite.

Holds only what differs between engines: how to open and lock, how to write many rows, and what the
driver's errors mean.
"""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, cast
from urllib.parse import quote

import aiosqlite
from sqlalchemy import Table, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from osms_storage.conflicts import conflict_clause
from osms_storage.errors import StoreError, StoreFullError, StoreUnavailableError
from osms_storage.keys import key_text
from osms_storage.schema import LEDGER_COLUMNS

_AWAY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}
"""Errors of the file, not of a statement."""
ROWS_PER_STATEMENT = 100
"""How many rows one statement inserts where there are many."""
CACHE_KIB = 16 * 1024
"""Pages that each connection keeps; the system keeps the rest of the file."""
BUSY_TIMEOUT_S = 10.0
"""How long a writer waits for another process to finish."""
HOT_TIMEOUT_S = 0.5
"""How long a lookup waits where readers are locked out: while the file recovers from a crash."""
PEOPLE_IN_LOOP_MAX = 200
"""How many people are read in the loop's own thread, which serves nobody else meanwhile."""


def create_engines(url: str, *, readers: int) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the writing engine (one connection) and the reading one (``readers`` connections)."""
    # What an error quotes of a statement must not hold people.
    options: dict[str, Any] = {
        "max_overflow": 0,
        "hide_parameters": True,
        "connect_args": {"timeout": BUSY_TIMEOUT_S},
    }
    writer = create_async_engine(url, pool_size=1, **options)
    reader = create_async_engine(url, pool_size=readers, **options)
    for engine, begin in ((writer, "BEGIN IMMEDIATE"), (reader, "BEGIN")):
        event.listen(engine.sync_engine, "connect", _on_connect)
        event.listen(engine.sync_engine, "begin", lambda c, sql=begin: c.exec_driver_sql(sql))
    return writer, reader


def _on_connect(connection: Any, _: ConnectionPoolEntry) -> None:
    # The driver must not open transactions by itself: SQLAlchemy says BEGIN.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # An acknowledgement leaves only after fsync.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    cursor.execute("PRAGMA temp_store=MEMORY")
    cursor.close()


def standby_engine(_: str, *, readers: int) -> AsyncEngine | None:
    """Return None: a file has no standbys."""


async def bulk_insert(
    connection: AsyncConnection,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    update: Sequence[str] | None = None,
    merge: str | None = None,
    expect_new: bool = False,
) -> None:
    """Insert rows by the driver's bulk path.

    ``update`` names the columns that a row whose key exists takes over; empty: it is left alone;
    None: it is an error. ``merge`` names a column whose bits are added to such a row's own.
    """
    row = f"({', '.join('?' * len(columns))})"
    into = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES "
    clause = conflict_clause(table, update, merge)
    raw = await connection.get_raw_connection()
    driver = cast(aiosqlite.Connection, raw.driver_connection)
    # Past SQLAlchemy's cursor, which takes three turns with the driver's thread where one does;
    # and many rows a statement, for each statement gives the interpreter's lock away and waits
    # to get it back.
    whole = len(rows) // ROWS_PER_STATEMENT * ROWS_PER_STATEMENT
    if whole:
        parts = (
            rows[start : start + ROWS_PER_STATEMENT]
            for start in range(0, whole, ROWS_PER_STATEMENT)
        )
        values = [list(chain.from_iterable(part)) for part in parts]
        await driver.executemany(into + ", ".join([row] * ROWS_PER_STATEMENT) + clause, values)
    if whole < len(rows):
        await driver.executemany(into + row + clause, rows[whole:])


async def refresh_statistics(_: AsyncConnection, __: Table) -> None:
    """Let the planner know of many new rows."""
    # It follows the keys without; with statistics, which it takes a whole scan to gather, it
    # would be free to do worse.


async def plan_for_values(_: AsyncConnection) -> None:
    """Let the statements of this transaction be planned for the values they are given."""
    # Its plans do not depend on values.


_HOT = f"""
SELECT r.number, l.iin, {", ".join(f"l.{name}" for name in LEDGER_COLUMNS)}
FROM (SELECT COALESCE(MAX(number), 0) AS number FROM revision) r
LEFT JOIN (json_each(?) k JOIN ledger l ON l.iin = k.value)
"""


class HotReader:
    """Reads present ledgers by the driver itself; few of them without leaving the loop's thread.

    A read of one person takes 10 microseconds, a turn with another thread ten times that.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._file = engine.url.database
        self._connection: sqlite3.Connection | None = None

    async def read(self, iins: Sequence[int], _: int = 0) -> tuple[int, list[tuple[Any, ...]]]:
        """Return the newest revision, and IIN and LEDGER_COLUMNS of known people."""
        with translated():
            return await asyncio.to_thread(self._read, iins)

    def read_now(self, iins: Sequence[int]) -> tuple[int, list[tuple[Any, ...]]] | None:
        """Return the same of few people; None: there are too many to let the loop wait."""
        if len(iins) > PEOPLE_IN_LOOP_MAX:
            return None
        with translated():
            return self._read(iins)

    def _read(self, iins: Sequence[int]) -> tuple[int, list[tuple[Any, ...]]]:
        if self._connection is None:
            self._connection = sqlite3.connect(
                f"file:{quote(str(self._file))}?mode=rw",
                uri=True,
                timeout=HOT_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection.execute("PRAGMA query_only=ON")
            self._connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        try:
            rows = self._connection.execute(_HOT, (key_text(iins),)).fetchall()
        except sqlite3.Error:
            # The file may have been replaced.
            self._connection.close()
            self._connection = None
            raise
        return rows[0][0], [row[1:] for row in rows if row[1] is not None]

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def hot_reader(engine: AsyncEngine) -> HotReader:
    """Return a reader of present ledgers."""
    return HotReader(engine)


async def lock_writes(_: AsyncConnection) -> None:
    """Let no other writer in before this transaction ends."""
    # BEGIN IMMEDIATE has locked everything.


async def lock_access_log(_: AsyncConnection) -> None:
    """Let no other writer of the access log in before this transaction ends."""
    # The same.


@contextmanager
def translated() -> Iterator[None]:
    """Turn driver errors into the store's own."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, OSError) as exc:
        raise _meaning(exc) from exc
    except PoolTimeoutError as exc:
        raise StoreUnavailableError("The store is too busy now.") from exc


def _meaning(exc: Exception) -> Exception:
    cause = exc.orig if isinstance(exc, DBAPIError) else exc
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None)
        if code is not None and code & 0xFF == sqlite3.SQLITE_FULL:
            return StoreFullError("The disk of the store is full.")
        away = code is None or code & 0xFF in _AWAY or "no such table" in str(cause)
        if code is not None and code & 0xFF == sqlite3.SQLITE_NOTADB:
            return StoreUnavailableError("The file is not an SQLite store.")
        if away and isinstance(cause, sqlite3.DatabaseError):
            return StoreUnavailableError("The store cannot be used now.")
    if isinstance(cause, OSError):
        return StoreUnavailableError("The store cannot be used now.")
    return StoreError("The store refused a statement.")
