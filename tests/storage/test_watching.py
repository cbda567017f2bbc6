"""What a teller does besides telling right, and how watchers read it."""

import asyncio
from array import array
from contextlib import aclosing, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from osms.v1 import consumer_service_pb2 as pb
from osms.values import check_digit, format_iin
from osms_server.errors import Reason, RequestError
from osms_server.meter import Meter
from osms_server.watching import changelog, watch
from osms_server.watching.changelog import NEAR_STEPS, ChangeLog
from osms_server.watching.teller import Teller
from osms_storage import telling
from osms_storage.changes import changes_of_step, told_steps
from osms_storage.enactment import apply_reference
from osms_storage.errors import StoreUnavailableError
from osms_storage.migrations import migrate
from osms_storage.pulse import read_pulse
from osms_storage.rebuilds import begin_rebuild, newest_law, rebuild_part
from osms_storage.rosters import RosterList, find_roster, replace_members
from osms_storage.schema import batch, census, ledger, standing, touched
from osms_storage.store import Store, newest_revision
from tests.callers import CLINIC, forgetful_recorder
from tests.storage.conftest import Copy, StoreFactory
from tests.storage.watcher import IMPATIENT, Watcher, looked_up, tell_all
from tests.storage.world import (
    DOCUMENTS,
    LAW,
    MovableClock,
    line,
    policy_of,
    record_register,
    register_of,
)

TODAY = date(2025, 6, 10)
YEAR = range(2024 * 12 + 6, 2025 * 12 + 6)
PEOPLE = tuple(
    int(f"{stem}{digit}")
    for stem in map(str, range(90010130000, 90010130060))
    if (digit := check_digit(stem)) is not None
)[:35]


def clock() -> MovableClock:
    """Return a clock that stands at noon of the day of these tests."""
    return MovableClock(datetime(2025, 6, 10, 7, tzinfo=UTC))


async def pay(store: Store, reference: str, *people: int, months: range = YEAR) -> int:
    """Let people pay months, the last year of them unless told otherwise."""
    rows = [(iin, period) for iin in people for period in months]
    lines = [line(number, iin, period, 425_000) for number, (iin, period) in enumerate(rows, 1)]
    return await record_register(store, register_of(reference, TODAY, lines))


async def test_who_fell_far_back_is_told_the_same_as_who_listened(new_store: StoreFactory) -> None:
    """Many steps later a watcher gets every change in order, however far it had come."""
    async with new_store(clock()) as store:
        everybody, tokens = Watcher(store, PEOPLE), []
        await tell_all(store)
        await everybody.catch_up()
        for number in range(2 * NEAR_STEPS):
            await pay(store, f"P{number}", PEOPLE[number])
            await tell_all(store)
            tokens.append(everybody.token)
            (change,) = await everybody.catch_up()
            assert change.iin == format_iin(PEOPLE[number])
        for number in (0, NEAR_STEPS - 2, NEAR_STEPS, 2 * NEAR_STEPS - 1):
            late = Watcher(store, PEOPLE)
            late.token = tokens[number]
            late.states = {
                iin: state if number <= place else everybody.states[iin]
                for place, (iin, state) in enumerate(_unknown().items())
            }
            assert await late.catch_up() == everybody.changes[number:]


def _unknown() -> dict[str, tuple[str, str, str]]:
    return {format_iin(iin): ("UNKNOWN_CONSUMER", "", "") for iin in PEOPLE}


async def test_a_page_of_changes_never_splits_a_step(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token stands between two steps, so nothing within one is lost or told twice."""
    monkeypatch.setattr(changelog, "STEP_PEOPLE_MAX", 7)
    monkeypatch.setattr(changelog, "CHANGES_AT_A_TIME", 7)
    async with new_store(clock()) as store:
        for number in range(NEAR_STEPS + 4):
            await pay(store, f"P{number}", *PEOPLE[number : number + 5])
            await tell_all(store)
        async with store.reading() as connection:
            newest = (await told_steps(connection)).newest
            told = [await changes_of_step(connection, step) for step in range(1, newest + 1)]
        log, position, pages = ChangeLog(store, looks_every_s=1), 0, 0
        while position < newest:
            page = await log.after(array("q", PEOPLE), position, newest)
            assert page.changes == [
                item for step in told[position : page.position] for item in step
            ]
            position, pages = page.position, pages + 1
        assert pages > 2


async def test_a_roster_s_states_come_in_parts_with_the_changes_between(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was stated hears of changes before the next part, so that all stand at one step."""
    monkeypatch.setattr(watch, "STATES_AT_A_TIME", 10)
    async with new_store(clock()) as store:
        members = RosterList(
            "clinic", TODAY, dict.fromkeys(PEOPLE, (0, None)), (), owner=CLINIC.client
        )
        async with store.writing("ROSTER") as unit:
            await replace_members(unit.connection, None, members, members.content())
        request = pb.WatchConsumersRequest(roster="clinic")
        responses = watch.Watching(store, IMPATIENT, forgetful_recorder(), Meter(1)).watch(request)
        first = await anext(responses)
        assert (len(first.states.consumers), first.resume_token) == (10, "")
        await pay(store, "P", PEOPLE[3], PEOPLE[13])
        await tell_all(store)
        caught_up, *parts = [await anext(responses) for _ in range(4)]
        (change,) = caught_up.changes.changes
        assert (change.iin, caught_up.resume_token) == (format_iin(PEOPLE[3]), "")
        assert [len(part.states.consumers) for part in parts] == [10, 10, 5]
        states = {item.iin: item.state.status for part in parts for item in part.states.consumers}
        assert states[format_iin(PEOPLE[13])] == change.after.status
        assert [bool(part.resume_token) for part in parts] == [False, False, True]
        assert (await anext(responses)).HasField("checkpoint")
        await responses.aclose()


async def test_a_roster_of_other_members_is_watched_anew(new_store: StoreFactory) -> None:
    """A token tells of the members it was given out for: others would have no states."""
    async with new_store(clock()) as store:

        async def put(*people: int) -> None:
            listed = RosterList(
                "clinic", TODAY, dict.fromkeys(people, (0, None)), (), owner=CLINIC.client
            )
            async with store.writing("ROSTER") as unit:
                known = await find_roster(unit.connection, "clinic", owner=CLINIC.client)
                await replace_members(unit.connection, known, listed, listed.content())

        async def first(token: str) -> pb.WatchConsumersResponse:
            request = pb.WatchConsumersRequest(roster="clinic", resume_token=token)
            async with aclosing(
                watch.Watching(store, IMPATIENT, forgetful_recorder(), Meter(1)).watch(request)
            ) as responses:
                return await anext(responses)

        await put(*PEOPLE[:3])
        await pay(store, "P", *PEOPLE[:3])
        await tell_all(store)
        token = (await first("")).resume_token
        await put(*PEOPLE[:3])
        assert (await first(token)).HasField("checkpoint")
        await put(*PEOPLE[:4])
        with pytest.raises(RequestError) as caught:
            await first(token)
        assert caught.value.reason == Reason.ERROR_REASON_RESUME_TOKEN_EXPIRED


async def test_midnight_looks_only_at_answers_that_end(new_store: StoreFactory) -> None:
    """The roll reads who is due, by the index, however many there are besides."""
    the_clock = clock()
    async with new_store(the_clock) as store:
        await pay(store, "P", *PEOPLE)
        await pay(store, "Q", PEOPLE[0], months=range(YEAR[-1] + 1, YEAR[-1] + 12))
        await tell_all(store)
        watcher = Watcher(store, PEOPLE)
        await watcher.catch_up()
        the_clock.now += timedelta(days=77)
        await telling.begin_day(store)
        async with store.reading() as connection:
            work = await telling.read_work(connection)
            assert sorted(work.people) == list(PEOPLE[1:])
            due = telling._EXPIRED.where(standing.c.ends_on < 1)
            plan = await _plan(connection, due)
        assert "ix_standing_ends_on" in plan
        await tell_all(store)
        causes = {change.cause for change in await watcher.catch_up()}
        assert causes == {pb.CHANGE_CAUSE_PASSING_OF_TIME}
        assert watcher.states == await looked_up(store, PEOPLE)


async def _plan(connection: AsyncConnection, statement: Any) -> str:
    words = "EXPLAIN QUERY PLAN"
    if connection.dialect.name == "postgresql":
        # It would rather go through a table as small as this one.
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        words = "EXPLAIN"
    sql = statement.compile(connection.sync_engine, compile_kwargs={"literal_binds": True})
    return str((await connection.exec_driver_sql(f"{words} {sql}")).all())


async def test_a_day_has_one_revision_of_its_own_unless_others_came_first(
    new_store: StoreFactory,
) -> None:
    """Time passes at a revision, so that a watch and a knowledge time can name it."""
    the_clock = clock()
    async with new_store(the_clock) as store:
        for _ in range(2):
            await telling.begin_day(store)
        the_clock.now += timedelta(days=1)
        await pay(store, "P", PEOPLE[0])
        await telling.begin_day(store)
        async with store.reading() as connection:
            kinds = list(await connection.scalars(select(batch.c.kind).order_by(batch.c.id)))
    assert kinds == ["REFERENCE", "DAY", "REGISTER"]


async def test_new_law_is_told_of_page_by_page(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody is looked at in small steps; what comes meanwhile is told first, with its cause."""
    monkeypatch.setattr(telling, "STEP_PEOPLE", 10)
    async with new_store(clock()) as store:
        await pay(store, "P", *PEOPLE)
        await tell_all(store)
        watcher = Watcher(store, PEOPLE)
        await watcher.catch_up()
        codes = {**DOCUMENTS["purpose_code"]}
        codes["122"] = {**codes["122"], "gives_cover": False}
        await apply_reference(store, {**DOCUMENTS, "purpose_code": codes}, policy_of)
        teller = Teller(store, looks_every_s=1)
        assert await teller.step()
        last = PEOPLE[-1]
        lines = [line(number, last, month, 425_000, 121) for number, month in enumerate(YEAR, 1)]
        await record_register(store, register_of("Q", TODAY, lines))
        await tell_all(store, teller)
        changes = await watcher.catch_up()
        assert watcher.states == await looked_up(store, PEOPLE)
        law = {change.iin for change in changes if change.cause == pb.CHANGE_CAUSE_LAW}
        # Law took the last one's cover and a payment gave it back before either was told.
        assert law == {format_iin(iin) for iin in PEOPLE[:-1]}
        async with store.reading() as connection:
            for table in (touched, census):
                assert not (await connection.execute(select(table))).all()


async def test_other_words_for_a_category_touch_nobody(new_store: StoreFactory) -> None:
    """Reference data that no answer depends on makes nobody be looked at."""
    async with new_store(clock()) as store:
        await pay(store, "P", *PEOPLE)
        await tell_all(store)
        renamed = {**DOCUMENTS["category"]}
        renamed["NONE-a"] = {**renamed["NONE-a"], "name_en": "other"}
        assert await apply_reference(store, {**DOCUMENTS, "category": renamed}, policy_of)
        async with store.reading() as connection:
            assert (await read_pulse(connection)).idle


async def test_a_mended_ledger_is_told_of(new_store: StoreFactory) -> None:
    """A damaged ledger keeps nobody else waiting, and its person hears when it is mended."""
    async with new_store(clock()) as store:
        await pay(store, "P", *PEOPLE[:3])
        async with store.writing("TEST") as unit:
            execute = unit.connection.execute
            await execute(update(ledger).where(ledger.c.iin == PEOPLE[0]).values(paid_2022=0))
            await execute(update(ledger).where(ledger.c.iin == PEOPLE[1]).values(spans=b"\x01"))
            await execute(insert(ledger), {"iin": PEOPLE[4], "paid_2017": 1})
        await tell_all(store)
        watcher = Watcher(store, PEOPLE)
        await watcher.catch_up()
        (part,) = await begin_rebuild(store, await newest_law(store), 1)
        async for _ in rebuild_part(store, LAW.data, LAW.policy, part):
            pass
        await tell_all(store)
        changes = await watcher.catch_up()
        assert {change.iin for change in changes} == {
            format_iin(PEOPLE[place]) for place in (0, 1, 4)
        }
        assert {change.cause for change in changes} == {pb.CHANGE_CAUSE_REPAIR}
        assert watcher.states == await looked_up(store, PEOPLE)


async def test_a_ledger_damaged_after_it_was_told_of_stops_nobody(
    new_store: StoreFactory,
) -> None:
    """It is set aside while others are told, and told of when it is mended."""
    the_clock = clock()
    async with new_store(the_clock) as store:
        await pay(store, "P", *PEOPLE[:2])
        await tell_all(store)
        watcher = Watcher(store, PEOPLE)
        await watcher.catch_up()
        async with store.writing("TEST") as unit:
            damaged = update(ledger).where(ledger.c.iin == PEOPLE[0]).values(spans=b"\x01")
            await unit.connection.execute(damaged)
        # Its answer ends: it is not looked at again and again.
        the_clock.now += timedelta(days=77)
        await asyncio.wait_for(tell_all(store), 20)
        await pay(store, "Q", *PEOPLE[:3])
        await tell_all(store)
        await watcher.catch_up()
        assert watcher.states[format_iin(PEOPLE[2])] == watcher.states[format_iin(PEOPLE[1])]
        (part,) = await begin_rebuild(store, await newest_law(store), 1)
        async for _ in rebuild_part(store, LAW.data, LAW.policy, part):
            pass
        await tell_all(store)
        await watcher.catch_up()
        assert watcher.states == await looked_up(store, PEOPLE)


async def test_people_of_an_older_store_are_told_of(copy: Copy) -> None:
    """A store that comes up from a schema without standings is looked through once."""
    path = copy()
    async with Store(path, clock=clock()) as store:
        await pay(store, "P", *PEOPLE)
    await migrate(path, "0003")
    await migrate(path)
    async with Store(path, clock=clock()) as store:
        watcher = Watcher(store, PEOPLE)
        await tell_all(store)
        await watcher.catch_up()
        assert watcher.states == await looked_up(store, PEOPLE)


async def test_a_teller_waits_for_a_store_that_is_away(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage ends no teller, nor does a defect; it goes on when the store is back."""
    monkeypatch.setattr("osms_server.watching.teller.RESTS_AFTER_ERROR_S", 0.01)
    troubles: list[Exception] = [StoreUnavailableError("away"), RuntimeError("a defect")]
    async with new_store(clock()) as store:
        teller = Teller(store, looks_every_s=0.01)
        turn = teller._turn

        async def troubled() -> float:
            if troubles:
                raise troubles.pop()
            return await turn()

        monkeypatch.setattr(teller, "_turn", troubled)
        running = asyncio.create_task(teller.run())
        await pay(store, "P", PEOPLE[0])
        watcher = Watcher(store, PEOPLE)
        async with asyncio.timeout(10):
            await watcher.catch_up()
        assert watcher.states == await looked_up(store, PEOPLE)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_nobody_is_told_of_a_day_that_is_still_to_be_looked_at(
    new_store: StoreFactory,
) -> None:
    """A checkpoint names no revision whose changes, of facts or of time, are yet to be found."""
    the_clock = clock()
    async with new_store(the_clock) as store:
        await pay(store, "P", *PEOPLE)
        await tell_all(store)
        log = ChangeLog(store, looks_every_s=0.001)
        async with store.reading() as connection:
            told, _ = await newest_revision(connection)
        assert (await log.glance()).revision == told
        await pay(store, "Q", PEOPLE[0], months=range(YEAR[0] - 2, YEAR[0]))
        assert (await log.glance()).revision == told
        await tell_all(store)
        assert (await log.glance()).revision == told + 1
        the_clock.now += timedelta(days=77)
        await telling.begin_day(store)
        assert (await log.glance()).revision == told + 1
        await tell_all(store)
        assert (await log.glance()).revision == told + 2
