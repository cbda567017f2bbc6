"""Present ledgers, read for all callers that wait at the same moment by one statement."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from osms_storage.feeds import read_feeds
from osms_storage.ledgers import decode
from osms_storage.records import Feeds, LedgerRow
from osms_storage.reference import newest_reference_revision
from osms_storage.store import Store

GROUP_PEOPLE_MAX = 2_000
"""How many people one statement reads; later callers wait for the next."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What holds for everything read at one revision."""

    revision: int
    reference_revision: int
    feeds: Feeds


class Lookups:
    """Reads the newest ledgers; a lone caller is served at once, many share a read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Sequence[int], asyncio.Future[_Answer]]] = []
        self._reader: asyncio.Task[None] | None = None
        self._moment = Moment(-1, -1, Feeds())

    async def read(self, iins: Sequence[int]) -> tuple[Moment, Mapping[int, LedgerRow]]:
        """Return the newest ledgers of these people, and of others that were read along.

        Raises StoreUnavailableError.
        """
        future: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((iins, future))
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._serve())
        return await future

    async def _serve(self) -> None:
        while self._waiting:
            group: list[tuple[Sequence[int], asyncio.Future[_Answer]]] = []
            people = 0
            while self._waiting and (
                not group or people + len(self._waiting[0][0]) <= GROUP_PEOPLE_MAX
            ):
                group.append(self._waiting.pop(0))
                people += len(group[-1][0])
            # A caller that went away is not read for.
            group = [(iins, future) for iins, future in group if not future.done()]
            if not group:
                continue
            try:
                answer = await self._read_group([iin for iins, _ in group for iin in iins])
            except Exception as exc:
                for _, future in group:
                    if not future.done():
                        future.set_exception(exc)
            else:
                for _, future in group:
                    if not future.done():
                        future.set_result(answer)

    async def _read_group(self, iins: Sequence[int]) -> "_Answer":
        revision, rows = await self._store.hot_read(iins)
        if revision != self._moment.revision:
            # What was delivered up to a revision never changes, so it may be read after the rows.
            async with self._store.reading() as connection:
                self._moment = Moment(
                    revision,
                    await newest_reference_revision(connection, revision),
                    await read_feeds(connection, revision),
                )
        return self._moment, {row[0]: decode(*row[1:]) for row in rows}


_Answer = tuple[Moment, Mapping[int, LedgerRow]]
