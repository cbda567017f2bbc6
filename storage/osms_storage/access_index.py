"""Where each person is found in the access log.

An answer about one person is a row with the person's IIN. Of an answer about many only that there
was one is noted by client, and once for each person and client since when the client has asked
about the person at all: a roster checked every night costs no row a night and person. Who looked is
found by walking the packed answers of the person's clients.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms.v1.access_record_pb2 import AccessRecord
from osms_storage.engines import bulk_insert
from osms_storage.keys import among
from osms_storage.schema import (
    access_client,
    access_packed,
    access_packed_person,
    access_single,
)

PEOPLE_AT_A_TIME = 10_000
"""How many people one statement notes or forgets."""

_PLACE = ("answered_at", "chain_id", "number", "position")


async def index_records(
    connection: AsyncConnection, chain_id: int, records: Iterable[AccessRecord]
) -> None:
    """Note where people are found in the records of a chain."""
    singles: list[tuple[int, ...]] = []
    packed: list[tuple[str, tuple[int, ...]]] = []
    people: dict[str, dict[int, int]] = defaultdict(dict)
    for record in records:
        for position, single in enumerate(record.singles):
            if single.iin:
                place = (single.context.answered_at_us, chain_id, record.number, position)
                singles.append((single.iin, *place))
        for position, access in enumerate(record.packed):
            client, answered_at = access.context.client, access.context.answered_at_us
            packed.append((client, (answered_at, chain_id, record.number, position)))
            since = people[client]
            for iin in packed_iins(access.iins):
                if since.get(iin, answered_at) >= answered_at:
                    since[iin] = answered_at
    await bulk_insert(connection, access_single, ("iin", *_PLACE), singles)
    if not packed:
        return
    ids, new = await _client_ids(connection, people)
    rows = [(ids[client], *place) for client, place in packed]
    await bulk_insert(connection, access_packed, ("client_id", *_PLACE), rows)
    for client, since in people.items():
        since.pop(0, None)  # items that could not be answered
        await _note_people(connection, ids[client], since, expect_new=client in new)


def packed_iins(iins: bytes) -> tuple[int, ...]:
    """Return the people of a packed access, without a number at its end that was cut off."""
    count = len(iins) // 8
    return struct.unpack_from(f"<{count}Q", iins)


async def _client_ids(
    connection: AsyncConnection, names: Iterable[str]
) -> tuple[Mapping[str, int], set[str]]:
    """Return the keys of clients by name, and the names of those that had none."""
    wanted = list(names)
    rows = await connection.execute(
        select(access_client.c.name, access_client.c.id).where(among(access_client.c.name)),
        {"keys": wanted},
    )
    ids: dict[str, int] = dict(rows.all())
    new = [name for name in wanted if name not in ids]
    if new:
        newest = await connection.scalar(select(func.max(access_client.c.id))) or 0
        ids.update((name, client_id) for client_id, name in enumerate(new, newest + 1))
        added = [(ids[name], name) for name in new]
        await bulk_insert(connection, access_client, ("id", "name"), added)
    return ids, set(new)


_NOTED = select(access_packed_person.c.iin, access_packed_person.c.since).where(
    among(access_packed_person.c.iin)
)
_NOTED_COUNT = (
    select(func.count()).select_from(access_packed_person).where(among(access_packed_person.c.iin))
)


async def _note_people(
    connection: AsyncConnection, client_id: int, since: Mapping[int, int], *, expect_new: bool
) -> None:
    """Note since when a client asks about people.

    Nearly always that was noted of all of them long ago: they are counted then, and nothing is
    written. Records of several writers come in any order, so that an earlier answer may become
    known later.
    """
    ours = access_packed_person.c.client_id == client_id
    people = sorted(since)
    for start in range(0, len(people), PEOPLE_AT_A_TIME):
        some = people[start : start + PEOPLE_AT_A_TIME]
        noted: dict[int, int] = {}
        if not expect_new:
            keys = {"keys": some}
            before = access_packed_person.c.since <= min(since[iin] for iin in some)
            count = await connection.scalar(_NOTED_COUNT.where(ours, before), keys)
            if count == len(some):
                continue
            noted = dict((await connection.execute(_NOTED.where(ours), keys)).all())
        new = [
            (iin, client_id, since[iin])
            for iin in some
            if noted.get(iin, since[iin] + 1) > since[iin]
        ]
        await bulk_insert(
            connection,
            access_packed_person,
            ("iin", "client_id", "since"),
            new,
            update=("since",),
            expect_new=not noted,
        )


async def unindex_records(
    connection: AsyncConnection, chain_id: int, records: Sequence[AccessRecord]
) -> None:
    """Forget where people are found in successive records of a chain.

    Which client has asked about whom since when stays: it is one row for all its answers.
    """
    numbers = [record.number for record in records]
    first, last = min(numbers), max(numbers)
    people = sorted({single.iin for record in records for single in record.singles})
    for start in range(0, len(people), PEOPLE_AT_A_TIME):
        await connection.execute(
            delete(access_single).where(
                among(access_single.c.iin),
                access_single.c.chain_id == chain_id,
                access_single.c.number.between(first, last),
            ),
            {"keys": people[start : start + PEOPLE_AT_A_TIME]},
        )
    contexts = [access.context for record in records for access in record.packed]
    if contexts:
        instants = [context.answered_at_us for context in contexts]
        ids, _ = await _client_ids(connection, {context.client for context in contexts})
        await connection.execute(
            delete(access_packed).where(
                among(access_packed.c.client_id),
                access_packed.c.answered_at.between(min(instants), max(instants)),
                access_packed.c.chain_id == chain_id,
                access_packed.c.number.between(first, last),
            ),
            {"keys": list(ids.values())},
        )
