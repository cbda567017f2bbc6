"""What a store promises whatever its callers do."""

import asyncio
import copy as copying
from datetime import UTC, date, datetime, timedelta

import pytest

from osms_server.inquiry import Inquiry
from osms_server.law import Laws
from osms_storage.category_records import CategoryRecord
from osms_storage.enactment import apply_reference
from osms_storage.engines import bulk_insert
from osms_storage.ledgers import EMPTY, add_paid_months, read_ledgers
from osms_storage.reference import load_reference
from osms_storage.schema import ledger
from osms_storage.store import READERS, Store
from osms_storage.verification import verify_ledgers
from tests.storage.conftest import StoreFactory
from tests.storage.world import (
    DOCUMENTS,
    LABOUR,
    category_id,
    clock_at,
    delta,
    line,
    policy_of,
    record_register,
    record_sync,
    register_of,
)

DAY = date(2025, 3, 1)
IIN = 900101390002
MONTH = 2025 * 12


async def _write(store: Store, number: int) -> int:
    return await record_register(store, register_of(f"P{number}", DAY, [line(1, IIN, MONTH, 1)]))


@pytest.mark.parametrize("offset", range(12))
async def test_a_caller_that_goes_away_holds_nobody_up(
    new_store: StoreFactory, offset: int
) -> None:
    """A write whose caller is cancelled ends by itself, and the next one goes on at once."""
    async with new_store(clock_at(DAY)) as store:
        task = asyncio.create_task(store.finish(_write(store, 1)))
        await asyncio.sleep(offset / 2_000)
        task.cancel()
        async with asyncio.timeout(5):
            await store.finish(_write(store, 2))
        await asyncio.gather(task, return_exceptions=True)


async def test_new_law_reaches_the_ledgers(new_store: StoreFactory) -> None:
    """After purposes and categories changed their meaning, every ledger equals its facts again."""
    async with new_store(clock_at(DAY)) as store:
        rows = [line(1, IIN, MONTH, 1, purpose=124)]
        await record_register(store, register_of("P1", DAY, rows))
        record = CategoryRecord(
            IIN, LABOUR, category_id("ON_VISIT-a"), DAY.toordinal(), None, None, None
        )
        await record_sync(store, delta(1, DAY), [record])
        changed = copying.deepcopy(DOCUMENTS)
        changed["purpose_code"]["124"]["gives_cover"] = True
        changed["category"]["ON_VISIT-a"]["kind"] = "NONE"
        assert await apply_reference(store, changed, policy_of)
        assert not await apply_reference(store, changed, policy_of)
        async with store.reading() as connection:
            data = await load_reference(connection)
            (row,) = (await read_ledgers(connection, [IIN])).values()
        assert row.paid
        assert not row.spans
        async for page in verify_ledgers(store, data, policy_of(data)):
            assert page.wrong == ()


async def test_questions_about_the_past_do_not_wait_for_each_other(
    new_store: StoreFactory,
) -> None:
    """More of them than there are connections are answered, law read anew included."""
    async with new_store(clock_at(DAY)) as store:
        await _write(store, 1)
        inquiry = Inquiry(store, Laws(store))
        now = datetime(2025, 3, 2, tzinfo=UTC)
        async with asyncio.timeout(10):
            views = await asyncio.gather(
                *(inquiry.view([IIN], now - timedelta(days=n), now) for n in range(3 * READERS))
            )
        assert len(views) == 3 * READERS


async def test_many_rows_of_different_columns_share_a_connection(new_store: StoreFactory) -> None:
    """The bulk path takes another set of columns of the same table after the first."""
    people = [10_000_000_000 + number for number in range(1_000)]
    async with new_store(clock_at(DAY)) as store:
        async with store.writing("TEST") as unit:
            halves = [(iin, 1) for iin in people]
            await bulk_insert(unit.connection, ledger, ("iin", "paid_2017"), halves, update=())
            wholes = [(*half, 1) for half in halves]
            columns = ("iin", "paid_2022", "died_on")
            await bulk_insert(unit.connection, ledger, columns, wholes, update=columns[1:])
        async with store.reading() as connection:
            rows = await read_ledgers(connection, people)
    assert {(row.paid, row.died_on) for row in rows.values()} == {(1 | 1 << 60, 1)}
    assert len(rows) == len(people)


@pytest.mark.parametrize("people", [1, 1_050])
async def test_paid_months_are_added_to_those_there_are(
    new_store: StoreFactory, people: int
) -> None:
    """A month of any year sets its bit and clears none, whether few people or many are written."""
    months = (0, 59, 60, 119, 120, 179, 180, 239)
    iins = [10_000_000_000 + number for number in range(people)]
    async with new_store(clock_at(DAY)) as store:
        async with store.writing("TEST") as unit:
            await add_paid_months(unit.connection, dict.fromkeys(iins, 0))
        async with store.reading() as connection:
            assert set((await read_ledgers(connection, iins)).values()) == {EMPTY}
        for month in (*months, 59):
            async with store.writing("TEST") as unit:
                await add_paid_months(unit.connection, dict.fromkeys(iins, 1 << month))
        async with store.reading() as connection:
            rows = await read_ledgers(connection, iins)
    assert {row.paid for row in rows.values()} == {sum(1 << month for month in months)}
    assert len(rows) == people
