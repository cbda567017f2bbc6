"""Who looked at a person: what the access log holds of one person, newest first."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from sqlalchemy import Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from osms.v1.access_record_pb2 import AccessContext, AccessRecord, PackedAccess
from osms_storage.clock import from_microseconds
from osms_storage.schema import (
    access_packed,
    access_packed_person,
    access_record,
    access_single,
)

RECORDS_MAX = 200
"""How many records a page looks into ..."""
RECORD_BYTES_MAX = 32 * 1024 * 1024
"""... and about how many bytes of them: a client may have asked about many others every night."""
PLACES_AT_A_TIME = 50
"""How many places one statement reads."""
_POSITION_MAX = 2**31 - 1


class Place(NamedTuple):
    """Where an access stands in the order of the list, which is descending."""

    answered_at: int
    chain_id: int
    number: int
    packed: int
    """0: among the record's single accesses; 1: among its packed ones."""
    position: int
    item: int
    """The person's item in a packed access, from 0; 0 for a single one."""


@dataclass(frozen=True, slots=True)
class Access:
    """One look at a person; the numbers are those of the contract's enums."""

    answered_at: datetime
    client: str
    kind: int
    purpose: int
    case_reference: str
    service_date: str
    """As it was written; empty where there is none."""
    status: int
    decision_id: str


@dataclass(frozen=True, slots=True)
class AccessPage:
    """Some accesses, newest first."""

    accesses: Sequence[Access]
    last: Place | None
    """Where the next page goes on; None: there is none."""


async def read_accesses(
    connection: AsyncConnection,
    iin: int,
    *,
    limit: int,
    after: Place | None = None,
    shown: Callable[[AccessContext], bool] = lambda _: True,
) -> AccessPage:
    """Return the accesses to a person's data after a place, newest first, at most ``limit``.

    A page looks into so many records at most, so it may hold fewer and still be followed by
    another. ``shown`` tells which to list: of others nothing is seen, a full page is full without.
    """
    sources = [_Source(connection, _singles(iin), 0, after)]
    clients = await connection.execute(
        select(access_packed_person.c.client_id, access_packed_person.c.since)
        .where(access_packed_person.c.iin == iin)
        .order_by(access_packed_person.c.client_id)
    )
    for client_id, since in clients.all():
        sources.append(_Source(connection, _packed(client_id, since), 1, after))
    records = _Records(connection)
    found: list[tuple[Place, Access]] = []
    while (place := await _next_place(sources)) is not None:
        if after is not None and place >= after:
            continue  # in the record that was listed in part
        record = await records.read(place)
        items = _singly(record, place, iin) if not place.packed else _unpacked(record, place, iin)
        for item, context, access in items:
            here = place._replace(item=item)
            if (after is None or here < after) and shown(context):
                if len(found) == limit:
                    return AccessPage([access for _, access in found], found[-1][0])
                found.append((here, access))
        if records.spent:
            return AccessPage([access for _, access in found], place)
    return AccessPage([access for _, access in found], None)


# --- where the person is -------------------------------------------------------------------------


def _singles(iin: int) -> Select[Any]:
    table = access_single
    place = (table.c.answered_at, table.c.chain_id, table.c.number, table.c.position)
    return select(*place).where(table.c.iin == iin)


def _packed(client_id: int, since: int) -> Select[Any]:
    table = access_packed
    place = (table.c.answered_at, table.c.chain_id, table.c.number, table.c.position)
    # Before the client first asked about the person there is nothing to find.
    return select(*place).where(table.c.client_id == client_id, table.c.answered_at >= since)


class _Source:
    """Places of one kind and client, descending, read as they are needed."""

    def __init__(
        self, connection: AsyncConnection, places: Select[Any], packed: int, after: Place | None
    ) -> None:
        self._connection = connection
        self._packed = packed
        columns = tuple(places.selected_columns)
        descending = (column.desc() for column in columns)
        self._places = places.order_by(*descending).limit(PLACES_AT_A_TIME)
        self._key = tuple_(*columns)
        self._waiting: deque[Place] = deque()
        self._whole = False
        # The record that was listed in part is begun anew.
        self._after = (*after[:3], _POSITION_MAX) if after is not None else None

    async def peek(self) -> Place | None:
        """Return the next place without taking it."""
        if not self._waiting and not self._whole:
            places = self._places
            if self._after is not None:
                places = places.where(self._key < tuple_(*self._after))
            rows = (await self._connection.execute(places)).all()
            self._whole = len(rows) < PLACES_AT_A_TIME
            for answered_at, chain_id, number, position in rows:
                self._after = answered_at, chain_id, number, position
                self._waiting.append(
                    Place(answered_at, chain_id, number, self._packed, position, 0)
                )
        return self._waiting[0] if self._waiting else None

    def take(self) -> None:
        """Take the place that was looked at."""
        self._waiting.popleft()


async def _next_place(sources: Sequence[_Source]) -> Place | None:
    newest: tuple[Place, _Source] | None = None
    for source in sources:
        place = await source.peek()
        if place is not None and (newest is None or place > newest[0]):
            newest = place, source
    if newest is None:
        return None
    newest[1].take()
    return newest[0]


# --- what stands there ---------------------------------------------------------------------------

_BODY = select(access_record.c.body)
_Item = tuple[int, AccessContext, Access]
"""An item's position, who asked, and what is listed."""


class _Records:
    """Reads records, and counts how much was read."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._last: tuple[tuple[int, int], AccessRecord] | None = None
        self._records = self._bytes = 0

    @property
    def spent(self) -> bool:
        """Whether a page may not read more."""
        return self._records >= RECORDS_MAX or self._bytes >= RECORD_BYTES_MAX

    async def read(self, place: Place) -> AccessRecord:
        """Return the record of a place; an empty one if it is not there, or not readable."""
        key = (place.chain_id, place.number)
        if self._last is None or self._last[0] != key:
            body: bytes | None = await self._connection.scalar(
                _BODY.where(
                    access_record.c.chain_id == place.chain_id,
                    access_record.c.number == place.number,
                )
            )
            self._records += 1
            self._bytes += len(body or b"")
            try:
                self._last = key, AccessRecord.FromString(body or b"")
            except DecodeError:
                self._last = key, AccessRecord()
        return self._last[1]


def _singly(record: AccessRecord, place: Place, iin: int) -> Iterator[_Item]:
    if place.position < len(record.singles):
        single = record.singles[place.position]
        if single.iin == iin:
            context = single.context
            yield (
                0,
                context,
                _access(
                    context,
                    single.status,
                    single.case_reference,
                    context.service_date,
                    context.decision_id,
                ),
            )


def _unpacked(record: AccessRecord, place: Place, iin: int) -> Iterator[_Item]:
    """Yield what a packed access holds of a person, the last item first."""
    if place.position >= len(record.packed):
        return
    packed = record.packed[place.position]
    context = packed.context
    for item in reversed(_items_of(packed, iin)):
        own = next((own for own in packed.items if own.position == item), None)
        status = packed.statuses[item] if item < len(packed.statuses) else 0
        yield (
            item,
            context,
            _access(
                context,
                status,
                own.case_reference if own else "",
                (own.service_date if own else "") or context.service_date,
                f"{context.decision_id}-{item}",
            ),
        )


def _items_of(packed: PackedAccess, iin: int) -> list[int]:
    """Return the items that are about a person, ascending."""
    iins, wanted = packed.iins, iin.to_bytes(8, "little")
    items = []
    at = iins.find(wanted)
    while at >= 0:
        if at % 8 == 0:
            items.append(at // 8)
        at = iins.find(wanted, at + 1)
    return items


def _access(
    context: AccessContext, status: int, case_reference: str, service_date: str, decision_id: str
) -> Access:
    return Access(
        answered_at=from_microseconds(context.answered_at_us),
        client=context.client,
        kind=context.kind,
        purpose=context.purpose,
        case_reference=case_reference,
        service_date=service_date,
        status=status,
        decision_id=decision_id,
    )
