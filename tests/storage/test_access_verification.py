"""The access log in the store is proven whole, or where it is not is said."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_server.access.chain import CHANGED, MISSING, REORDERED
from osms_server.access.verification import verify_access_log
from osms_storage.access_log import RECORDS_AT_A_TIME, delete_records, newest_heads
from osms_storage.schema import access_chain, access_record
from osms_storage.store import Store
from tests.storage.access import IIN, Writer, keep, packed, single
from tests.storage.conftest import StoreFactory
from tests.storage.world import clock_at

DAY = date(2026, 1, 15)

WHOLE = 2 * RECORDS_AT_A_TIME + 3
"""How many records the first chain has: more than are read at a time."""


async def fill(store: Store) -> None:
    """Let three gateways write, each of which remembers those before."""
    for name, records in (("w1", WHOLE), ("w2", 4), ("w3", 1)):
        writer = Writer(name)
        async with store.reading() as connection:
            writer.write(heads=await newest_heads(connection, 10))
        for number in range(1, records):
            writer.write(singles=[single(number)], packed=[packed(number, [IIN])], at_us=number)
        await keep(store, writer, writer.sealed, ended=name == "w1")


async def found(store: Store) -> list[tuple[str, int, Any]]:
    """Return what a verification finds."""
    verdict = await verify_access_log(store)
    return [(one.writer, one.number, one.fault) for one in verdict.findings]


def at(chain_id: int, number: int) -> Any:
    """Return the condition of one record."""
    return and_(access_record.c.chain_id == chain_id, access_record.c.number == number)


async def body_of(connection: AsyncConnection, chain_id: int, number: int) -> bytes:
    """Return the bytes of a record."""
    body = await connection.scalar(select(access_record.c.body).where(at(chain_id, number)))
    assert isinstance(body, bytes)
    return body


async def set_body(connection: AsyncConnection, chain_id: int, number: int, body: bytes) -> None:
    """Replace the bytes of a record."""
    await connection.execute(update(access_record).where(at(chain_id, number)).values(body=body))


async def swap(connection: AsyncConnection, one: int, other: int) -> None:
    """Let two records of the first chain stand in each other's place."""
    first, second = await body_of(connection, 1, one), await body_of(connection, 1, other)
    await set_body(connection, 1, one, second)
    await set_body(connection, 1, other, first)


async def spoil(connection: AsyncConnection, chain_id: int, number: int) -> None:
    """Change the last byte of a record, which still can be read."""
    body = await body_of(connection, chain_id, number)
    await set_body(connection, chain_id, number, body[:-1] + bytes([body[-1] ^ 1]))


async def cut(connection: AsyncConnection, chain_id: int, first: int, last: int) -> None:
    """Delete records."""
    await connection.execute(
        delete(access_record).where(
            access_record.c.chain_id == chain_id, access_record.c.number.between(first, last)
        )
    )


async def drop(connection: AsyncConnection, chain_id: int) -> None:
    """Take a chain away whole."""
    await cut(connection, chain_id, 1, WHOLE)
    await connection.execute(delete(access_chain).where(access_chain.c.id == chain_id))


async def shorten(connection: AsyncConnection, chain_id: int, number: int) -> None:
    """Cut the end of a chain off and say that it was never longer."""
    await cut(connection, chain_id, number + 1, WHOLE)
    head = sha256(await body_of(connection, chain_id, number)).digest()
    await connection.execute(
        update(access_chain).where(access_chain.c.id == chain_id).values(number=number, hash=head)
    )


async def append(connection: AsyncConnection, chain_id: int) -> None:
    """Add a record beyond the end."""
    row = {"chain_id": chain_id, "number": 5, "written_at": 9}
    body = await body_of(connection, chain_id, 4)
    await connection.execute(insert(access_record).values(**row, body=body))


Tampering = Callable[[AsyncConnection], Awaitable[None]]
TAMPERINGS: Sequence[tuple[str, Tampering, list[tuple[str, int, Any]]]] = (
    ("a changed byte", lambda c: spoil(c, 1, 60), [("w1", 60, CHANGED)]),
    ("a changed byte in the first", lambda c: spoil(c, 2, 1), [("w2", 1, CHANGED)]),
    ("a changed byte in the last", lambda c: spoil(c, 1, WHOLE), [("w1", WHOLE, CHANGED)]),
    ("unreadable bytes", lambda c: set_body(c, 1, 7, b"\xff"), [("w1", 7, CHANGED)]),
    ("a missing record", lambda c: cut(c, 1, 60, 60), [("w1", 60, MISSING)]),
    ("missing records", lambda c: cut(c, 1, 2, 60), [("w1", 2, MISSING)]),
    ("a missing first one", lambda c: cut(c, 2, 1, 1), [("w2", 1, MISSING)]),
    ("a missing tail", lambda c: cut(c, 2, 3, 4), [("w2", 3, MISSING)]),
    ("no records", lambda c: cut(c, 3, 1, 1), [("w3", 1, MISSING)]),
    ("a missing chain", lambda c: drop(c, 1), [("w1", 1, MISSING)]),
    ("another missing chain", lambda c: drop(c, 2), [("w2", 1, MISSING)]),
    ("a shortened chain", lambda c: shorten(c, 1, 50), [("w1", 51, MISSING)]),
    ("a record too many", lambda c: append(c, 2), [("w2", 5, REORDERED)]),
    ("swapped", lambda c: swap(c, 10, 11), [("w1", 10, REORDERED), ("w1", 11, REORDERED)]),
    ("swapped afar", lambda c: swap(c, 10, 80), [("w1", 10, REORDERED), ("w1", 80, REORDERED)]),
)


async def test_whatever_was_done_to_the_log_is_found_and_said_where(
    new_store: StoreFactory,
) -> None:
    """Changed, removed, reordered and shortened records, and a chain that was taken away whole."""
    async with new_store(clock_at(DAY)) as store:
        await fill(store)
        verdict = await verify_access_log(store)
        assert (verdict.chains, verdict.records, verdict.findings) == (3, WHOLE + 5, [])
        async with store.reading() as connection:
            saved = [
                (table, [dict(row._mapping) for row in await connection.execute(select(table))])
                for table in (access_chain, access_record)
            ]
        for name, tamper, expected in TAMPERINGS:
            async with store.keeping() as connection:
                await tamper(connection)
            told = await found(store)
            assert told == expected, name
            async with store.keeping() as connection:
                for table, rows in saved:
                    await connection.execute(delete(table))
                    await connection.execute(insert(table), rows)
        assert await found(store) == []


async def test_a_log_that_was_cut_is_followed_from_there(new_store: StoreFactory) -> None:
    """What was archived is not missing, but what stands after it must fit it."""
    async with new_store(clock_at(DAY)) as store:
        await fill(store)
        await delete_records(store, "w1", 20)
        await delete_records(store, "w2", 4)
        verdict = await verify_access_log(store)
        assert (verdict.chains, verdict.records, verdict.findings) == (3, WHOLE - 20 + 1, [])
        async with store.keeping() as connection:
            await cut(connection, 1, 21, 21)
        assert await found(store) == [("w1", 21, MISSING)]


async def test_the_log_is_followed_while_it_grows(new_store: StoreFactory) -> None:
    """Records that come, and chains that begin, while it is read are no faults."""
    async with new_store(clock_at(DAY)) as store:
        await fill(store)
        writer = Writer("w4")

        async def grow() -> None:
            for number in range(30):
                await keep(store, writer, writer.write(singles=[single(number)]))

        growing = asyncio.create_task(grow())
        while not growing.done():
            assert await found(store) == []
        await growing


@settings(max_examples=20)
@given(number=st.integers(1, 4), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_bit_of_any_record_counts(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    number: int,
    where: float,
    bit: int,
) -> None:
    """Whichever is flipped, it is found, at this record; the one before may be named as well."""
    path = tmp_path_factory.mktemp("log") / "store.db"
    path.write_bytes(sqlite_template.read_bytes())
    writer = Writer("w1")
    for content in range(4):
        writer.write(singles=[single(content)], packed=[packed(content, [IIN])], at_us=content)

    async def run() -> None:
        async with Store(str(path)) as store:
            await keep(store, writer, writer.sealed)
            async with store.keeping() as connection:
                body = bytearray(await body_of(connection, 1, number))
                body[int(where * len(body))] ^= 1 << bit
                await set_body(connection, 1, number, bytes(body))
            numbers = [finding[1] for finding in await found(store) if finding[0] == "w1"]
            assert number in numbers
            assert set(numbers) <= {number - 1, number}

    asyncio.run(run())
