"""The clients of a store as a gateway knows them: in memory, and about a second old at most."""

import asyncio
import time
from collections.abc import Callable, Mapping

from osms_server import logs
from osms_storage.clients import ClientRecord, clients_version, read_clients
from osms_storage.errors import StoreError, StoreUnavailableError
from osms_storage.store import Store

LOOKS_EVERY_S = 0.5
"""How often a gateway that is called looks whether a client was changed ..."""
AGE_MAX_S = 1.0
"""... and from what age on of what it knows a call waits for that, ..."""
WAITS_MAX_S = 0.5
"""... but, if it knows anything, no longer: a store that hangs must not hold up every call."""
KEPT_S = 300.0
"""How long it goes by what it knows while the store is away.

Long enough for a failover, so that clients are told that the store is away, not that nobody knows
them; and no risk: without the store no answer about a person leaves. But a gateway that was cut off
for longer cannot know any more whom to trust.
"""

_log = logs.logger(__name__)


class Clients:
    """Finds clients by name; all who wait share one look at the store."""

    def __init__(self, store: Store, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._clients: Mapping[str, ClientRecord] = {}
        self._version: int | None = None
        self._true_at = float("-inf")
        self._looks_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    def known(self, name: str) -> ClientRecord | None:
        """Return a client where that takes no waiting; None: only `find` can tell."""
        return self._clients.get(name) if self._monotonic() < self._looks_at else None

    async def find(self, name: str) -> ClientRecord | None:
        """Return a client, disabled or not; None: there never was one of this name.

        Raises StoreUnavailableError where the store has been away for too long to tell.
        """
        now = self._monotonic()
        if now >= self._looks_at:
            if self._looking is None:
                self._looking = self._store.begin(self._look(now))
            # While calls come, what is known is younger than that, and nobody waits.
            if now >= self._true_at + AGE_MAX_S:
                useful = now < self._true_at + KEPT_S
                timeout = WAITS_MAX_S if useful else None
                done, _ = await asyncio.wait([self._looking], timeout=timeout)
                if not done:
                    self._looks_at = self._monotonic() + LOOKS_EVERY_S
        if now >= self._true_at + KEPT_S:
            raise StoreUnavailableError("The store is away, so it is not known who may ask.")
        return self._clients.get(name)

    async def _look(self, now: float) -> None:
        try:
            async with self._store.reading(newest=True) as connection:
                version = await clients_version(connection)
                if version != self._version:
                    self._clients = await read_clients(connection)
                    self._version = version
            self._true_at = now
        except Exception as exc:
            if not isinstance(exc, StoreError):
                _log.error("clients", places=logs.places(exc))
        finally:
            self._looks_at = self._monotonic() + LOOKS_EVERY_S
            self._looking = None
