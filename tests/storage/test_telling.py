"""Watchers know what lookups answer, after any history, without asking again."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osms.v1 import consumer_service_pb2 as pb
from osms.values import ALMATY
from osms_server.watching.teller import Teller
from osms_storage.records import LineKey
from osms_storage.store import Store
from osms_storage.telling import write_step
from tests.storage.conftest import StoreFactory
from tests.storage.test_replay import (
    FIRST_DAY,
    PEOPLE,
    Historian,
    batches,
    near_days,
    people,
    periods,
    rows,
)
from tests.storage.watcher import (
    Watcher,
    differences,
    looked_up,
    statuses,
    tell_all,
)
from tests.storage.world import (
    STATE_CORPORATION,
    MovableClock,
    line,
    record_register,
    register_of,
)

FIRST_PERIOD = 2023 * 12 + 6
DAYS = [
    day
    for day in (date(2020, 1, 1) + timedelta(days=number) for number in range(2_900))
    if day.day in (1, 26) or date(2024, 11, 1) <= day <= date(2026, 1, 31)
]
"""Days whose status is looked at: all that a history is about, and the edges of other months."""

happenings = st.one_of(
    st.tuples(st.just("pay"), people, st.integers(0, 16), st.integers(8, 20)),
    st.tuples(st.just("pay"), people, st.integers(0, 16), st.integers(8, 20)),
    st.tuples(st.just("register"), rows, near_days),
    st.tuples(st.just("reverse"), st.integers(0, 50), st.sampled_from([1, 1, 2])),
    st.tuples(st.just("resolve"), st.integers(0, 50), periods, st.booleans()),
    st.tuples(st.just("sync"), batches, near_days),
    st.tuples(st.just("replace"), batches, near_days, st.integers(0, 1)),
    st.tuples(st.just("pass_time"), st.sampled_from([5, 24, 26, 24 * 31, 24 * 70])),
    st.tuples(st.just("to_an_edge"), st.booleans()),
    st.tuples(st.just("tell")),
    st.tuples(st.just("tell_half")),
    st.tuples(st.just("listen"), st.integers(1, 4)),
)


class Story(Historian):
    """A history with a teller and a watcher in it, who come and go."""

    def __init__(self, store: Store, clock: MovableClock) -> None:
        super().__init__(store)
        self.clock = clock
        self.watcher = Watcher(store, PEOPLE)

    async def pay(self, iin: int, first: int, count: int) -> None:
        """Commit a register of so many months in a row, enough to be insured for a while."""
        self.number += 1
        months = range(FIRST_PERIOD + first, FIRST_PERIOD + first + count)
        lines = [line(no, iin, period, 425_000) for no, period in enumerate(months, 1)]
        reference = f"P{self.number}"
        await record_register(self.store, register_of(reference, FIRST_DAY, lines))
        keys = [LineKey(STATE_CORPORATION, reference, row.line_no) for row in lines]
        self.lines += [(key, iin, 425_000) for key in keys]

    async def pass_time(self, hours: int) -> None:
        """Let the clock go on."""
        self.clock.now += timedelta(hours=hours)

    async def to_an_edge(self, over: bool) -> None:
        """Let the clock go on to the last instant of somebody's answer, or just over it."""
        states = (await looked_up(self.store, PEOPLE)).values()
        ends = [date.fromisoformat(state[1]) for state in states if state[1]]
        if ends:
            midnight = datetime.combine(min(ends) + timedelta(days=1), time.min, ALMATY)
            self.clock.now = midnight.astimezone(UTC) - timedelta(seconds=not over)

    async def tell(self) -> None:
        """Tell all there is, by a teller that has just started."""
        await tell_all(self.store)

    async def tell_half(self) -> None:
        """Let a teller read its work; another one writes it, and the first one comes too late."""
        slow, quick = (Teller(self.store, looks_every_s=1) for _ in range(2))
        work = await slow.read()
        decided = await slow.decide(work)
        assert await quick.step()
        assert not await write_step(self.store, work, *decided)

    async def listen(self, messages: int) -> None:
        """Let the watcher come back for a moment."""
        await self.watcher.listen(messages)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(happenings, max_size=14))
def test_what_a_watcher_was_told_is_what_lookups_answer(
    new_store: StoreFactory, chosen: list[tuple[Any, ...]]
) -> None:
    """Folded states equal a check of everybody, wherever tellers and watchers were broken off."""

    async def check() -> None:
        clock = MovableClock(datetime(2025, 1, 1, tzinfo=UTC))
        async with new_store(clock) as store:
            story = Story(store, clock)
            for name, *arguments in chosen:
                await getattr(story, name)(*arguments)
            for over in (False, True):
                await story.to_an_edge(over)
                await tell_all(store)
                await story.watcher.catch_up()
                assert story.watcher.states == await looked_up(store, PEOPLE)
            new = Watcher(store, PEOPLE)
            await new.catch_up()
            assert (new.states, new.changes) == (story.watcher.states, [])

    asyncio.run(check())


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(happenings.filter(lambda item: item[0] not in {"tell", "tell_half"}), max_size=5))
def test_every_day_whose_status_changes_is_told_of(
    new_store: StoreFactory, chosen: list[tuple[Any, ...]]
) -> None:
    """Who has another status on any day, past or to come, hears of it, and nobody else does."""

    async def check() -> None:
        clock = MovableClock(datetime(2025, 1, 1, tzinfo=UTC))
        async with new_store(clock) as store:
            story = Story(store, clock)
            watcher = Watcher(store, PEOPLE)
            await tell_all(store)
            await watcher.catch_up()
            after = await statuses(store, PEOPLE, DAYS)
            for name, *arguments in chosen:
                before, told = after, dict(watcher.states)
                await getattr(story, name)(*arguments)
                await tell_all(store)
                changes = await watcher.catch_up()
                after = await statuses(store, PEOPLE, DAYS)
                different = dict(differences(before, after, DAYS))
                assert {change.iin for change in changes} == {
                    *different,
                    *(iin for iin in told if told[iin] != watcher.states[iin]),
                }
                check_effective(changes, different)

    def check_effective(changes: Sequence[pb.ConsumerChange], different: dict[str, date]) -> None:
        for change in changes:
            if change.iin in different:
                assert change.effective_on == different[change.iin].isoformat()
                assert change.cause != pb.CHANGE_CAUSE_PASSING_OF_TIME
            else:
                assert change.cause == pb.CHANGE_CAUSE_PASSING_OF_TIME
                eve = date.fromisoformat(change.before.valid_through)
                assert change.effective_on == (eve + timedelta(days=1)).isoformat()

    asyncio.run(check())
