"""How fresh the feeds of each source are, and which snapshots are held."""

from collections import defaultdict
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.clock import from_microseconds
from osms_storage.records import Feed, Feeds
from osms_storage.schema import batch, feed_delivery, register, revision, sync_run


async def read_feeds(connection: AsyncConnection, known_revision: int | None = None) -> Feeds:
    """Return the newest delivery of every feed known at a revision (None: all)."""
    newest_batch = select(func.max(batch.c.id))
    if known_revision is not None:
        newest_batch = newest_batch.where(batch.c.revision <= known_revision)
    limit = await connection.scalar(newest_batch) or 0
    registers = await connection.execute(
        select(register.c.source_id, func.max(register.c.batch_id))
        .where(register.c.batch_id <= limit)
        .group_by(register.c.source_id)
    )
    categories = await connection.execute(
        select(feed_delivery.c.source_id, func.max(feed_delivery.c.batch_id))
        .where(feed_delivery.c.batch_id <= limit)
        .group_by(feed_delivery.c.source_id)
    )
    return Feeds(
        registers={
            source_id: await _register_feed(connection, source_id, batch_id)
            for source_id, batch_id in registers
        },
        categories={
            source_id: await _category_feed(connection, source_id, batch_id)
            for source_id, batch_id in categories
        },
    )


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
