"""Steps of telling: who may have changed, read at one moment, and what is told of it, written.

A step is read without a lock and decided by the caller. It is written only if no other step was
written since, so that several gateways may tell on one store; facts that came meanwhile have
touched their people again, and a later step reads them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Self

from sqlalchemy import Select, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from osms.values import almaty_date
from osms_storage.changes import Change, State, told_steps
from osms_storage.clock import to_microseconds
from osms_storage.engines import bulk_insert
from osms_storage.keys import among
from osms_storage.ledgers import StoredLedger, read_stored
from osms_storage.pulse import Pulse, read_pulse
from osms_storage.reference import newest_reference_revision
from osms_storage.schema import (
    LEDGER_COLUMNS,
    batch,
    census,
    change,
    ledger,
    standing,
    telling,
    touched,
)
from osms_storage.store import Store
from osms_storage.touching import PART_PEOPLE, people_of

STEP_PEOPLE = 2_000
"""From so many people on a step takes no more of them."""
EXPIRED_PEOPLE = 500
"""So many whose answer has ended a step takes in any case."""
STEP_PEOPLE_MAX = STEP_PEOPLE + PART_PEOPLE + EXPIRED_PEOPLE
"""More people than any step has."""
PARTS_SEEN = 64
"""How many parts are looked into, for the newest batch that touched a person."""
PURGED_STEPS = 5
"""How many steps are purged at a time."""

DAY = "DAY"
"""The kind of a batch that only says that a day has begun."""


class Standing(NamedTuple):
    """What was last told of a person, and what it was made of."""

    reference_revision: int
    """The law it was made by."""
    state: State
    ends_on: int | None
    """The last day on which it is not looked at; None: only when a batch touches the person."""
    ledger: StoredLedger

    def without_end(self) -> Self:
        """Return the same, not to be looked at before its person is touched again."""
        return self._replace(ends_on=None)


class Work(NamedTuple):
    """The people of one step, and all there is to know of them, read at one moment."""

    pulse: Pulse
    reference_revision: int
    """The newest law."""
    people: Sequence[int]
    kinds: Mapping[int, str]
    """The kind of the newest batch that touched a person, by IIN; absent: only time has passed."""
    ledgers: Mapping[int, StoredLedger]
    standings: Mapping[int, Standing]
    last_part: tuple[int, int] | None
    """The last of the parts that were taken."""
    census: tuple[int, int | None] | None
    """The batch whose census was taken up, and how far it comes; None: to its end."""


async def read_work(connection: AsyncConnection) -> Work:
    """Return what the next step is about: who was touched, else whose answer has expired.

    Who has been waiting for longer comes first, and a census last.
    """
    pulse = await read_pulse(connection)
    newest: dict[int, tuple[int, str]] = {}
    pending = (await connection.execute(_CENSUS)).all()
    parts = (await connection.execute(_PARTS)).all()
    people: set[int] = set()
    last_part = None
    taken = 0
    for batch_id, part, packed, kind in parts:
        waiting = people_of(packed)
        if len(people) < STEP_PEOPLE:
            people.update(waiting)
            last_part = batch_id, part
            taken += 1
        newest.update(dict.fromkeys(waiting, (batch_id, kind)))
    census_taken = None
    # However many wait to be looked at, days go on for the others.
    room = max(STEP_PEOPLE - len(people), EXPIRED_PEOPLE)
    due = _EXPIRED.where(standing.c.ends_on < pulse.today.toordinal())
    people.update(await connection.scalars(due.limit(room)))
    room = STEP_PEOPLE - len(people)
    if pending and taken == len(parts) < PARTS_SEEN and room > 0:
        batch_id, done_through, _ = pending[0]
        page = list(await connection.scalars(_people_after(done_through).limit(room)))
        people.update(page)
        census_taken = batch_id, page[-1] if len(page) == room else None
    for batch_id, done_through, kind in pending:
        for iin in people:
            if iin > done_through and newest.get(iin, (0, ""))[0] < batch_id:
                newest[iin] = batch_id, kind
    iins = sorted(people)
    return Work(
        pulse=pulse,
        reference_revision=await newest_reference_revision(connection, pulse.revision),
        people=iins,
        kinds={iin: kind for iin, (_, kind) in newest.items()},
        ledgers=await read_stored(connection, iins),
        standings=await _read_standings(connection, iins),
        last_part=last_part,
        census=census_taken,
    )


_PARTS = (
    select(touched.c.batch_id, touched.c.part, touched.c.people, batch.c.kind)
    .join(batch, batch.c.id == touched.c.batch_id)
    .order_by(touched.c.batch_id, touched.c.part)
    .limit(PARTS_SEEN)
)
_CENSUS = (
    select(census.c.batch_id, census.c.done_through, batch.c.kind)
    .join(batch, batch.c.id == census.c.batch_id)
    .order_by(census.c.batch_id)
)
_EXPIRED = select(standing.c.iin).order_by(standing.c.ends_on)


def _people_after(done_through: int) -> Select[int]:
    return select(ledger.c.iin).where(ledger.c.iin > done_through).order_by(ledger.c.iin)


_STANDING_COLUMNS = ("iin", "reference_revision", *State._fields, "ends_on", *LEDGER_COLUMNS)
_STANDINGS = select(*(standing.c[name] for name in _STANDING_COLUMNS)).where(among(standing.c.iin))


async def _read_standings(connection: AsyncConnection, iins: Sequence[int]) -> dict[int, Standing]:
    rows = await connection.execute(_STANDINGS, {"keys": iins})
    return {row[0]: Standing(row[1], State(*row[2:5]), row[5], tuple(row[6:])) for row in rows}


# --- writing -------------------------------------------------------------------------------------

_CHANGE_COLUMNS = (
    *("iin", "step", "revision", "cause", "effective_on"),
    *(f"before_{name}" for name in State._fields),
    *(f"after_{name}" for name in State._fields),
)


async def write_step(
    store: Store,
    work: Work,
    standings: Mapping[int, Standing | None],
    changes: Sequence[Change],
) -> bool:
    """Write what a step tells, and forget who was looked at.

    ``standings`` are those that are others now; None: nothing is known of the person any more.
    Returns False, and writes nothing, if another step was written since the work was read.
    """
    async with store.writing("TELLING") as unit:
        connection = unit.connection
        if (await told_steps(connection)).newest != work.pulse.step:
            return False
        told = (work.pulse.step + 1, work.pulse.revision, to_microseconds(store.clock()))
        await bulk_insert(connection, telling, ("step", "revision", "told_at"), [told])
        rows = [
            (iin, item.reference_revision, *item.state, item.ends_on, *item.ledger)
            for iin, item in standings.items()
            if item is not None
        ]
        columns = _STANDING_COLUMNS
        await bulk_insert(connection, standing, columns, rows, update=columns[1:])
        if gone := [iin for iin, item in standings.items() if item is None]:
            await connection.execute(delete(standing).where(among(standing.c.iin)), {"keys": gone})
        await bulk_insert(connection, change, _CHANGE_COLUMNS, [item.columns() for item in changes])
        await _forget(connection, work)
    return True


async def _forget(connection: AsyncConnection, work: Work) -> None:
    """Drop the parts that were looked at; what is written meanwhile is of later batches."""
    if work.last_part is not None:
        key = tuple_(touched.c.batch_id, touched.c.part)
        await connection.execute(delete(touched).where(key <= tuple_(*work.last_part)))
    if work.census is not None:
        batch_id, done_through = work.census
        ours = census.c.batch_id == batch_id
        if done_through is None:
            await connection.execute(delete(census).where(ours))
        else:
            await connection.execute(update(census).where(ours).values(done_through=done_through))


async def begin_day(store: Store) -> None:
    """Make a revision of the day in Almaty if there is none yet: time passes at a revision too."""
    async with store.writing(DAY) as unit:
        if (await read_pulse(unit.connection)).today < almaty_date(store.clock()):
            await unit.open_batch(DAY)


async def purge(store: Store, before: datetime) -> bool:
    """Drop a few of the oldest steps told before an instant; return whether there were any.

    The newest step stays: its number is where the next one goes on.
    """
    old = select(telling.c.step, telling.c.told_at).order_by(telling.c.step).limit(PURGED_STEPS + 1)
    async with store.deciding() as connection:
        rows = (await connection.execute(old)).all()
    last = 0
    for step, told_at in rows[:-1]:
        if told_at >= to_microseconds(before):
            break
        last = step
    if not last:
        return False
    async with store.writing("TELLING") as unit:
        for table in (change, telling):
            await unit.connection.execute(delete(table).where(table.c.step <= last))
    return True
