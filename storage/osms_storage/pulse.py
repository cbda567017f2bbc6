"""Where a store stands with the telling of changes: one cheap read, made again and again."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms.values import ALMATY, almaty_date
from osms_storage.clock import from_microseconds
from osms_storage.schema import batch, census, revision, standing, telling, touched
from osms_storage.store import revision_at


class Pulse(NamedTuple):
    """Where a store stands with its telling."""

    step: int
    """The newest step; 0: none."""
    revision: int
    recorded_at: int
    touched_by: int | None
    """The oldest batch whose people wait to be looked at; None: nobody waits."""
    census_by: int | None
    """The oldest batch that touched everybody, while not everybody was looked at."""
    ends_on: int | None
    """The last day on which no answer changes by itself; None: none ever does."""

    @property
    def today(self) -> date:
        """The day in Almaty of the newest revision."""
        return almaty_date(from_microseconds(self.recorded_at))

    @property
    def expired(self) -> bool:
        """Whether somebody's answer has changed by the passing of time."""
        return self.ends_on is not None and self.ends_on < self.today.toordinal()

    @property
    def idle(self) -> bool:
        """Whether nobody is to be looked at."""
        return self.touched_by is None and self.census_by is None and not self.expired


_PULSE = select(
    select(func.max(telling.c.step)).scalar_subquery(),
    select(func.max(revision.c.number)).scalar_subquery(),
    select(func.max(revision.c.recorded_at)).scalar_subquery(),
    select(func.min(touched.c.batch_id)).scalar_subquery(),
    select(func.min(census.c.batch_id)).scalar_subquery(),
    select(func.min(standing.c.ends_on)).scalar_subquery(),
)


async def read_pulse(connection: AsyncConnection) -> Pulse:
    """Return where the store stands."""
    row = (await connection.execute(_PULSE)).one()
    return Pulse(row[0] or 0, row[1] or 0, row[2] or 0, *row[3:])


async def told_through(connection: AsyncConnection, pulse: Pulse) -> int:
    """Return the revision up to which every change has been told."""
    told = [pulse.revision]
    waiting = [item for item in (pulse.touched_by, pulse.census_by) if item is not None]
    if waiting:
        number = await connection.scalar(select(batch.c.revision).where(batch.c.id == min(waiting)))
        told.append((number or 1) - 1)
    if pulse.expired:
        assert pulse.ends_on is not None
        after = date.fromordinal(pulse.ends_on + 1)
        midnight = datetime.combine(after, time.min, ALMATY)
        told.append(await revision_at(connection, midnight - timedelta(microseconds=1)))
    return min(told)
