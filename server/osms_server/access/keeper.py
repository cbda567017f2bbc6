"""What the shipper needs of the store: where the records of the access log live for good."""

from collections.abc import Sequence
from typing import Protocol

from osms_storage.access_log import chain_head, keep_records
from osms_storage.store import Store


class Head(Protocol):
    """How far the store has a chain."""

    @property
    def number(self) -> int:
        """The number of its last record."""

    @property
    def hash(self) -> bytes:
        """The SHA-256 of that record's bytes."""


class Keeper(Protocol):
    """Keeps records; each call may raise StoreError, and nothing was kept by it then."""

    async def head(self, writer: str) -> Head | None:
        """Return how far the store has a chain; None: it has nothing of it."""

    async def keep(self, writer: str, records: Sequence[tuple[int, bytes]], *, ended: bool) -> None:
        """Keep the next records of a chain, those that the store has already included.

        ``ended``: its writer is gone, and there will be no more.
        """


class StoreKeeper:
    """Keeps records in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def head(self, writer: str) -> Head | None:
        """Return how far the store has a chain; None: it has nothing of it."""
        async with self._store.deciding() as connection:
            return await chain_head(connection, writer)

    async def keep(self, writer: str, records: Sequence[tuple[int, bytes]], *, ended: bool) -> None:
        """Keep the next records of a chain."""
        await self._store.finish(self._keep(writer, records, ended=ended))

    async def _keep(
        self, writer: str, records: Sequence[tuple[int, bytes]], *, ended: bool
    ) -> None:
        async with self._store.keeping() as connection:
            await keep_records(connection, writer, records, ended=ended)
