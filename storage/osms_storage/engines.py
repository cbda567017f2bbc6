"""The engines a store may stand on, and which one a URL or a connection means."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Table
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from osms_storage import sqlite


class HotReader(Protocol):
    """Reads present ledgers on a connection of its own, past SQLAlchemy: it bounds every lookup."""

    async def read(
        self, iins: Sequence[int], at_least: int = 0, /
    ) -> tuple[int, list[tuple[Any, ...]]]:
        """Return the newest revision, and IIN and LEDGER_COLUMNS of known people.

        One statement, so that all of it is of one moment. One read at a time. ``at_least`` is a
        revision for which the leader is asked where a standby has not reached it.
        """

    def read_now(self, iins: Sequence[int]) -> tuple[int, list[tuple[Any, ...]]] | None:
        """Return the same where it takes no waiting; None: only `read` can tell."""

    async def close(self) -> None:
        """Give the connection back."""


class Engine(Protocol):
    """What differs between engines; a module implements it."""

    def create_engines(self, url: str, *, readers: int) -> tuple[AsyncEngine, AsyncEngine]:
        """Return the writing engine and the reading one, both of the leader.

        The writing one has room for a writer of facts, and for one of the access log if both may
        write at the same time.
        """

    def standby_engine(self, url: str, /, *, readers: int) -> AsyncEngine | None:
        """Return an engine that reads of standbys where it can; None if there are none."""

    def translated(self) -> AbstractContextManager[None]:
        """Turn driver errors into the store's own."""

    async def lock_writes(self, connection: AsyncConnection, /) -> None:
        """Let no other writer in before this transaction ends."""

    async def lock_access_log(self, connection: AsyncConnection, /) -> None:
        """Let no other writer of the access log in before this transaction ends."""

    async def bulk_insert(
        self,
        connection: AsyncConnection,
        table: Table,
        columns: Sequence[str],
        rows: Sequence[tuple[Any, ...]],
        *,
        update: Sequence[str] | None = None,
        merge: str | None = None,
        expect_new: bool = False,
    ) -> None:
        """Insert many rows."""

    async def refresh_statistics(self, connection: AsyncConnection, table: Table, /) -> None:
        """Let the planner know of many new rows, where it needs to."""

    async def plan_for_values(self, connection: AsyncConnection, /) -> None:
        """Let a transaction's statements be planned for the values they are given."""

    def hot_reader(self, engine: AsyncEngine, /) -> HotReader:
        """Return a reader of present ledgers; nothing is opened before it reads."""


def engine_of(name: str) -> Engine:
    """Return the engine of a URL's or dialect's name.

    Raises ValueError for an engine that is not supported, ImportError without the postgres extra.
    """
    if name == "sqlite":
        return sqlite
    if name == "postgresql":
        # asyncpg comes with an extra of its own.
        from osms_storage import postgresql

        return postgresql
    raise ValueError(f"A store is an SQLite file or a PostgreSQL database, not {name}.")


def engine_for(url: str) -> Engine:
    """Return the engine of a store's URL."""
    return engine_of(make_url(url).get_backend_name())


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
    """Insert many rows; none at all is allowed.

    ``update`` names the columns that a row whose key exists takes over; empty: it is left alone;
    None: it is an error. ``merge`` names a column whose bits are added to such a row's own. No
    key may occur twice in the rows unless it is left alone. ``expect_new``: hardly any key exists.
    """
    if rows:
        engine = engine_of(connection.dialect.name)
        await engine.bulk_insert(
            connection, table, columns, rows, update=update, merge=merge, expect_new=expect_new
        )


async def refresh_statistics(connection: AsyncConnection, table: Table) -> None:
    """Let the planner know of many new rows, where it needs to."""
    await engine_of(connection.dialect.name).refresh_statistics(connection, table)


async def plan_for_values(connection: AsyncConnection) -> None:
    """Let the statements of a transaction be planned for the values they are given.

    For statements about a range of keys: of one that it was not told PostgreSQL believes that it is
    small. Not for those about a list of keys.
    """
    await engine_of(connection.dialect.name).plan_for_values(connection)
