"""Lanes: who works, who waits, who is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osms_server.admission import Lane
from osms_server.errors import Reason, RequestError


def lane(working_max: int = 1, waiting_max: int = 1_000) -> Lane:
    """Return a lane of its own."""
    return Lane("desk", working_max=working_max, waiting_max=waiting_max)


@asynccontextmanager
async def held(subject: Lane) -> AsyncIterator[None]:
    """Keep one place of a lane taken."""
    assert subject.enter_at_once()
    try:
        yield
    finally:
        subject.leave()


async def begin(
    subject: Lane, *calls: tuple[str, bool], order: list[str]
) -> list[asyncio.Task[None]]:
    """Let calls come one after the other; each notes its name when it works, and leaves."""

    async def call(name: str, urgent: bool) -> None:
        await subject.enter(name.partition("-")[0], urgent=urgent)
        order.append(name)
        await asyncio.sleep(0)
        subject.leave()

    tasks = []
    for name, urgent in calls:
        tasks.append(asyncio.create_task(call(name, urgent)))
        await asyncio.sleep(0)
    return tasks


async def test_connections_take_turns() -> None:
    """A call on a quiet connection does not wait for all calls of a busy one."""
    order: list[str] = []
    subject = lane()
    async with held(subject):
        busy = [(f"busy-{number}", False) for number in range(5)]
        tasks = await begin(subject, *busy, ("quiet-0", False), order=order)
    await asyncio.gather(*tasks)
    assert order[:2] == ["busy-0", "quiet-0"]
    assert order[2:] == ["busy-1", "busy-2", "busy-3", "busy-4"]


async def test_urgent_calls_go_first() -> None:
    """Who stands at a desk is answered before all others that wait, whenever he came."""
    order: list[str] = []
    subject = lane()
    async with held(subject):
        tasks = await begin(subject, ("a-0", False), ("b-0", False), ("c-0", True), order=order)
    await asyncio.gather(*tasks)
    assert order == ["c-0", "a-0", "b-0"]


async def test_too_many_are_refused_at_once() -> None:
    """A call beyond those that may wait is told so, without waiting, and how many wait."""
    subject = lane(waiting_max=2)
    async with held(subject):
        tasks = await begin(subject, ("a-0", False), ("a-1", False), order=[])
        with pytest.raises(RequestError) as caught:
            await subject.enter("b", urgent=True)
    assert caught.value.reason == Reason.ERROR_REASON_OVERLOADED
    assert caught.value.metadata == {"lane": "desk", "waiting_calls": "2"}
    await asyncio.gather(*tasks)


class Fickle(Lane):
    """A lane whose caller goes away at the very moment at which the turn comes."""

    leaver: asyncio.Task[None]

    def _next(self) -> "asyncio.Future[None] | None":
        turn = super()._next()
        asyncio.get_running_loop().call_soon(self.leaver.cancel)
        return turn


async def test_a_turn_that_comes_as_its_caller_goes_is_given_back() -> None:
    """The place is free again for whoever comes next."""
    subject = Fickle("desk", working_max=1, waiting_max=1)
    async with held(subject):
        (subject.leaver,) = await begin(subject, ("a-0", False), order=[])
    with pytest.raises(asyncio.CancelledError):
        await subject.leaver
    assert subject.working == 0


async def test_nobody_overtakes_those_who_wait() -> None:
    """A place that is free while others wait is theirs."""
    subject = lane()
    order: list[str] = []
    async with held(subject):
        tasks = await begin(subject, ("a-0", False), order=order)
    assert not subject.enter_at_once()
    await asyncio.gather(*tasks)
    assert subject.enter_at_once()


@settings(max_examples=50, deadline=None)
@given(
    working_max=st.integers(1, 4),
    calls=st.lists(
        st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans(), st.integers(0, 3)),
        max_size=30,
    ),
)
def test_no_place_is_lost(working_max: int, calls: list[tuple[str, bool, bool, int]]) -> None:
    """However calls come, work and go away, never too many work, and all places are free again."""

    async def run() -> None:
        subject = lane(working_max)
        most = 0

        async def call(peer: str, urgent: bool, turns: int) -> None:
            nonlocal most
            await subject.enter(peer, urgent=urgent)
            most = max(most, subject.working)
            try:
                for _ in range(turns):
                    await asyncio.sleep(0)
            finally:
                subject.leave()

        tasks = []
        for peer, urgent, goes_away, turns in calls:
            task = asyncio.create_task(call(peer, urgent, turns))
            for _ in range(turns):
                await asyncio.sleep(0)
            if goes_away:
                task.cancel()
            tasks.append(task)
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        assert subject.working == 0
        assert most <= working_max
        assert subject.enter_at_once()

    asyncio.run(run())
