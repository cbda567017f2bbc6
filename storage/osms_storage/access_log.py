"""The access log in the store: chains of records, taken from their writers as they were written.

Every process that answers writes a chain of its own; osms.v1.AccessRecord says what records hold. A
record is kept whole and never changed. What was archived is deleted from the beginning of a chain;
the hash stays that the next record was made after.
"""

from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from google.protobuf.message import DecodeError
from sqlalchemy import LargeBinary, cast, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms.v1.access_record_pb2 import AccessRecord, ChainHead
from osms_storage.access_index import index_records, unindex_records
from osms_storage.engines import bulk_insert
from osms_storage.errors import BrokenChainError
from osms_storage.schema import access_chain, access_record
from osms_storage.store import Store

RECORDS_AT_A_TIME = 50
"""How many records one statement reads: one of a roster holds nine bytes for each of its people."""
CHAINS_AT_A_TIME = 1_000

# SQLite keeps what it is given: a body that somebody made a text is to be read, too, and found.
_BODY = cast(access_record.c.body, LargeBinary).label("body")


class KeptChain(NamedTuple):
    """A chain as far as the store has it."""

    id: int
    writer: str
    number: int
    """The last record's; 0: there is none."""
    hash: bytes
    """The SHA-256 of the last record's bytes; empty: there is none."""
    written_at: int
    """When the last record was written, in microseconds since 1970 UTC."""
    kept_from: int
    """The first record that was not deleted; one more than the last if all were."""
    hash_before: bytes
    """The SHA-256 of the bytes of the record before it; empty: it is the first of all."""
    ended: bool
    """Whether no record will follow."""


class KeptRecord(NamedTuple):
    """A record as it stands in the store."""

    number: int
    written_at: int
    body: bytes


# --- taking records ------------------------------------------------------------------------------


async def chain_head(connection: AsyncConnection, writer: str) -> ChainHead | None:
    """Return how far the store has a writer's chain; None if it has nothing of it."""
    chain = await find_chain(connection, writer)
    if chain is None:
        return None
    return ChainHead(writer=writer, number=chain.number, hash=chain.hash)


async def newest_heads(connection: AsyncConnection, limit: int) -> list[ChainHead]:
    """Return how far the store has the chains that were written to last, at most so many."""
    rows = await connection.execute(
        select(access_chain.c.writer, access_chain.c.number, access_chain.c.hash)
        .order_by(access_chain.c.written_at.desc(), access_chain.c.id.desc())
        .limit(limit)
    )
    return [ChainHead(writer=writer, number=number, hash=hash_) for writer, number, hash_ in rows]


async def keep_records(
    connection: AsyncConnection, writer: str, records: Sequence[tuple[int, bytes]], *, ended: bool
) -> None:
    """Take a writer's next records, ascending by number, in a transaction of ``Store.keeping``.

    Those that the store has already are left alone. ``ended``: no record will follow. What a record
    holds is not judged: one that was spoiled is kept as it is, and verification tells.

    Raises BrokenChainError, and nothing is to be committed then, if a record is missing before
    these, if one is another than the store has, or if the chain has ended before.
    """
    known = await find_chain(connection, writer)
    chain = known or await _new_chain(connection, writer)
    new = [record for record in records if record[0] > chain.number]
    await _compare(connection, chain, [record for record in records if record[0] <= chain.number])
    for expected, (number, _) in enumerate(new, chain.number + 1):
        if number != expected:
            raise BrokenChainError(
                writer, expected, f"Record {expected} of the access log of {writer} is missing."
            )
    if new and chain.ended:
        raise BrokenChainError(
            writer, new[0][0], f"The access log of {writer} had ended at record {chain.number}."
        )
    if not new and known is not None and ended == chain.ended:
        return
    parsed = [_parsed(number, body, chain.written_at) for number, body in new]
    rows = [
        (chain.id, number, record.written_at_us, body)
        for record, (number, body) in zip(parsed, new, strict=True)
    ]
    columns = ("chain_id", "number", "written_at", "body")
    await bulk_insert(connection, access_record, columns, rows)
    await index_records(connection, chain.id, parsed)
    if new:
        number, body = new[-1]
        written_at = max(chain.written_at, parsed[-1].written_at_us)
        chain = chain._replace(number=number, hash=sha256(body).digest(), written_at=written_at)
    await _write(connection, chain._replace(ended=ended or chain.ended))


def _parsed(number: int, body: bytes, written_at: int) -> AccessRecord:
    try:
        record = AccessRecord.FromString(body)
    except DecodeError:
        return AccessRecord(number=number, written_at_us=written_at)
    record.number = number  # where it stands, which is where it is found
    return record


async def _compare(
    connection: AsyncConnection, chain: KeptChain, records: Sequence[tuple[int, bytes]]
) -> None:
    """Raise BrokenChainError for a record that is another than the store has."""
    if not records:
        return
    rows = await connection.execute(
        select(access_record.c.number, access_record.c.body).where(
            access_record.c.chain_id == chain.id,
            access_record.c.number.between(records[0][0], records[-1][0]),
        )
    )
    kept = dict(rows.all())
    for number, body in records:
        if kept.get(number, body) != body:
            raise BrokenChainError(
                chain.writer,
                number,
                f"Record {number} of the access log of {chain.writer} is another in the store.",
            )


async def find_chain(connection: AsyncConnection, writer: str) -> KeptChain | None:
    """Return a writer's chain; None if the store has nothing of it."""
    row = (await connection.execute(_CHAINS.where(access_chain.c.writer == writer))).first()
    return None if row is None else KeptChain(*row)


async def _new_chain(connection: AsyncConnection, writer: str) -> KeptChain:
    newest = select(access_chain.c.id).order_by(access_chain.c.id.desc()).limit(1)
    chain_id = (await connection.scalar(newest) or 0) + 1
    return KeptChain(chain_id, writer, 0, b"", 0, 1, b"", ended=False)


async def _write(connection: AsyncConnection, chain: KeptChain) -> None:
    columns = KeptChain._fields
    await bulk_insert(connection, access_chain, columns, [chain], update=columns[2:])


# --- reading and deleting records ----------------------------------------------------------------

_CHAINS = select(*(access_chain.c[name] for name in KeptChain._fields))


async def all_chains(store: Store) -> AsyncIterator[KeptChain]:
    """Yield every chain that the store ever had, in the order in which they came."""
    page = _CHAINS.order_by(access_chain.c.id).limit(CHAINS_AT_A_TIME)
    after = 0
    while True:
        async with store.deciding() as connection:
            rows = (await connection.execute(page.where(access_chain.c.id > after))).all()
        for row in rows:
            yield KeptChain(*row)
        if len(rows) < CHAINS_AT_A_TIME:
            return
        after = rows[-1].id


async def first_records(store: Store) -> AsyncIterator[bytes]:
    """Yield the first record of every chain, unless it was deleted."""
    first = (
        select(access_record.c.chain_id, _BODY)
        .where(access_record.c.number == 1)
        .order_by(access_record.c.chain_id)
        .limit(RECORDS_AT_A_TIME)
    )
    after = 0
    while True:
        async with store.deciding() as connection:
            rows = (await connection.execute(first.where(access_record.c.chain_id > after))).all()
        for row in rows:
            yield row.body
        if len(rows) < RECORDS_AT_A_TIME:
            return
        after = rows[-1].chain_id


async def read_chain(
    store: Store, chain_id: int, after: int = 0
) -> tuple[KeptChain | None, list[KeptRecord]]:
    """Return a chain with its next records after a number, ascending, both of one moment.

    None: there is no such chain. Fewer than 50 records: these are its last ones.
    """
    async with store.deciding() as connection:
        row = (await connection.execute(_CHAINS.where(access_chain.c.id == chain_id))).first()
        rows = await connection.execute(
            select(access_record.c.number, access_record.c.written_at, _BODY)
            .where(access_record.c.chain_id == chain_id, access_record.c.number > after)
            .order_by(access_record.c.number)
            .limit(RECORDS_AT_A_TIME)
        )
        records = [KeptRecord._make(record) for record in rows]
    return None if row is None else KeptChain(*row), records


async def delete_records(store: Store, writer: str, through: int) -> None:
    """Delete a chain's records up to a number, a few at a time, and what they are found by.

    That they were is not lost: the chain goes on from the hash of the last of them.
    """
    while True:
        async with store.keeping() as connection:
            chain = await find_chain(connection, writer)
            if chain is None or chain.kept_from > through:
                return
            last = min(through, chain.kept_from + RECORDS_AT_A_TIME - 1)
            here = (access_record.c.chain_id == chain.id) & (access_record.c.number <= last)
            rows = await connection.execute(
                select(access_record.c.number, access_record.c.body)
                .where(here)
                .order_by(access_record.c.number)
            )
            bodies = [body for _, body in rows]
            if len(bodies) != last - chain.kept_from + 1:
                raise BrokenChainError(
                    writer, chain.kept_from, f"Records of the access log of {writer} are missing."
                )
            parsed = [
                _parsed(number, body, 0) for number, body in enumerate(bodies, chain.kept_from)
            ]
            await unindex_records(connection, chain.id, parsed)
            await connection.execute(delete(access_record).where(here))
            hash_before = sha256(bodies[-1]).digest()
            await _write(connection, chain._replace(kept_from=last + 1, hash_before=hash_before))
