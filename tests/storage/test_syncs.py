"""Syncs on their way in: numbers of deltas, comparison, and what is left of those that ended."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import select, update

from osms.v1 import category_service_pb2 as pb
from osms_server.identity import acting_as
from osms_server.inquiry import Inquiry
from osms_server.law import Laws
from osms_server.meter import Meter
from osms_server.services import CategoryServicer
from osms_server.settings import Settings
from osms_storage import comparison, syncs
from osms_storage.categories import apply_run
from osms_storage.category_records import CategoryRecord, ShrinkGuard, SyncOutcome, SyncResult
from osms_storage.clock import system_clock, to_microseconds
from osms_storage.errors import OutdatedComparisonError, RunAbandonedError
from osms_storage.ledgers import read_ledgers
from osms_storage.schema import staged_change, staged_protection, staged_record, sync_run
from osms_storage.store import Store
from tests.callers import CLINIC, forgetful_recorder
from tests.storage.conftest import StoreFactory
from tests.storage.world import (
    LABOUR,
    LAW,
    clock_at,
    delta,
    line,
    record_register,
    record_sync,
    register_of,
    snapshot,
)

DAY = date(2025, 3, 1)


async def test_a_sender_may_begin_with_any_number(new_store: StoreFactory) -> None:
    """The next delta has the number that was set, and it never goes back."""
    async with new_store(clock_at(DAY)) as store:
        async with store.writing("START") as unit:
            await syncs.expect_delta(unit, LABOUR, 120)
        async with store.reading() as connection:
            assert await syncs.last_delta_number(connection, LABOUR) == 119
        await record_sync(store, delta(120, DAY), [])
        with pytest.raises(ValueError, match="already number 121"):
            async with store.writing("START") as unit:
                await syncs.expect_delta(unit, LABOUR, 120)


async def fall_silent(store: Store) -> None:
    """Let all runs have been idle for so long that they are forgotten."""
    idle_since = to_microseconds(system_clock() - syncs.ABANDONED_AFTER - timedelta(seconds=1))
    async with store.writing("TEST") as unit:
        await unit.connection.execute(update(sync_run).values(received_at=idle_since))


async def test_a_run_that_fell_silent_is_forgotten(new_store: StoreFactory) -> None:
    """Another sync clears it away, and its own next chunk is refused."""
    async with new_store(clock_at(DAY)) as store:
        run_id = await syncs.open_run(store, delta(1, DAY))
        await fall_silent(store)
        await syncs.open_run(store, delta(1, DAY))
        with pytest.raises(RunAbandonedError):
            await syncs.stage_records(store, run_id, [], [])


async def test_what_was_applied_cannot_be_discarded(new_store: StoreFactory) -> None:
    """A commit whose caller went away stays applied, whatever is cleared up after it."""
    async with new_store(clock_at(DAY)) as store:
        result = await record_sync(store, delta(1, DAY), [])
        await syncs.discard_run(store, result.run_id)
        async with store.reading() as connection:
            assert await syncs.last_delta_number(connection, LABOUR) == 1


SCOPE = (LABOUR, 1)
PEOPLE = [900101390002 + number for number in range(9)]


def pensions(iins: Iterable[int]) -> list[CategoryRecord]:
    """Return records that assign a category of the scope to people."""
    assigned_on = date(2020, 1, 1).toordinal()
    return [CategoryRecord(iin, *SCOPE, assigned_on, None, None, None) for iin in iins]


async def read_spans(store: Store) -> set[tuple[int, bool]]:
    """Return who ever had the category, and whether it is removed."""
    async with store.reading() as connection:
        rows = await read_ledgers(connection, PEOPLE)
    return {(iin, bool(span.removed_on)) for iin, row in rows.items() for span in row.spans}


@pytest.mark.parametrize("at_a_time", [1, 2, 100])
async def test_a_snapshot_is_compared_in_parts_as_it_would_be_whole(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    """New people, those who stay, and those who are gone are found, wherever a part ends."""
    monkeypatch.setattr(comparison, "RECORDS_AT_A_TIME", at_a_time)
    async with new_store(clock_at(DAY)) as store:
        await record_sync(store, snapshot(DAY, SCOPE), pensions(PEOPLE[:6]))
        later = DAY + timedelta(days=1)
        result = await record_sync(store, snapshot(later, SCOPE), pensions(PEOPLE[2:]))
        assert (result.counts.changed, result.counts.closed) == (3, 2)
        (part,) = result.shrink
        assert (part.open_spans, part.closing_spans) == (6, 2)
        gone = {(iin, True) for iin in PEOPLE[:2]}
        assert await read_spans(store) == gone | {(iin, False) for iin in PEOPLE[2:]}


async def test_a_snapshot_is_compared_again_if_the_store_has_moved_on(
    new_store: StoreFactory,
) -> None:
    """A delta that another gateway applied between comparison and application is not undone."""
    later = DAY + timedelta(days=1)
    async with new_store(clock_at(DAY)) as store:
        await record_sync(store, snapshot(DAY, SCOPE), pensions(PEOPLE[:3]))
        header = snapshot(later, SCOPE)
        run_id = await syncs.open_run(store, header)
        await syncs.stage_records(store, run_id, pensions(PEOPLE[:2]), [])
        compared = await comparison.compare_snapshot(store, run_id, header, [])
        assert compared.closing.total() == 1
        await record_sync(store, delta(1, later), pensions(PEOPLE[3:4]))
        assert await read_spans(store) == {(iin, False) for iin in PEOPLE[:4]}

        async def apply(compared: comparison.Comparison) -> SyncResult:
            async with store.writing("SYNC") as unit:
                return await apply_run(
                    unit,
                    run_id,
                    header,
                    compared,
                    content=bytes(32),
                    counts=(2, 0),
                    data=LAW.data,
                    guard=None,
                )

        with pytest.raises(OutdatedComparisonError):
            await apply(compared)
        result = await apply(await comparison.compare_snapshot(store, run_id, header, []))
        assert result.counts.closed == 2
        assert await read_spans(store) == {
            *((iin, False) for iin in PEOPLE[:2]),
            *((iin, True) for iin in PEOPLE[2:4]),
        }


async def test_what_a_run_brought_is_dropped_once_it_ended(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Applied or given up, in parts; what waits for its release stays."""
    monkeypatch.setattr(syncs, "SWEPT_AT_A_TIME", 2)
    later = DAY + timedelta(days=1)
    guard = ShrinkGuard(close_share_max=0.1, close_min=0)
    async with new_store(clock_at(DAY)) as store:
        await record_sync(store, snapshot(DAY, SCOPE), pensions(PEOPLE), [PEOPLE[0]])
        held = await record_sync(store, snapshot(later, SCOPE), pensions(PEOPLE[:5]), guard=guard)
        assert held.outcome is SyncOutcome.HELD
        given_up = await syncs.open_run(store, delta(1, DAY))
        await syncs.stage_records(store, given_up, pensions(PEOPLE), [])
        await syncs.discard_run(store, given_up)
        await syncs.sweep(store)
        async with store.reading() as connection:
            left = await connection.execute(select(staged_record.c.run_id, staged_record.c.iin))
            assert set(map(tuple, left)) == {(held.run_id, iin) for iin in PEOPLE[:5]}
            for table in (staged_change, staged_protection):
                assert not (await connection.execute(select(table))).all()


async def test_registers_are_taken_while_a_snapshot_is_compared(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No register waits for more than the comparison of some people."""
    monkeypatch.setattr(comparison, "RECORDS_AT_A_TIME", 1)
    header = snapshot(DAY, SCOPE)
    async with new_store(clock_at(DAY)) as store:
        run_id = await syncs.open_run(store, header)
        await syncs.stage_records(store, run_id, pensions(PEOPLE), [])
        comparing = asyncio.create_task(comparison.compare_snapshot(store, run_id, header, []))
        await asyncio.sleep(0)
        rows = [line(1, PEOPLE[0], 2025 * 12, 425_000)]
        await record_register(store, register_of("P", DAY, rows))
        assert not comparing.done()
        assert (await comparing).changed == len(PEOPLE)


async def test_a_comparison_ends_with_its_run(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that another gateway ended is compared no further, and leaves nothing behind."""
    monkeypatch.setattr(comparison, "RECORDS_AT_A_TIME", 1)
    header = snapshot(DAY, SCOPE)
    async with new_store(clock_at(DAY)) as store:
        run_id = await syncs.open_run(store, header)
        await syncs.stage_records(store, run_id, pensions(PEOPLE), [])
        comparing = asyncio.create_task(comparison.compare_snapshot(store, run_id, header, []))
        await asyncio.sleep(0)
        await syncs.discard_run(store, run_id)
        with pytest.raises(RunAbandonedError):
            await comparing
        await syncs.sweep(store)
        async with store.reading() as connection:
            for table in (staged_record, staged_change):
                assert not (await connection.execute(select(table))).all()


async def test_a_run_that_is_compared_is_not_silent(new_store: StoreFactory) -> None:
    """However long it takes since its last chunk, it is not forgotten."""
    header = snapshot(DAY, SCOPE)
    async with new_store(clock_at(DAY)) as store:
        run_id = await syncs.open_run(store, header)
        await syncs.stage_records(store, run_id, pensions(PEOPLE), [])
        await fall_silent(store)
        await comparison.compare_snapshot(store, run_id, header, [])
        await syncs.open_run(store, delta(1, DAY))
        async with store.reading() as connection:
            state = select(sync_run.c.state).where(sync_run.c.id == run_id)
            assert await connection.scalar(state) == syncs.RECEIVING


async def test_a_client_that_leaves_amid_the_commit_does_not_take_it_back(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sync is applied all the same, and what it brought is dropped."""
    comparing = asyncio.Event()

    async def compare_slowly(*arguments: Any) -> comparison.Comparison:
        comparing.set()
        await asyncio.sleep(0.05)
        return await comparison.compare_snapshot(*arguments)

    monkeypatch.setattr("osms_server.services.category.compare_snapshot", compare_slowly)
    header = pb.SyncHeader(
        sender="state_corporation",
        kind=pb.SYNC_KIND_SNAPSHOT,
        as_of=DAY.isoformat(),
        scope=[pb.SyncScope(source="labour", category="STATE_PAID-a")],
        declared_records=1,
    )
    record = pb.CategoryRecord(
        iin=str(PEOPLE[0]), source="labour", category="STATE_PAID-a", assigned_on="2020-01-01"
    )

    async def requests() -> AsyncIterator[pb.SyncCategoriesRequest]:
        yield pb.SyncCategoriesRequest(header=header)
        yield pb.SyncCategoriesRequest(chunk=pb.SyncChunk(records=[record]))
        yield pb.SyncCategoriesRequest(commit=pb.SyncCommit())

    async with new_store(clock_at(DAY)) as store:
        laws = Laws(store)
        servicer = CategoryServicer(
            store, laws, Inquiry(store, laws), Settings(), forgetful_recorder(), Meter(1)
        )

        async def call() -> None:
            with acting_as(replace(CLINIC, sources=frozenset({"state_corporation", "labour"}))):
                async for _ in servicer.SyncCategories(requests(), cast(Any, None)):
                    pass

        leaving = asyncio.create_task(call())
        await comparing.wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        for _ in range(1_000):
            (run,) = await rows_of(store, select(sync_run))
            if run.state == syncs.APPLIED and not run.staged:
                break
            await asyncio.sleep(0.01)
        assert await read_spans(store) == {(PEOPLE[0], False)}
        assert (run.state, run.staged) == (syncs.APPLIED, 0)
        assert not await rows_of(store, select(staged_record))


async def rows_of(store: Store, statement: Any) -> list[Any]:
    """Return the rows of a statement."""
    async with store.reading() as connection:
        return list(await connection.execute(statement))


async def test_a_removal_without_its_day_of_assignment_is_no_absence(
    new_store: StoreFactory,
) -> None:
    """A snapshot that says so ends the span on that day; it does not close it on its own."""
    removed_on = date(2024, 6, 1).toordinal()
    async with new_store(clock_at(DAY)) as store:
        await record_sync(store, delta(1, date(2024, 1, 1)), pensions(PEOPLE[:3]))
        removal = CategoryRecord(PEOPLE[0], *SCOPE, -removed_on, removed_on, LABOUR, None)
        sent = [removal, *pensions(PEOPLE[1:3])]
        result = await record_sync(store, snapshot(DAY, SCOPE), sent)
        assert (result.counts.changed, result.counts.closed) == (1, 0)
        async with store.reading() as connection:
            row = (await read_ledgers(connection, PEOPLE[:1]))[PEOPLE[0]]
        assert [span.removed_on for span in row.spans] == [removed_on]


@pytest.mark.parametrize("people", [3, 300])
async def test_of_a_record_sent_twice_the_last_stays(new_store: StoreFactory, people: int) -> None:
    """In one chunk and in two, of few records and of so many that they are copied."""
    iins = [900101390002 + number for number in range(people)]
    gone = date(2024, 1, 1).toordinal()
    removed = [record._replace(removed_on=gone) for record in pensions(iins)]
    async with new_store(clock_at(DAY)) as store:
        run_id = await syncs.open_run(store, snapshot(DAY, SCOPE))
        await syncs.stage_records(store, run_id, [*pensions(iins), *removed[:2]], [])
        await syncs.stage_records(store, run_id, removed[1:], [])
        days = await rows_of(store, select(staged_record.c.iin, staged_record.c.removed_on))
    assert sorted(map(tuple, days)) == [(iin, gone) for iin in iins]
