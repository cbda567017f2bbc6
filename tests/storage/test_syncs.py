"""Numbers of deltas, and runs that nobody sends any more."""

from datetime import date, timedelta

import pytest
from sqlalchemy import update

from osms_storage import syncs
from osms_storage.clock import system_clock, to_microseconds
from osms_storage.errors import RunAbandonedError
from osms_storage.schema import sync_run
from tests.storage.conftest import StoreFactory
from tests.storage.world import LABOUR, clock_at, delta, record_sync

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


async def test_a_run_that_fell_silent_is_forgotten(new_store: StoreFactory) -> None:
    """Another sync clears it away, and its own next chunk is refused."""
    async with new_store(clock_at(DAY)) as store:
        run_id = await syncs.open_run(store, delta(1, DAY))
        idle_since = system_clock() - syncs.ABANDONED_AFTER - timedelta(seconds=1)
        async with store.writing("TEST") as unit:
            await unit.connection.execute(
                update(sync_run).values(received_at=to_microseconds(idle_since))
            )
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
