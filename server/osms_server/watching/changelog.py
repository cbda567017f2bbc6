"""The changes of a store as its watchers read them: what all of them need is read once."""

import asyncio
from array import array
from bisect import bisect_left
from typing import NamedTuple, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from osms_server.errors import Reason, RequestError
from osms_storage.changes import (
    Change,
    State,
    Told,
    changes_of_people,
    changes_of_step,
    read_states,
    told_steps,
)
from osms_storage.pulse import read_pulse, told_through
from osms_storage.store import Store
from osms_storage.telling import STEP_PEOPLE_MAX

NEAR_STEPS = 16
"""So many of the newest steps are kept in memory, whole."""
READS_AT_A_TIME = 2
"""How many watchers read on their own at the same moment: lookups need connections too."""
CHANGES_AT_A_TIME = 1_000
"""From so many changes on a message takes no further step."""

People: TypeAlias = "array[int]"
"""IINs, ascending, each once: eight bytes a person."""


class Glance(NamedTuple):
    """How far a store has told, at one moment."""

    newest: int
    """The newest step."""
    revision: int
    """Every change up to it was told."""


class Page(NamedTuple):
    """What a watcher is told at a time."""

    changes: list[Change]
    states: dict[int, State] | None
    """None: it is no turn of states."""
    position: int
    """The step up to which everything has been told then."""


class ChangeLog:
    """Reads the changes of one store; a watcher that is slow makes nobody else wait."""

    def __init__(self, store: Store, *, looks_every_s: float) -> None:
        self._store = store
        self._looks_every_s = looks_every_s
        self._look: asyncio.Task[Glance] | None = None
        self._steps: dict[int, asyncio.Task[list[Change]]] = {}
        self._turns = asyncio.Semaphore(READS_AT_A_TIME)

    async def glance(self) -> Glance:
        """Return how far the store has told, a moment from now; all who wait share one read."""
        if self._look is None or self._look.done():
            self._look = self._store.begin(self._glance())
        return await asyncio.shield(self._look)

    async def _glance(self) -> Glance:
        await asyncio.sleep(self._looks_every_s)
        async with self._store.deciding() as connection:
            pulse = await read_pulse(connection)
            return Glance(pulse.step, await told_through(connection, pulse))

    async def resume(self, position: int) -> bool:
        """Return whether there ever was this step; raise RequestError if what follows is purged."""
        async with self._store.deciding() as connection:
            return position <= (await require_kept(connection, position + 1)).newest

    async def begin(self, people: People, stated: int, position: int, states_max: int) -> Page:
        """Return the states of the next people, or what has changed for those before them.

        The first ``stated`` people have been told of up to ``position``. Changes of theirs come
        first, so that all people have been told of up to one step in the end.
        """
        async with self._turns, self._store.deciding() as connection:
            newest = (await told_steps(connection)).newest
            before = list(people[:stated]) if position < newest else []
            changes = await changes_of_people(
                connection, before, position, newest, STEP_PEOPLE_MAX + 1
            )
            page = _whole_steps(changes, newest)
            if page.position < newest:
                return page
            states = await read_states(connection, list(people[stated : stated + states_max]))
            return Page(page.changes, states, newest)

    async def after(self, people: People, position: int, newest: int) -> Page:
        """Return what changed for some people after a step, up to the newest one or less far.

        Raises RequestError if that is not kept any more.
        """
        if newest - position > NEAR_STEPS:
            return await self._far(people, position, newest)
        changes: list[Change] = []
        for step in range(position + 1, newest + 1):
            changes += [item for item in await self._near(step) if _among(people, item.iin)]
            if len(changes) >= CHANGES_AT_A_TIME:
                return Page(changes, None, step)
        return Page(changes, None, newest)

    async def _far(self, people: People, position: int, newest: int) -> Page:
        async with self._turns, self._store.deciding() as connection:
            await require_kept(connection, position + 1)
            return _whole_steps(
                await changes_of_people(
                    connection, list(people), position, newest, STEP_PEOPLE_MAX + 1
                ),
                newest,
            )

    async def _near(self, step: int) -> list[Change]:
        if step not in self._steps:
            self._steps[step] = self._store.begin(self._read(step))
            for old in [item for item in self._steps if item <= step - NEAR_STEPS]:
                del self._steps[old]
        task = self._steps[step]
        try:
            return await asyncio.shield(task)
        except Exception:
            self._steps.pop(step, None)
            raise

    async def _read(self, step: int) -> list[Change]:
        async with self._store.deciding() as connection:
            await require_kept(connection, step)
            return await changes_of_step(connection, step)


def _among(people: People, iin: int) -> bool:
    place = bisect_left(people, iin)
    return place < len(people) and people[place] == iin


def _whole_steps(changes: list[Change], newest: int) -> Page:
    """Return changes without the last step's, if there may be more of those."""
    if len(changes) <= STEP_PEOPLE_MAX:
        return Page(changes, None, newest)
    last = changes[-1].step
    return Page([item for item in changes if item.step < last], None, last - 1)


async def require_kept(connection: AsyncConnection, step: int) -> Told:
    """Return the steps there are; raise RequestError if this one was purged."""
    told = await told_steps(connection)
    if step < told.oldest:
        raise RequestError(
            Reason.ERROR_REASON_RESUME_TOKEN_EXPIRED,
            "What changed since is not kept any more; watch anew without a token.",
        )
    return told
