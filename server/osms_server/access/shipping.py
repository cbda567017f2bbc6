"""Brings records from the local files of journals into the store, where they live for good.

Every process ships the chain of its own journal, and takes over the chains in the folder that have
lost their writer: of processes that were killed, and of the journal itself after an error.
"""

import asyncio
import os
import time
from dataclasses import astuple, dataclass
from pathlib import Path

from osms_server import logs
from osms_server.access.chain import Chain
from osms_server.access.chain_files import SPARE, chains_in, files_of, first_number, hold, remove
from osms_server.access.chain_reader import (
    READ_BYTES_MAX,
    ChainFaultError,
    ChainReader,
    last_number,
)
from osms_server.access.journal import Journal, Position
from osms_server.access.keeper import Keeper
from osms_storage.errors import BrokenChainError, StoreUnavailableError

SHIPS_EVERY_S = 1.0
"""How often it looks for records while there are none."""
RESTS_AFTER_ERROR_S = 2.0
LAG_LOGGED_EVERY_S = 60.0
"""How often it says that the store does not take records."""

_log = logs.logger(__name__)


@dataclass(slots=True)
class _Shipment:
    """A chain that is being shipped."""

    path: Path
    lock: int | None
    """None: it is the journal's own."""
    shipped: int
    """The number of the last record that the store has, as far as known."""
    last: int = 0
    """The number of its last record, as far as known."""
    reader: ChainReader | None = None
    """None: the store has to be asked first how far it has the chain."""
    damaged: bool = False
    """Whether it is not whole; it is left as it is, for whoever looks into it."""


class Shipper:
    """Ships the chains of a folder."""

    def __init__(self, folder: Path, keeper: Keeper, journal: Journal | None = None) -> None:
        self._folder = folder
        self._keeper = keeper
        self._journal = journal
        self._shipments: dict[str, _Shipment] = {}
        self._logs_at = 0.0

    @property
    def waiting(self) -> int:
        """How many records the store does not have yet, of the chains that this process ships."""
        writer, durable = self._position()
        ends = {name: item.last for name, item in self._shipments.items()} | {writer: durable}
        shipped = {name: item.shipped for name, item in self._shipments.items()}
        return sum(max(0, end - shipped.get(name, 0)) for name, end in ends.items())

    async def run(self) -> None:
        """Ship until cancelled; a store that is away is waited for."""
        try:
            while True:
                try:
                    rest_s = 0.0 if await self.ship() else SHIPS_EVERY_S
                except Exception as exc:
                    self._log_lag(exc)
                    rest_s = RESTS_AFTER_ERROR_S
                await asyncio.sleep(rest_s)
        finally:
            self.close()

    async def ship(self) -> bool:
        """Ship some records of each chain; return whether there are more.

        Raises StoreUnavailableError at once, and what else one chain met after the others.
        """
        self._take_over()
        more, error = False, None
        for item in list(self._shipments.values()):
            try:
                more |= await self._ship(item)
            except StoreUnavailableError:
                raise
            except Exception as exc:
                error = error or exc
        if error is not None:
            raise error
        return more

    def close(self) -> None:
        """Give up the chains that were taken over."""
        for item in self._shipments.values():
            if item.lock is not None:
                os.close(item.lock)
        self._shipments.clear()

    def _position(self) -> Position:
        return self._journal.position if self._journal else Position("", 0)

    def _take_over(self) -> None:
        """Find the chains that are ours to ship: our own, and those that nobody holds."""
        for path in chains_in(self._folder):
            item = self._shipments.get(path.name)
            if item is not None and item.lock is not None:
                continue
            if path.name == self._position().writer:
                self._shipments.setdefault(path.name, _Shipment(path, None, _before(path)))
                continue
            lock = hold(path)
            if lock is not None:
                self._shipments[path.name] = _Shipment(path, lock, _before(path))
            elif item is not None:
                del self._shipments[path.name]  # it was ours, and another process was quicker

    async def _ship(self, item: _Shipment) -> bool:
        through = None
        if item.lock is None:
            writer, through = self._position()
            if writer != item.path.name:
                return False  # it ended just now, and is taken over next time
        if item.damaged:
            return False
        # After an error it is made anew, from where the store is then.
        reader, item.reader = item.reader or await self._begin(item), None
        try:
            records = await asyncio.to_thread(reader.read, through)
        except ChainFaultError as exc:
            item.damaged = True
            writer, number, fault = astuple(exc.finding)
            _log.error("access log is not whole", writer=writer, number=number, fault=fault)
            return False
        if records:
            try:
                await self._keeper.keep(item.path.name, records, ended=False)
            except BrokenChainError as exc:
                # The store has other records of this chain: somebody has to look into it.
                item.damaged = True
                _log.error(
                    "access log does not fit the store", writer=exc.writer, number=exc.number
                )
                return False
            item.shipped = records[-1][0]
        elif item.lock is not None:
            await self._end(item, item.lock)
            return False
        item.reader = reader
        more = await asyncio.to_thread(_remove_before, item.path, reader.file)
        return more or sum(len(sealed) for _, sealed in records) >= READ_BYTES_MAX

    async def _begin(self, item: _Shipment) -> ChainReader:
        name = item.path.name
        item.last = await asyncio.to_thread(last_number, item.path)
        head = await self._keeper.head(name)
        stored = Chain(name, head.number, head.hash) if head else Chain(name)
        item.shipped = max(item.shipped, stored.number)
        return await asyncio.to_thread(ChainReader, item.path, stored)

    async def _end(self, item: _Shipment, lock: int) -> None:
        """Let go of a chain that lost its writer, and that the store has whole."""
        if item.shipped:
            await self._keeper.keep(item.path.name, (), ended=True)
        await asyncio.to_thread(remove, item.path)
        del self._shipments[item.path.name]
        os.close(lock)

    def _log_lag(self, exc: Exception) -> None:
        now_s = time.monotonic()
        if now_s >= self._logs_at:
            self._logs_at = now_s + LAG_LOGGED_EVERY_S
            _log.warning("access log waits", records=self.waiting, places=logs.places(exc))


def _before(path: Path) -> int:
    """Return the number of the record before those in the files of a chain."""
    return next((max(first_number(file) - 1, 0) for file in files_of(path)), 0)


def _remove_before(path: Path, file: Path | None) -> bool:
    """Remove the files before one; return whether there are others behind it."""
    files = files_of(path)
    for older in files:
        if file is not None and older < file:
            older.unlink()
    return file is not None and any(newer > file and newer.name != SPARE for newer in files)
