"""How fresh the feeds of each source are, and which snapshots are held."""

from collections import defaultdict
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.clock import from_microseconds
from osms_storage.records import Feed, Feeds
from osms_storage.schema import sync_run

# One statement: lookups read it whenever the revision has moved. The sources of a table are found
# by one look-up each, and so are their newest batches: a scan would grow with the rows.
_FEEDS = text("""
WITH RECURSIVE known(batch_id) AS (
  SELECT id FROM batch WHERE revision <= :revision ORDER BY revision DESC, id DESC LIMIT 1
), register_source(source_id) AS (
  SELECT MIN(source_id) FROM register
  UNION ALL
  SELECT (SELECT MIN(t.source_id) FROM register t WHERE t.source_id > s.source_id)
  FROM register_source s WHERE s.source_id IS NOT NULL
), category_source(source_id) AS (
  SELECT MIN(source_id) FROM feed_delivery
  UNION ALL
  SELECT (SELECT MIN(t.source_id) FROM feed_delivery t WHERE t.source_id > s.source_id)
  FROM category_source s WHERE s.source_id IS NOT NULL
), newest_register(source_id, batch_id) AS (
  SELECT s.source_id, (SELECT MAX(t.batch_id) FROM register t
    WHERE t.source_id = s.source_id AND t.batch_id <= (SELECT batch_id FROM known))
  FROM register_source s
), newest_delivery(source_id, batch_id) AS (
  SELECT s.source_id, (SELECT MAX(t.batch_id) FROM feed_delivery t
    WHERE t.source_id = s.source_id AND t.batch_id <= (SELECT batch_id FROM known))
  FROM category_source s
)
SELECT 1, n.source_id, r.received_on, v.recorded_at
FROM newest_register n
JOIN register r ON r.batch_id = n.batch_id
JOIN batch b ON b.id = n.batch_id
JOIN revision v ON v.number = b.revision
UNION ALL
SELECT 0, n.source_id, d.as_of, v.recorded_at
FROM newest_delivery n
JOIN feed_delivery d ON d.source_id = n.source_id AND d.batch_id = n.batch_id
JOIN batch b ON b.id = n.batch_id
JOIN revision v ON v.number = b.revision
""")
_ANY_REVISION = 2**62


async def read_feeds(connection: AsyncConnection, known_revision: int | None = None) -> Feeds:
    """Return the newest delivery of every feed known at a revision (None: all)."""
    revision = _ANY_REVISION if known_revision is None else known_revision
    registers: dict[int, Feed] = {}
    categories: dict[int, Feed] = {}
    for of_registers, source_id, as_of, recorded_at in await connection.execute(
        _FEEDS, {"revision": revision}
    ):
        feeds = registers if of_registers else categories
        feeds[source_id] = Feed(source_id, from_microseconds(recorded_at), date.fromordinal(as_of))
    return Feeds(registers=registers, categories=categories)


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
