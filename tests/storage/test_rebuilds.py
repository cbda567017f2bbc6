"""A rebuild mends every ledger, goes on where it stopped, and loses nothing committed meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import delete, insert, update

from osms_server.law import Law
from osms_storage.category_records import CategoryRecord
from osms_storage.enactment import apply_reference
from osms_storage.errors import LawChangedError, RebuildEndedError
from osms_storage.rebuilds import (
    Part,
    begin_rebuild,
    end_rebuild,
    newest_law,
    rebuild_part,
)
from osms_storage.schema import ledger
from osms_storage.store import Store, newest_revision
from osms_storage.verification import verify_ledgers
from tests.storage.conftest import Copy, StoreFactory
from tests.storage.world import (
    DOCUMENTS,
    LABOUR,
    LAW,
    MovableClock,
    delta,
    line,
    record_register,
    record_sync,
    register_of,
)

FIRST_IIN = 900101390002
PEOPLE = range(FIRST_IIN, FIRST_IIN + 40)
STRANGER = FIRST_IIN - 1
DAY = date(2025, 1, 10)
MONTH = 2025 * 12
PAGE_PEOPLE = 7


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osms_storage.ledgers.PAGE_PEOPLE", PAGE_PEOPLE)


def clock() -> MovableClock:
    """Return a clock after all that is recorded."""
    return MovableClock(datetime(2025, 2, 1, tzinfo=UTC))


async def record_people(store: Store) -> None:
    """Give everybody a payment and an assignment."""
    rows = [line(number, iin, MONTH, 425_000) for number, iin in enumerate(PEOPLE, 1)]
    await record_register(store, register_of("P", DAY, rows))
    day = DAY.toordinal()
    records = [CategoryRecord(iin, LABOUR, 1, day, None, None, None) for iin in PEOPLE]
    await record_sync(store, delta(1, DAY), records)


async def spoil(store: Store) -> None:
    """Damage the ledgers of ten people and of one who has no facts."""
    async with store.writing("TEST") as unit:
        execute = unit.connection.execute
        await execute(delete(ledger).where(ledger.c.iin < FIRST_IIN + 3))
        await execute(update(ledger).where(ledger.c.iin == FIRST_IIN + 9).values(paid_2017=511))
        await execute(update(ledger).where(ledger.c.iin == FIRST_IIN + 10).values(died_on=1))
        unreadable = update(ledger).where(ledger.c.iin >= FIRST_IIN + 35)
        await execute(unreadable.values(spans=b"\x01", advance=b"\x01\x00\x01\x00"))
        row = {"iin": STRANGER, "paid_2017": 1}
        await execute(insert(ledger), row)


SPOILT = 11


async def rebuilding(store: Store, *, dry_run: bool = False) -> AsyncIterator[Part]:
    """Rebuild by the newest law, all people as one part."""
    number = await newest_law(store)
    (part,) = await begin_rebuild(store, number, 1, dry_run=dry_run)
    async for done in rebuild_part(store, LAW.data, LAW.policy, part, dry_run=dry_run):
        yield done
    if not dry_run:
        await end_rebuild(store)


async def rebuilt(store: Store, *, dry_run: bool = False) -> Part:
    """Return where a whole rebuild ended."""
    return [part async for part in rebuilding(store, dry_run=dry_run)][-1]


async def wrong_ledgers(store: Store) -> list[int]:
    """Return whose ledger differs from the facts."""
    pages = verify_ledgers(store, LAW.data, LAW.policy)
    return [iin async for page in pages for iin in page.wrong]


async def test_a_rebuild_mends_what_differs(new_store: StoreFactory) -> None:
    """Missing, wrong, unreadable and orphaned ledgers are mended, at revisions of their own."""
    async with new_store(clock()) as store:
        await record_people(store)
        async with store.reading() as connection:
            before = await newest_revision(connection)
        await spoil(store)
        assert len(await wrong_ledgers(store)) == SPOILT
        done = await rebuilt(store)
        assert (done.people, done.differed) == (len(PEOPLE) + 1, SPOILT)
        assert await wrong_ledgers(store) == []
        async with store.reading() as connection:
            mended = await newest_revision(connection)
            assert mended > before
        again = await rebuilt(store)
        async with store.reading() as connection:
            assert await newest_revision(connection) == mended
    assert (again.people, again.differed) == (len(PEOPLE), 0)


async def test_a_dry_run_only_counts(new_store: StoreFactory) -> None:
    """It says how many differ, leaves them so, and is not gone on with."""
    async with new_store(clock()) as store:
        await record_people(store)
        await spoil(store)
        assert (await rebuilt(store, dry_run=True)).differed == SPOILT
        assert len(await wrong_ledgers(store)) == SPOILT
        assert (await rebuilt(store)).differed == SPOILT


async def test_an_interrupted_rebuild_goes_on_where_it_stopped(copy: Copy) -> None:
    """What was done before counts and is not done again; an ended rebuild begins anew."""
    path = copy()
    async with Store(path, clock=clock()) as store:
        await record_people(store)
        await spoil(store)
        async for progress in rebuilding(store):
            if progress.people == 2 * PAGE_PEOPLE:
                break
    async with Store(path, clock=clock()) as store:
        steps = [progress async for progress in rebuilding(store)]
        assert [step.people for step in steps] == [14, 21, 28, 35, 41]
        assert steps[-1].differed == SPOILT
        assert await wrong_ledgers(store) == []
        assert (await rebuilt(store)).people == len(PEOPLE)


async def test_another_law_makes_a_rebuild_begin_anew(new_store: StoreFactory) -> None:
    """Ledgers made by two laws are never mixed: it stops, and starts over when run again."""
    documents = {**DOCUMENTS, "purpose_code": {}}
    async with new_store(clock()) as store:
        await record_people(store)
        steps = rebuilding(store)
        assert [(await anext(steps)).people for _ in range(2)] == [0, PAGE_PEOPLE]
        await apply_reference(store, documents, lambda data: Law(data).policy)
        with pytest.raises(LawChangedError):
            await anext(steps)
        assert (await anext(rebuilding(store))).people == 0


COMMITS = 30
"""How many registers and deltas come while a rebuild runs."""


async def test_nothing_committed_during_a_rebuild_is_lost(copy: Copy) -> None:
    """While each page is mended another gateway commits a register and a delta; all are there."""
    path = copy()

    async def take(gateway: Store, number: int) -> None:
        iins = [PEOPLE[(number * 11) % 40], PEOPLE[(number * 7 + 3) % 40] + 100 * number]
        rows = [line(n, iin, MONTH + 1 + number % 20, 5) for n, iin in enumerate(iins, 1)]
        await record_register(gateway, register_of(f"N{number}", DAY, rows))
        span = CategoryRecord(iins[1], LABOUR, 2, DAY.toordinal(), None, None, None)
        await record_sync(gateway, delta(2 + number, DAY), [span])

    async with Store(path, clock=clock()) as store, Store(path, clock=clock()) as gateway:
        await record_people(store)
        await spoil(store)
        steps = rebuilding(store)
        done, number = await anext(steps), 0
        last: Part | None = done
        while last is not None:
            if number < COMMITS:
                last, _ = await asyncio.gather(anext(steps, None), take(gateway, number))
            else:  # people who go on arriving ahead of the rebuild would keep it going for ever
                last = await anext(steps, None)
            done, number = last or done, number + 1
        assert done.differed >= 1
        assert number >= len(PEOPLE) // PAGE_PEOPLE
        assert await wrong_ledgers(store) == []


async def test_a_register_between_comparing_and_mending_counts(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page is compared again under the lock, so a register that came meanwhile stays."""
    async with new_store(clock()) as store:
        await record_people(store)
        await spoil(store)

        async def verify_then_commit(
            *arguments: object, after: int, upto: int
        ) -> AsyncIterator[object]:
            async for page in verify_ledgers(*arguments, after=after, upto=upto):  # type: ignore[arg-type] # passed on
                rows = [line(1, page.last, MONTH + 5, 425_000)]
                await record_register(store, register_of(f"L{page.last}", DAY, rows))
                yield page

        monkeypatch.setattr("osms_storage.rebuilds.verify_ledgers", verify_then_commit)
        await rebuilt(store)
        assert await wrong_ledgers(store) == []


async def test_the_parts_of_a_rebuild_are_everybody_once(copy: Copy) -> None:
    """Processes that each do some of the parts make every ledger anew, and none twice."""
    path = copy()
    async with Store(path, clock=clock()) as store, Store(path, clock=clock()) as other:
        await record_people(store)
        await spoil(store)
        parts = await begin_rebuild(store, await newest_law(store), 4)
        assert len(parts) == 4

        async def work(own: Store, some: list[Part]) -> list[Part]:
            done = []
            for part in some:
                steps = rebuild_part(own, LAW.data, LAW.policy, part)
                done.append([step async for step in steps][-1])
            return done

        done, rest = await asyncio.gather(work(store, parts[:1]), work(other, parts[1:3]))
        assert len(await wrong_ledgers(store)) > 0
        left = await begin_rebuild(other, await newest_law(store), 9)
        assert [(part.upto, part.people) for part in left] == [
            *((part.upto, part.people) for part in (*done, *rest)),
            (parts[3].upto, 0),
        ]
        ended = await work(store, left)
        assert sum(part.people for part in ended) == len(PEOPLE) + 1
        assert sum(part.differed for part in ended) == SPOILT
        assert await wrong_ledgers(store) == []


async def test_a_part_of_a_rebuild_that_was_ended_stops(copy: Copy) -> None:
    """Of two commands the first to finish ends the other, which leaves no part behind."""
    path = copy()
    async with Store(path, clock=clock()) as store:
        await record_people(store)
        (part,) = await begin_rebuild(store, await newest_law(store), 1)
        steps = rebuild_part(store, LAW.data, LAW.policy, part)
        assert [(await anext(steps)).people for _ in range(2)] == [0, PAGE_PEOPLE]
        await end_rebuild(store)
        with pytest.raises(RebuildEndedError):
            await anext(steps)
        assert (await rebuilt(store)).people == len(PEOPLE)
