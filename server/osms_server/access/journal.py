"""Writes the access log of this process: to local files, before an answer leaves.

So neither a database without a leader nor the one writer of an SQLite file holds up answers; the
shipper brings the records into the store afterwards.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from osms.v1.access_record_pb2 import AccessRecord, ChainHead, PackedAccess, SingleAccess
from osms_server import logs
from osms_server.access.chain_files import ChainWriter
from osms_server.errors import Reason, RequestError
from osms_storage.clock import Clock, to_microseconds

SINGLE_BYTES = 256
"""About what an entry about one person takes."""
RECORD_BYTES_MAX = 2 * 1024 * 1024
"""About how large a record becomes that callers share; one with more to write has its own."""
WAITING_BYTES_MAX = 64 * 1024 * 1024
"""About how much may wait to be written; who comes then is refused."""
BEGINS_EVERY_S = 1.0
"""After an error, how long until a new chain is begun; meanwhile no answer leaves."""

_log = logs.logger(__name__)


class Position(NamedTuple):
    """How far the journal has come."""

    writer: str
    """Its present chain; empty: it has none, for it cannot write."""
    durable: int
    """The number of the last record of this chain that is durable."""


class _Waiting(NamedTuple):
    singles: Sequence[SingleAccess]
    packed: Sequence[PackedAccess]
    size: int
    written: "asyncio.Future[None]"


class Journal:
    """Makes entries durable, those of all who come during a write by the next; opened by
    ``async with``.

    After any error nobody knows what the disk has of the last record, and what it will say of the
    next: the chain ends there, those who wait get no answer, and a new chain is begun as soon as
    that is possible. What is left of the last record may be whole or torn. Either way it does no
    harm: nobody was answered by it.
    """

    def __init__(self, folder: Path, clock: Clock, heads: Sequence[ChainHead] = ()) -> None:
        self._folder = folder
        self._clock = clock
        self._heads = heads
        self._chain: ChainWriter | None = None
        self._begins_at = 0.0
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._working: asyncio.Task[None] | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(1, "access-log")
        self.position = Position("", 0)
        """May be read by any thread."""

    async def __aenter__(self) -> Self:
        """Begin a chain; raise OSError if the folder cannot be written."""
        try:
            await self._run(self._begin)
        except BaseException:
            self._thread.shutdown()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closed = True
        if self._working is not None:
            await self._working
        try:
            await self._run(self._end)
        finally:
            self._thread.shutdown()

    async def write(
        self, *, singles: Sequence[SingleAccess] = (), packed: Sequence[PackedAccess] = ()
    ) -> None:
        """Return when these entries are durable.

        A caller that goes away while its entries are being written does not take them back.

        Raises RequestError ACCESS_LOG_UNAVAILABLE: no answer may leave then.
        """
        size = SINGLE_BYTES * len(singles)
        for access in packed:
            size += access.ByteSize()
        if not size:
            return
        if self._closed or (self._waiting and self._waiting_bytes + size > WAITING_BYTES_MAX):
            raise _unavailable()
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(singles, packed, size, written))
        self._waiting_bytes += size
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        await written

    async def _work(self) -> None:
        try:
            while self._waiting:
                group = self._next_group()
                if not group:
                    continue
                try:
                    await self._run(self._put, group)
                except Exception:
                    for waiting in group:
                        if not waiting.written.done():
                            waiting.written.set_exception(_unavailable())
                else:
                    for waiting in group:
                        if not waiting.written.done():
                            waiting.written.set_result(None)
        finally:
            self._working = None

    def _next_group(self) -> list[_Waiting]:
        """Take those who wait, but for whom went away, as long as one record is not too large."""
        group: list[_Waiting] = []
        size = 0
        while self._waiting and (not group or size + self._waiting[0].size <= RECORD_BYTES_MAX):
            waiting = self._waiting.popleft()
            self._waiting_bytes -= waiting.size
            if not waiting.written.done():
                group.append(waiting)
                size += waiting.size
        return group

    async def _run(self, work: Callable[..., None], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    # What follows runs in the one thread of the journal.

    def _put(self, group: Sequence[_Waiting]) -> None:
        if self._chain is None:
            if time.monotonic() < self._begins_at:
                raise _RestingError
            self._begin()
        record = AccessRecord(written_at_us=to_microseconds(self._clock()))
        record.singles.extend([access for waiting in group for access in waiting.singles])
        record.packed.extend([access for waiting in group for access in waiting.packed])
        self._append(record)

    def _begin(self) -> None:
        self._begins_at = time.monotonic() + BEGINS_EVERY_S
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            self._chain = ChainWriter(self._folder, secrets.token_hex(8))
        except OSError as exc:
            _log.error("access log cannot be begun", places=logs.places(exc), errno=exc.errno)
            raise
        now_us = to_microseconds(self._clock())
        self._append(AccessRecord(written_at_us=now_us, heads=self._heads))

    def _append(self, record: AccessRecord) -> None:
        assert self._chain is not None
        try:
            self._chain.append(record)
        except BaseException as exc:
            self._give_up()  # first: on a full disk even the logger may fail
            number = exc.errno if isinstance(exc, OSError) else None
            _log.error("access log cannot be written", places=logs.places(exc), errno=number)
            raise
        self.position = Position(self._chain.writer, self._chain.durable)

    def _end(self) -> None:
        if self._chain is None:
            return
        with suppress(OSError):  # it is logged, and what was acknowledged stands without it
            self._append(AccessRecord(written_at_us=to_microseconds(self._clock()), last=True))
        self._give_up()

    def _give_up(self) -> None:
        """End the chain as it is: whoever ships may take it now."""
        chain, self._chain = self._chain, None
        self.position = Position("", 0)
        if chain is not None:
            chain.close()


class _RestingError(Exception):
    """The journal could not write a moment ago."""


def _unavailable() -> RequestError:
    return RequestError(
        Reason.ERROR_REASON_ACCESS_LOG_UNAVAILABLE,
        "The access log cannot be written now; this says nothing about any person.",
    )
