"""The production engine: PostgreSQL 15 or newer, driven by asyncpg.

Holds only what differs between engines: how to open and lock, how to write many rows, and what the
driver's errors mean.
"""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from zlib import crc32

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import Table, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from osms_storage.conflicts import conflict_clause
from osms_storage.errors import StoreError, StoreFullError, StoreUnavailableError
from osms_storage.schema import LEDGER_COLUMNS

CONNECT_TIMEOUT_S = 5.0
HOST_TIMEOUT_S = 1.0
"""How long one of several hosts is waited for: one that is silent must not use up the time."""
SILENCE_MAX_S = 10
"""How long one of several hosts may be cut off before its connections break."""
STANDBY_KEPT_S = 60
"""How old a connection to a standby becomes: one that came back is to be read again."""
COMMAND_TIMEOUT_S = 600.0
"""What a snapshot changes for the whole nation is applied by one statement."""
WRITER_SETTINGS = {
    "synchronous_commit": "on",
    # A statement of a gateway that was killed ends, lest it keep the lock of writers.
    "client_connection_check_interval": "2s",
}
COPY_ROWS_MIN = 200
"""From so many rows on, COPY into a staging table is cheaper than arrays in a statement."""
_WRITE_LOCK = 0x05_35_4D_53
"""Key of the advisory lock that writers take: any number, the same in every gateway."""
_ACCESS_LOCK = 0x05_35_4D_54
"""The same for writers of the access log, who wait for each other alone."""

_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.UndefinedTableError,
    asyncpg.QueryCanceledError,
    # A prepared statement whose tables were migrated meanwhile.
    asyncpg.InvalidCachedStatementError,
    # A standby gave a read up to go on with what its leader did.
    asyncpg.SerializationError,
    # A connection that broke between two messages of one statement.
    asyncpg.InternalClientError,
)


def create_engines(url: str, *, readers: int) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the writing engine (two connections) and the reading one (``readers`` connections).

    Both are the leader's where there are several hosts. Facts are written on one connection, the
    access log on the other.
    """
    arguments = _connect_arguments(url, "read-write")
    writer = create_async_engine(
        url,
        pool_size=2,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={**arguments, "server_settings": WRITER_SETTINGS},
    )
    return writer, _reading_engine(url, arguments, pool_size=readers)


def standby_engine(url: str, *, readers: int) -> AsyncEngine | None:
    """Return an engine that reads of a standby, of any host where there is none; None: one host."""
    if not _several_hosts(url):
        return None
    # The first of the list that is one, so that an operator can give each gateway its own.
    arguments = _connect_arguments(url, "standby", "any")
    return _reading_engine(url, arguments, pool_size=readers, pool_recycle=STANDBY_KEPT_S)


def _reading_engine(url: str, arguments: dict[str, Any], **pool: int) -> AsyncEngine:
    return create_async_engine(
        url,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        # One moment for all statements of a read.
        isolation_level="REPEATABLE READ",
        connect_args=arguments,
        **pool,
    )


def _several_hosts(url: str) -> bool:
    parsed = make_url(url)
    _, arguments = parsed.get_dialect()().create_connect_args(parsed)
    return isinstance(arguments.get("host"), list)


def _connect_arguments(url: str, *wanted: str) -> dict[str, Any]:
    """Return what connections are opened with; ``wanted``: what a host must be, best first."""
    arguments: dict[str, Any] = {"command_timeout": COMMAND_TIMEOUT_S}
    if _several_hosts(url):
        connect = partial(_connect, wanted)
        return {**arguments, "timeout": HOST_TIMEOUT_S, "async_creator_fn": connect}
    return {**arguments, "timeout": CONNECT_TIMEOUT_S}


async def _connect(
    wanted: Sequence[str], *, host: Sequence[str], port: Sequence[int], **arguments: Any
) -> "asyncpg.Connection[Any]":
    """Connect to the first host that is what is wanted.

    The driver would do the same, but for a time-out that is one for all hosts.
    """
    failure: Exception | None = None
    hosts = list(zip(host, port, strict=True))
    for attribute in wanted:
        for name, number in tuple(hosts):
            try:
                connection = await asyncpg.connect(
                    host=name, port=number, **{**arguments, "target_session_attrs": attribute}
                )
            except asyncpg.TargetServerAttributeNotMatched as exc:
                failure = exc
            except (*_UNAVAILABLE, OSError) as exc:
                failure = exc
                hosts.remove((name, number))
            else:
                _watch_over(connection._transport.get_extra_info("socket"))
                return connection
    assert failure is not None
    raise failure


def _watch_over(connected: socket.socket) -> None:
    """Let a connection break when its host is cut off, even amid a statement, where it can."""
    if sys.platform == "linux" and connected.family != socket.AF_UNIX:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENCE_MAX_S // 2)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_MAX_S * 1_000)


async def lock_writes(connection: AsyncConnection) -> None:
    """Let no other writer in, of this gateway or another, before this transaction ends."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITE_LOCK})


async def lock_access_log(connection: AsyncConnection) -> None:
    """Let no other writer of the access log in before this transaction ends."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ACCESS_LOCK})


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
    """Insert rows by binary COPY into a staging table, few of them by arrays in one statement.

    ``update`` names the columns that a row whose key exists takes over; empty: it is left alone;
    None: it is an error. ``merge`` names a column whose bits are added to such a row's own.
    """
    raw = await connection.get_raw_connection()
    driver: asyncpg.Connection[Any] = raw.driver_connection
    names = ", ".join(columns)
    clause = conflict_clause(table, update, merge)
    if len(rows) < COPY_ROWS_MIN:
        types = [_array_type(table, name) for name in columns]
        arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, 1))
        statement = f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}){clause}"
        await driver.execute(statement, *map(list, zip(*rows, strict=True)))
        return
    if not clause:
        await driver.copy_records_to_table(table.name, columns=columns, records=rows)
        return
    if expect_new and await _copied(driver, table, columns, rows):
        return
    # One for each set of columns: the table outlives the transaction on its connection.
    staging = f"staging_{table.name}_{crc32(names.encode()):x}"
    await driver.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS {staging} ON COMMIT DELETE ROWS AS"
        f" SELECT {names} FROM {table.name} WITH NO DATA"
    )
    await driver.execute(f"TRUNCATE {staging}")
    await driver.copy_records_to_table(staging, columns=columns, records=rows)
    await driver.execute(
        f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {staging}{clause}"
    )


async def _copied(
    driver: "asyncpg.Connection[Any]",
    table: Table,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> bool:
    """Copy rows straight into a table, at half the cost; return False if a key exists."""
    await driver.execute("SAVEPOINT copying")
    try:
        await driver.copy_records_to_table(table.name, columns=columns, records=rows)
    except asyncpg.UniqueViolationError:
        await driver.execute("ROLLBACK TO SAVEPOINT copying")
        return False
    await driver.execute("RELEASE SAVEPOINT copying")
    return True


async def refresh_statistics(connection: AsyncConnection, table: Table) -> None:
    """Let the planner know of many new rows."""
    await connection.execute(text(f"ANALYZE {table.name}"))


async def plan_for_values(connection: AsyncConnection) -> None:
    """Let the statements of this transaction be planned for the values they are given."""
    await connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))


def _array_type(table: Table, name: str) -> str:
    kinds = {
        "BIGINT": "bigint",
        "BOOLEAN": "boolean",
        "INTEGER": "integer",
        "SMALLINT": "smallint",
        "TEXT": "text",
    }
    return kinds.get(str(table.c[name].type), "bytea")


_HOT = f"""
SELECT r.number, l.iin, {", ".join(f"l.{name}" for name in LEDGER_COLUMNS)}
FROM (SELECT COALESCE(MAX(number), 0) AS number FROM revision) r
LEFT JOIN ledger l ON l.iin = ANY($1::bigint[])
"""


class HotReader:
    """Reads present ledgers by the driver itself, on one connection."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._statement: PreparedStatement[Any] | None = None

    async def read(self, iins: Sequence[int], _: int = 0) -> tuple[int, list[tuple[Any, ...]]]:
        """Return the newest revision, and IIN and LEDGER_COLUMNS of known people."""
        with translated():
            try:
                if self._statement is None:
                    self._connection = await self._engine.connect()
                    raw = await self._connection.get_raw_connection()
                    driver: asyncpg.Connection[Any] = raw.driver_connection
                    self._statement = await driver.prepare(_HOT)
                rows = await self._statement.fetch(iins)
            except BaseException:
                # A broken connection, or one that keeps silent, must not break every later lookup.
                broken, self._connection, self._statement = self._connection, None, None
                if broken is not None:
                    await broken.invalidate()
                    await broken.close()
                raise
        return rows[0][0], [tuple(row)[1:] for row in rows if row[1] is not None]

    def read_now(self, iins: Sequence[int]) -> None:
        """Return None: a server is always waited for."""

    async def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = self._statement = None


def hot_reader(engine: AsyncEngine) -> HotReader:
    """Return a reader of present ledgers."""
    return HotReader(engine)


@contextmanager
def translated() -> Iterator[None]:
    """Turn driver errors into the store's own."""
    try:
        yield
    except (
        DBAPIError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
    ) as exc:
        raise _meaning(exc) from exc
    except PoolTimeoutError as exc:
        raise StoreUnavailableError("The store is too busy now.") from exc


def _meaning(exc: Exception) -> Exception:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, asyncpg.DiskFullError | asyncpg.OutOfMemoryError):
            return StoreFullError("The disk of the store is full.")
        if isinstance(cause, (*_UNAVAILABLE, OSError)):
            return StoreUnavailableError("The store cannot be used now.")
        if isinstance(cause, asyncpg.InvalidAuthorizationSpecificationError):
            return StoreError("The database does not let this user in: what is its password?")
        cause = cause.__cause__ or getattr(cause, "orig", None)
    return StoreError("The store refused a statement.")
