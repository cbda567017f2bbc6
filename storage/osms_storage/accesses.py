"""Who looked at a person: what the access log holds of one person, newest first."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from sqlalchemy import Select, Table, and_, select, tuple_
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
ENTRIES_FIRST = 4
"""How many accesses of one client's the first statement reads: records may be large ..."""
ENTRIES_AT_A_TIME = 32
"""... and how many later ones, which read ever more."""
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
    found: list[tuple[Place, Access]] = []
    records = size = 0
    while (entry := await _next_entry(sources)) is not None:
        place, body = entry
        if after is not None and place >= after:
            continue  # in the record that was listed in part
        for item, context, access in _items(body, place, iin):
            here = place._replace(item=item)
            if (after is None or here < after) and shown(context):
                if len(found) == limit:
                    return AccessPage([access for _, access in found], found[-1][0])
                found.append((here, access))
        records, size = records + 1, size + len(body)
        if records >= RECORDS_MAX or size >= RECORD_BYTES_MAX:
            return AccessPage([access for _, access in found], place)
    return AccessPage([access for _, access in found], None)


# --- where the person is -------------------------------------------------------------------------

_Entry = tuple[Place, bytes]
"""Where an access to look at stands, and the record's bytes."""


def _singles(iin: int) -> Select[Any]:
    return _places(access_single).where(access_single.c.iin == iin)


def _packed(client_id: int, since: int) -> Select[Any]:
    # Before the client first asked about the person there is nothing to find.
    return _places(access_packed).where(
        access_packed.c.client_id == client_id, access_packed.c.answered_at >= since
    )


def _places(table: Table) -> Select[Any]:
    key = [table.c[name] for name in ("answered_at", "chain_id", "number", "position")]
    here = and_(
        access_record.c.chain_id == table.c.chain_id, access_record.c.number == table.c.number
    )
    return (
        select(*key, access_record.c.body)
        .join(access_record, here)
        .order_by(*(column.desc() for column in key))
    )


class _Source:
    """Entries of one kind and client, descending, read as they are needed."""

    def __init__(
        self, connection: AsyncConnection, places: Select[Any], packed: int, after: Place | None
    ) -> None:
        self._connection = connection
        self._packed = packed
        self._places = places
        self._key = tuple_(*tuple(places.selected_columns)[:-1])
        self._waiting: deque[_Entry] = deque()
        self._at_a_time = ENTRIES_FIRST
        self._whole = False
        # The record that was listed in part is begun anew.
        self._after = (*after[:3], _POSITION_MAX) if after is not None else None

    async def peek(self) -> _Entry | None:
        """Return the next entry without taking it."""
        if not self._waiting and not self._whole:
            places = self._places.limit(self._at_a_time)
            if self._after is not None:
                places = places.where(self._key < tuple_(*self._after))
            rows = (await self._connection.execute(places)).all()
            self._whole = len(rows) < self._at_a_time
            self._at_a_time = min(2 * self._at_a_time, ENTRIES_AT_A_TIME)
            for answered_at, chain_id, number, position, body in rows:
                self._after = answered_at, chain_id, number, position
                place = Place(answered_at, chain_id, number, self._packed, position, 0)
                self._waiting.append((place, body))
        return self._waiting[0] if self._waiting else None

    def take(self) -> None:
        """Take the entry that was looked at."""
        self._waiting.popleft()


async def _next_entry(sources: Sequence[_Source]) -> _Entry | None:
    newest: tuple[_Entry, _Source] | None = None
    for source in sources:
        entry = await source.peek()
        if entry is not None and (newest is None or entry[0] > newest[0][0]):
            newest = entry, source
    if newest is None:
        return None
    newest[1].take()
    return newest[0]


# --- what stands there ---------------------------------------------------------------------------

_Item = tuple[int, AccessContext, Access]
"""An item's position, who asked, and what is listed."""


def _items(body: bytes, place: Place, iin: int) -> Iterator[_Item]:
    """Yield what an access says of a person, the last item first; nothing if it is unreadable."""
    if iin.to_bytes(8, "little") not in body:
        return
    try:
        record = AccessRecord.FromString(body)
    except DecodeError:
        return
    yield from (_unpacked if place.packed else _singly)(record, place, iin)


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
