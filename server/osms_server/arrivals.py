"""Waits for revisions that the store has not reached yet, by one look for all who wait."""

import asyncio

from osms_server.errors import Reason, RequestError
from osms_storage.lookups import Lookups

LOOKS_EVERY_S = 0.02


class Arrivals:
    """Tells when a revision is there."""

    def __init__(self, lookups: Lookups, stopping: asyncio.Event) -> None:
        self._lookups = lookups
        self._stopping = stopping
        self._newest = 0
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._looking: asyncio.Task[None] | None = None

    async def wait(self, revision: int, patience_s: float) -> None:
        """Wait until the store has reached a revision.

        Raises RequestError REVISION_NOT_REACHED, and says how far the store is, after
        ``patience_s``; SHUTTING_DOWN when the gateway stops.
        """
        if await self._look(revision) >= revision:
            return
        there: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[there] = revision
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_again())
        try:
            async with asyncio.timeout(patience_s):
                await there
        except TimeoutError:
            raise not_reached(self._newest, revision) from None
        finally:
            del self._waiting[there]

    async def _look(self, revision: int) -> int:
        moment, _ = await self._lookups.read((), revision)
        self._newest = max(self._newest, moment.revision)
        return self._newest

    async def _look_again(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(LOOKS_EVERY_S)
                try:
                    if self._stopping.is_set():
                        raise RequestError(
                            Reason.ERROR_REASON_SHUTTING_DOWN,
                            "The gateway is stopping; ask again, another answers.",
                        )
                    newest = await self._look(max(self._waiting.values(), default=0))
                except Exception as exc:
                    for there in self._waiting:
                        if not there.done():
                            there.set_exception(exc)
                    return
                for there, revision in self._waiting.items():
                    if revision <= newest and not there.done():
                        there.set_result(None)
        finally:
            self._looking = None


def not_reached(newest: int, revision: int) -> RequestError:
    """Return the error of a revision that the store does not have."""
    return RequestError(
        Reason.ERROR_REASON_REVISION_NOT_REACHED,
        "The store has not reached this revision yet.",
        {"revision": str(newest), "at_least_revision": str(revision)},
    )
