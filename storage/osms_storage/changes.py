"""What watchers are told: the last told state of people, and the changes since a step.

Steps are written by osms_storage.telling, whole and one after the other; what a step told never
changes, and is purged from the oldest on.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.keys import among
from osms_storage.schema import change, standing, telling


class State(NamedTuple):
    """An answer, as far as a change of it is told. Days are ordinals."""

    status: int
    """A number of the contract's EligibilityStatus."""
    valid_through: int | None
    covered_through: int | None


class Change(NamedTuple):
    """What became of one person at one step."""

    iin: int
    step: int
    revision: int
    """The one it was found at."""
    cause: int
    """A number of the contract's ChangeCause."""
    effective_on: int
    """The first day whose status is another than was told."""
    before: State
    after: State
    """The same as before where only other days than today are answered otherwise."""

    @classmethod
    def of_row(cls, row: Row[Any]) -> Self:
        """Return the change of a stored row."""
        return cls(*row[:5], State(*row[5:8]), State(*row[8:]))  # type: ignore[arg-type, call-arg] # a slice has no length

    def columns(self) -> tuple[int | None, ...]:
        """Return the change as it is stored."""
        return (*self[:5], *self.before, *self.after)


class Told(NamedTuple):
    """The steps there are; zeros if there is none."""

    oldest: int
    newest: int


async def told_steps(connection: AsyncConnection) -> Told:
    """Return the oldest step that was not purged, and the newest."""
    row = (await connection.execute(_TOLD)).one()
    return Told(row[0] or 0, row[1] or 0)


_TOLD = select(
    select(func.min(telling.c.step)).scalar_subquery(),
    select(func.max(telling.c.step)).scalar_subquery(),
)


async def read_states(connection: AsyncConnection, iins: Sequence[int]) -> dict[int, State]:
    """Return what was last told of these people; of whom there was nothing to tell is absent."""
    rows = await connection.execute(_STATES, {"keys": iins})
    return {row[0]: State(*row[1:]) for row in rows}


_STATES = select(
    standing.c.iin, standing.c.status, standing.c.valid_through, standing.c.covered_through
).where(among(standing.c.iin))


async def changes_of_step(connection: AsyncConnection, step: int) -> list[Change]:
    """Return everybody's changes of one step, ascending by IIN."""
    rows = await connection.execute(
        select(change).where(change.c.step == step).order_by(change.c.iin)
    )
    return [Change.of_row(row) for row in rows]


async def changes_of_people(
    connection: AsyncConnection, iins: Sequence[int], after: int, upto: int, limit: int
) -> list[Change]:
    """Return so many changes of these people after a step and up to one, by step and IIN."""
    rows = await connection.execute(
        select(change)
        .where(among(change.c.iin), change.c.step > after, change.c.step <= upto)
        .order_by(change.c.step, change.c.iin)
        .limit(limit),
        {"keys": iins},
    )
    return [Change.of_row(row) for row in rows]
