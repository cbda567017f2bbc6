"""A watcher in the process of the store: it folds what it is told, and checks it."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from datetime import date
from weakref import WeakKeyDictionary

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms.values import almaty_date, format_iin
from osms_server import answers
from osms_server.inquiry import Inquiry
from osms_server.law import Laws
from osms_server.meter import Meter
from osms_server.settings import Settings
from osms_server.watching.teller import Teller
from osms_server.watching.watch import Watching
from osms_storage.pulse import read_pulse
from osms_storage.store import Store, newest_revision
from osms_storage.telling import begin_day
from tests.callers import forgetful_recorder

State = tuple[str, str, str]
"""Status, valid through, covered through."""

PATIENCE_S = 20.0
"""A watcher that is not told what it waits for fails instead of standing still."""
IMPATIENT = Settings(tell_every_s=0.001, checkpoint_every_s=0.001)


def status_name(number: int) -> str:
    """Return the short name of a status."""
    name = core_pb2.EligibilityStatus.Name(number)  # type: ignore[arg-type] # from the contract
    return name.removeprefix("ELIGIBILITY_STATUS_")


def state_of(state: pb.ConsumerState) -> State:
    """Return a state as it is compared."""
    return status_name(state.status), state.valid_through, state.covered_through


class Watcher:
    """Folds states and changes; a change that does not fit what it knows fails the test."""

    def __init__(self, store: Store, iins: Sequence[int]) -> None:
        self._watching = Watching(store, IMPATIENT, forgetful_recorder(), Meter(1))
        self._iins = [format_iin(iin) for iin in iins]
        self._store = store
        self._seen: set[tuple[str, int]] = set()
        self.states: dict[str, State] = {}
        self.changes: list[pb.ConsumerChange] = []
        """All that it was told of, in order."""
        self.token = ""

    async def responses(self) -> AsyncGenerator[pb.WatchConsumersResponse, None]:
        """Yield what the gateway says from the last token on, taken in."""
        request = pb.WatchConsumersRequest(
            consumers=pb.ConsumerList(iins=self._iins), resume_token=self.token
        )
        async with aclosing(self._watching.watch(request)) as responses:
            async for response in responses:
                self._take(response)
                yield response

    async def listen(self, messages: int) -> None:
        """Take so many messages, then go away."""
        async with aclosing(self.responses()) as responses:
            async for _ in responses:
                messages -= 1
                if messages <= 0:
                    return

    async def catch_up(self) -> list[pb.ConsumerChange]:
        """Take all that there is to tell of the store's newest revision; return the changes."""
        known = len(self.changes)
        async with self._store.reading() as connection:
            newest, _ = await newest_revision(connection)
        async with asyncio.timeout(PATIENCE_S), aclosing(self.responses()) as responses:
            async for response in responses:
                if response.checkpoint.revision >= newest:
                    break
        return self.changes[known:]

    def _take(self, response: pb.WatchConsumersResponse) -> None:
        for watched in response.states.consumers:
            self.states[watched.iin] = state_of(watched.state)
        for change in response.changes.changes:
            key = change.iin, change.revision
            assert key not in self._seen, "a person changed twice at a revision"
            self._seen.add(key)
            before, after = state_of(change.before), state_of(change.after)
            assert self.states[change.iin] == before, "a change was lost or told twice"
            corrected = change.kind == pb.CHANGE_KIND_CORRECTED
            assert corrected == (before == after)
            self.states[change.iin] = after
            self.changes.append(change)
        self.token = response.resume_token or self.token


async def tell_all(store: Store, teller: Teller | None = None) -> None:
    """Tell until there is nothing left to tell, of the present day too."""
    teller = teller or Teller(store, looks_every_s=1)
    await begin_day(store)
    while True:
        async with store.reading() as connection:
            pulse = await read_pulse(connection)
        if pulse.idle:
            return
        assert await teller.step()


_inquiries: WeakKeyDictionary[Store, Inquiry] = WeakKeyDictionary()


def inquiry_of(store: Store) -> Inquiry:
    """Return the one inquiry of a store, as a gateway has: each keeps connections to itself."""
    if store not in _inquiries:
        _inquiries[store] = Inquiry(store, Laws(store))
    return _inquiries[store]


async def looked_up(store: Store, iins: Sequence[int]) -> dict[str, State]:
    """Return what lookups answer for today."""
    today = almaty_date(store.clock())
    view = await inquiry_of(store).view(iins, None, store.clock())
    states = {}
    for iin in iins:
        answer = core_pb2.Eligibility()
        answers.write_brief(answer, view, iin, today, answers.decide(view, iin, today), "")
        status = status_name(answer.status)
        states[answer.iin] = (status, answer.valid_through, answer.covered_through)
    return states


async def statuses(store: Store, iins: Sequence[int], days: Sequence[date]) -> "Statuses":
    """Return what lookups answer for many days, day by day."""
    view = await inquiry_of(store).view(iins, None, store.clock())
    return {
        format_iin(iin): [answers.decide(view, iin, day).status for day in days] for iin in iins
    }


Statuses = dict[str, list[str]]


def differences(
    before: Statuses, after: Statuses, days: Sequence[date]
) -> Iterator[tuple[str, date]]:
    """Yield who has another status on some day, with the first such day."""
    for iin in after:
        for day, was, now in zip(days, before[iin], after[iin], strict=True):
            if was != now:
                yield iin, day
                break
