"""How fresh the feeds of each source are, and which snapshots are held."""

from collections import defaultdict
from datetime import date

from sqlalchemy import Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.clock import from_microseconds
from osms_storage.records import Feed, Feeds
from osms_storage.schema import batch, feed_delivery, register, revision, sync_run

# The distinct sources of a table by one look-up each: a scan would grow with its rows.
_SOURCES = """
WITH RECURSIVE found(source_id) AS (
  SELECT MIN(source_id) FROM {table}
  UNION ALL
  SELECT (SELECT MIN(t.source_id) FROM {table} t WHERE t.source_id > f.source_id)
  FROM found f WHERE f.source_id IS NOT NULL
)
SELECT source_id FROM found WHERE source_id IS NOT NULL
"""


async def read_feeds(connection: AsyncConnection, known_revision: int | None = None) -> Feeds:
    """Return the newest delivery of every feed known at a revision (None: all)."""
    newest = select(batch.c.id).order_by(batch.c.revision.desc(), batch.c.id.desc()).limit(1)
    if known_revision is not None:
        newest = newest.where(batch.c.revision <= known_revision)
    limit = await connection.scalar(newest) or 0
    registers = await _newest_batches(connection, register, limit)
    categories = await _newest_batches(connection, feed_delivery, limit)
    return Feeds(
        registers={
            source_id: await _register_feed(connection, source_id, batch_id)
            for source_id, batch_id in registers.items()
        },
        categories={
            source_id: await _category_feed(connection, source_id, batch_id)
            for source_id, batch_id in categories.items()
        },
    )


async def _newest_batches(connection: AsyncConnection, table: Table, limit: int) -> dict[int, int]:
    """Return each source's newest batch up to a limit."""
    found: dict[int, int] = {}
    for source_id in list(await connection.scalars(text(_SOURCES.format(table=table.name)))):
        batch_id = await connection.scalar(
            select(func.max(table.c.batch_id)).where(
                table.c.source_id == source_id, table.c.batch_id <= limit
            )
        )
        if batch_id is not None:
            found[source_id] = batch_id
    return found


async def _register_feed(connection: AsyncConnection, source_id: int, batch_id: int) -> Feed:
    row = (
        await connection.execute(
            select(register.c.received_on, revision.c.recorded_at)
            .join(batch, batch.c.id == register.c.batch_id)
            .join(revision, revision.c.number == batch.c.revision)
            .where(register.c.batch_id == batch_id)
        )
    ).one()
    return Feed(source_id, from_microseconds(row[1]), date.fromordinal(row[0]))


async def _category_feed(connection: AsyncConnection, source_id: int, batch_id: int) -> Feed:
    row = (
        await connection.execute(
            select(feed_delivery.c.as_of, revision.c.recorded_at)
            .join(batch, batch.c.id == feed_delivery.c.batch_id)
            .join(revision, revision.c.number == batch.c.revision)
            .where(feed_delivery.c.source_id == source_id, feed_delivery.c.batch_id == batch_id)
        )
    ).one()
    return Feed(source_id, from_microseconds(row[1]), date.fromordinal(row[0]))


async def held_runs(connection: AsyncConnection) -> dict[int, list[int]]:
    """Return the ids of held snapshots by sender."""
    held: dict[int, list[int]] = defaultdict(list)
    rows = await connection.execute(
        select(sync_run.c.sender_id, sync_run.c.id)
        .where(sync_run.c.state == "HELD")
        .order_by(sync_run.c.id)
    )
    for sender_id, run_id in rows:
        held[sender_id].append(run_id)
    return held
