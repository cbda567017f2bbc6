"""The store: opened engines, reads at one moment, and units of work that make a revision."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.clock import Clock, from_microseconds, system_clock, to_microseconds
from osms_storage.engines import HotReader, bulk_insert, engine_for
from osms_storage.errors import StoreUnavailableError
from osms_storage.schema import batch, revision
from osms_storage.standbys import Standbys
from osms_storage.urls import store_url

READERS = 6
"""Connections that read at the same time; readers of present ledgers keep one each."""

Result = TypeVar("Result")


class Unit:
    """A transaction that becomes one revision if a batch is opened in it, or nothing."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.revision = 0
        """The revision it became; 0 until it is committed, and if it changed nothing."""
        self.recorded_at = from_microseconds(0)
        """When it was recorded; meaningful once `revision` is set."""
        self._batches: list[tuple[int, str]] = []
        self._newest: _Newest | None = None

    async def open_batch(self, kind: str) -> int:
        """Return the id that the facts of one register, sync, correction or reversal point at."""
        newest = await self._read_newest()
        batch_id = newest.batch_id + len(self._batches) + 1
        self._batches.append((batch_id, kind))
        return batch_id

    async def next_revision(self) -> int:
        """Return the revision this unit will become."""
        return (await self._read_newest()).number + 1

    async def _read_newest(self) -> "_Newest":
        # Once: nobody else writes before this unit ends.
        if self._newest is None:
            row = (await self.connection.execute(_NEWEST)).one()
            self._newest = _Newest(*(value or 0 for value in row))
        return self._newest

    async def _record(self, cause: str, clock: Clock) -> None:
        if not self._batches:
            return
        newest = await self._read_newest()
        self.revision = newest.number + 1
        recorded_at = max(to_microseconds(clock()), newest.recorded_at + 1)
        self.recorded_at = from_microseconds(recorded_at)
        rows = [(self.revision, recorded_at, cause)]
        await bulk_insert(self.connection, revision, ("number", "recorded_at", "cause"), rows)
        batches = [(batch_id, self.revision, kind) for batch_id, kind in self._batches]
        await bulk_insert(self.connection, batch, ("id", "revision", "kind"), batches)


class _Newest(NamedTuple):
    """The newest revision and batch of a store; zeros if it is empty."""

    number: int
    recorded_at: int
    batch_id: int


# Revisions are recorded at ever later instants.
_NEWEST = select(
    select(func.max(revision.c.number)).scalar_subquery(),
    select(func.max(revision.c.recorded_at)).scalar_subquery(),
    select(func.max(batch.c.id)).scalar_subquery(),
)


class Store:
    """A store of facts and ledgers; opened by ``async with``.

    ``standby_age_max_s`` is how old what is read may be, so that standbys may be read if there are
    any; 0: only the leader is.
    """

    def __init__(
        self,
        store: str,
        *,
        clock: Clock = system_clock,
        readers: int = READERS,
        standby_age_max_s: float = 0.0,
    ) -> None:
        self.url = store_url(store)
        self.clock = clock
        self._engine = engine_for(self.url)
        self._writer, self._reader = self._engine.create_engines(self.url, readers=readers)
        self._standbys: Standbys | None = None
        if standby_age_max_s:
            standby = self._engine.standby_engine(self.url, readers=readers)
            if standby is not None:
                self._standbys = Standbys(self._engine, standby, self._reader, standby_age_max_s)
        self._write_lock = asyncio.Lock()
        # A file has one writer at a time, whom the others of this process wait for in their order.
        self._keep_lock = asyncio.Lock() if self.remote else self._write_lock
        self._hot: list[HotReader] = []
        self._finishing: set[asyncio.Task[Any]] = set()
        self._closing = False

    @property
    def remote(self) -> bool:
        """Whether the store is a server of its own, which may be away and come back."""
        return make_url(self.url).get_backend_name() != "sqlite"

    @property
    def busy(self) -> bool:
        """Whether this process is writing, or waits to."""
        return self._write_lock.locked()

    async def __aenter__(self) -> Self:
        if self._standbys is not None:
            self._standbys.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing = True
        while self._finishing:
            await asyncio.wait(self._finishing)
        for reader in self._hot:
            await reader.close()
        if self._standbys is not None:
            await self._standbys.close()
        await self._writer.dispose()
        await self._reader.dispose()

    @asynccontextmanager
    async def reading(
        self, *, at_least: int = 0, newest: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """Read at one moment: everything read inside belongs to one revision.

        A standby that is read is young enough, unless there is no leader, and has the revision
        ``at_least`` in any case. ``newest``: it is read only if there is no leader.

        Raises StoreUnavailableError.
        """
        if self._standbys is not None:
            async with self._standbys.reading(at_least, newest=newest) as connection:
                yield connection
            return
        async with self.deciding() as connection:
            yield connection

    @asynccontextmanager
    async def deciding(self) -> AsyncIterator[AsyncConnection]:
        """Read at one moment what a write depends on: of the leader, never of a standby.

        Raises StoreUnavailableError.
        """
        with self._engine.translated():
            async with self._reader.connect() as connection, connection.begin():
                yield connection

    def hot_reader(self) -> HotReader:
        """Return a reader of present ledgers; the store closes it."""
        reader: HotReader
        if self._standbys is None:
            reader = self._engine.hot_reader(self._reader)
        else:
            reader = self._standbys.hot_reader()
        self._hot.append(reader)
        return reader

    async def finish(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do work to its end even if its caller goes away.

        Every write that a call may be cancelled in goes through here: a statement that is cut in
        its middle would keep the engine's lock until its connection is collected.
        """
        return await asyncio.shield(self.begin(work))

    def begin(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """Begin work that goes on by itself; the store is closed only when it has ended."""
        task = asyncio.create_task(work)
        self._finishing.add(task)
        task.add_done_callback(self._finished)
        return task

    def check_open(self) -> None:
        """Let work of many steps end early when the store is to be closed.

        Raises StoreUnavailableError then.
        """
        if self._closing:
            raise StoreUnavailableError("The store is being closed.")

    def _finished(self, task: "asyncio.Task[Any]") -> None:
        self._finishing.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, lest the loop print it whole

    @asynccontextmanager
    async def writing(self, cause: str) -> AsyncIterator[Unit]:
        """Do a unit of work: committed durably at the end, rolled back by any exception.

        Raises StoreUnavailableError and StoreFullError; nothing is applied then.
        """
        async with self._write_lock:
            with self._engine.translated():
                async with self._writer.connect() as connection, connection.begin():
                    await self._engine.lock_writes(connection)
                    unit = Unit(connection)
                    yield unit
                    await unit._record(cause, self.clock)

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[AsyncConnection]:
        """Write to the access log: committed durably at the end, rolled back by any exception.

        It makes no revision. On a server it neither waits for writers of facts nor holds them up; a
        file has one writer at a time, so what is kept at a time should be little.

        Raises StoreUnavailableError and StoreFullError; nothing is applied then.
        """
        async with self._keep_lock:
            with self._engine.translated():
                async with self._writer.connect() as connection, connection.begin():
                    await self._engine.lock_access_log(connection)
                    yield connection


async def newest_revision(connection: AsyncConnection) -> tuple[int, datetime]:
    """Return the newest revision and when it was recorded; (0, 1970) for an empty store."""
    row = (
        await connection.execute(
            select(revision.c.number, revision.c.recorded_at)
            .order_by(revision.c.number.desc())
            .limit(1)
        )
    ).first()
    return (row.number, from_microseconds(row.recorded_at)) if row else (0, from_microseconds(0))


async def revision_at(connection: AsyncConnection, instant: datetime) -> int:
    """Return the newest revision recorded at or before an instant; 0 if there is none."""
    return (
        await connection.scalar(
            select(func.max(revision.c.number)).where(
                revision.c.recorded_at <= to_microseconds(instant)
            )
        )
        or 0
    )


async def recorded_at(connection: AsyncConnection, number: int) -> datetime:
    """Return when a revision was recorded; 1970 for revision 0."""
    instant = await connection.scalar(
        select(revision.c.recorded_at).where(revision.c.number == number)
    )
    return from_microseconds(instant or 0)
