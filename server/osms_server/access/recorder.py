"""Writes down who was told what, on behalf of the caller of a task, before the answer leaves."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

from osms.v1 import core_pb2
from osms.v1.access_record_pb2 import PackedAccess, SingleAccess
from osms_server.access.entries import Kind, Status, packed_access, single_access
from osms_server.access.journal import Journal
from osms_server.access.keeper import StoreKeeper
from osms_server.access.shipping import Shipper
from osms_server.identity import current_caller
from osms_storage.access_log import newest_heads
from osms_storage.clock import Clock, to_microseconds
from osms_storage.errors import StoreError
from osms_storage.store import Store

HEADS_MAX = 64
"""How many other chains a new one remembers."""
LAST_SHIPMENT_S = 2.0
"""How long a gateway that stops goes on bringing records into the store; the next start goes on."""


class Writes(Protocol):
    """What makes entries durable: the journal."""

    async def write(
        self, *, singles: Sequence[SingleAccess] = (), packed: Sequence[PackedAccess] = ()
    ) -> None:
        """Return when these entries are durable; raise RequestError if they cannot be."""


class Recorder:
    """Makes the entries of the access log; while it cannot, no answer leaves.

    Its methods raise RequestError ACCESS_LOG_UNAVAILABLE.
    """

    def __init__(self, journal: Writes, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    async def one(
        self,
        kind: "Kind.ValueType",
        iin: int,
        *,
        purpose: "core_pb2.Purpose.ValueType" = core_pb2.PURPOSE_UNSPECIFIED,
        status: "Status.ValueType" = core_pb2.ELIGIBILITY_STATUS_UNSPECIFIED,
        revision: int = 0,
        service_date: str = "",
        decision_id: str = "",
        case_reference: str = "",
    ) -> None:
        """Return when it is written down that the caller was told of one person."""
        entry = single_access(
            current_caller(),
            kind,
            iin,
            status,
            purpose=purpose,
            answered_at_us=to_microseconds(self._clock()),
            revision=revision,
            service_date=service_date,
            decision_id=decision_id,
            case_reference=case_reference,
        )
        await self._journal.write(singles=(entry,))

    async def many(
        self,
        kind: "Kind.ValueType",
        iins: Sequence[int],
        statuses: Sequence[int],
        *,
        purpose: "core_pb2.Purpose.ValueType" = core_pb2.PURPOSE_UNSPECIFIED,
        revision: int = 0,
        service_date: str = "",
        decision_id: str = "",
        roster: str = "",
        items: Iterable[tuple[int, str, str]] = (),
    ) -> None:
        """Return when it is written down that the caller was told of these people.

        They stand in the order of the answer, 0 for one that could not be answered; ``items`` are
        those, ascending, that have something of their own: position, service date, case reference.
        """
        if not any(iins):
            return
        entry = packed_access(
            current_caller(),
            kind,
            iins,
            statuses,
            purpose=purpose,
            answered_at_us=to_microseconds(self._clock()),
            revision=revision,
            service_date=service_date,
            decision_id=decision_id,
            roster=roster,
            items=items,
        )
        await self._journal.write(packed=(entry,))


@asynccontextmanager
async def recording(store: Store, folder: Path) -> AsyncIterator[Recorder]:
    """Keep an access log in a folder, and bring it into the store behind the answers.

    Raises OSError if the folder cannot be written.
    """
    try:
        async with store.reading(newest=True) as connection:
            heads = await newest_heads(connection, HEADS_MAX)
    except StoreError:
        heads = []  # the store is away: the chain begins without
    keeper = StoreKeeper(store)
    async with Journal(folder, store.clock, heads) as journal:
        shipping = asyncio.create_task(Shipper(folder, keeper, journal).run())
        try:
            yield Recorder(journal, store.clock)
        finally:
            shipping.cancel()
            await asyncio.wait([shipping])
    last = Shipper(folder, keeper)
    with suppress(Exception):  # whatever hinders it now, the next start meets it again
        async with asyncio.timeout(LAST_SHIPMENT_S):
            while await last.ship():
                pass
    last.close()
