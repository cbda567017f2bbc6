"""Applies syncs of categories: in one revision or not at all.

What a sync changes was found before (osms_storage.comparison): it is held to the shrink guard,
copied to the facts, and walked to bring the ledgers up.
"""

import json

from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.category_records import (
    ScopeShrink,
    ShrinkGuard,
    SyncCounts,
    SyncHeader,
    SyncOutcome,
    SyncResult,
)
from osms_storage.comparison import Comparison, forget_changes, last_applied
from osms_storage.engines import refresh_statistics
from osms_storage.errors import OutdatedComparisonError, RunAbandonedError
from osms_storage.ledgers import reproject_assignments
from osms_storage.reference import ReferenceData
from osms_storage.schema import assignment, feed_delivery, staged_change, staged_record, sync_run
from osms_storage.store import Unit
from osms_storage.syncs import APPLIED, HELD, RECEIVING, SUPERSEDED
from osms_storage.touching import touch

LEDGER_PAGE_PEOPLE = 2_000
"""How many ledgers are brought up at a time."""

_HELD_BEFORE = """
SELECT DISTINCT c.run_id FROM sync_scope c
JOIN sync_scope m ON m.source_id = c.source_id AND m.category_id = c.category_id
JOIN sync_run r ON r.id = c.run_id
WHERE m.run_id = :run_id AND c.run_id <> :run_id AND r.state = 'HELD' AND r.as_of <= :as_of
"""

_APPLY = """
INSERT INTO assignment (iin, source_id, category_id, assigned_on, batch_id, removed_on,
  removal_source_id, removal_reason_id)
SELECT iin, source_id, category_id, assigned_on, :batch_id, removed_on, removal_source_id,
  removal_reason_id
FROM staged_change WHERE run_id = :run_id
"""


async def apply_run(
    unit: Unit,
    run_id: int,
    header: SyncHeader,
    comparison: Comparison,
    *,
    content: bytes,
    counts: tuple[int, int],
    data: ReferenceData,
    guard: ShrinkGuard | None,
    operator_reason: str | None = None,
) -> SyncResult:
    """Apply a staged sync in this unit, or hold it if the guard says so (None: no guard).

    ``counts`` are records received and rejected. Raises RunAbandonedError if the run was discarded
    meanwhile, OutdatedComparisonError if another gateway on this store applied a sync meanwhile.
    """
    connection = unit.connection
    state = await connection.scalar(select(sync_run.c.state).where(sync_run.c.id == run_id))
    if state not in (RECEIVING, HELD):
        raise RunAbandonedError
    if header.snapshot and comparison.last_batch != await last_applied(connection):
        raise OutdatedComparisonError
    records, rejected = counts
    done = SyncCounts(records, comparison.changed, rejected, comparison.closing.total())
    shrink = _shrink(comparison, guard)
    run = update(sync_run).where(sync_run.c.id == run_id)
    if any(part.held for part in shrink):
        await forget_changes(connection, run_id)
        await connection.execute(run.values(state=HELD, content=content, counts=json.dumps(done)))
        await _supersede(connection, run_id, header)
        return SyncResult(SyncOutcome.HELD, run_id, done, shrink=shrink)
    batch_id = await unit.open_batch("SNAPSHOT" if header.snapshot else "DELTA")
    await connection.execute(text(_APPLY), {"batch_id": batch_id, "run_id": run_id})
    if done.changed + done.closed > LEDGER_PAGE_PEOPLE:
        await refresh_statistics(connection, assignment)
    await _deliver(connection, run_id, batch_id, header)
    await _bring_up_ledgers(connection, run_id, batch_id, data)
    await connection.execute(
        run.values(
            state=APPLIED,
            batch_id=batch_id,
            content=content,
            counts=json.dumps(done),
            operator_reason=operator_reason,
        )
    )
    if header.snapshot:
        await _supersede(connection, run_id, header)
    return SyncResult(SyncOutcome.APPLIED, run_id, done, shrink=shrink)


def _shrink(comparison: Comparison, guard: ShrinkGuard | None) -> tuple[ScopeShrink, ...]:
    return tuple(
        ScopeShrink(
            source_id=part[0],
            category_id=part[1],
            open_spans=comparison.open_spans[part],
            closing_spans=count,
            held=guard is not None
            and count > guard.close_min
            and count > guard.close_share_max * comparison.open_spans[part],
        )
        for part, count in sorted(comparison.closing.items())
    )


async def _deliver(
    connection: AsyncConnection, run_id: int, batch_id: int, header: SyncHeader
) -> None:
    if header.snapshot:
        sources = {source_id for source_id, _ in header.scope}
    else:
        named = await connection.scalars(
            select(staged_record.c.source_id).distinct().where(staged_record.c.run_id == run_id)
        )
        sources = set(named)
    await connection.execute(
        insert(feed_delivery),
        [
            {"source_id": source_id, "batch_id": batch_id, "as_of": header.as_of.toordinal()}
            for source_id in {*sources, header.sender_id}
        ],
    )


async def _bring_up_ledgers(
    connection: AsyncConnection, run_id: int, batch_id: int, data: ReferenceData
) -> None:
    # Read by one statement: asked page by page, an engine that does not know of these new rows may
    # go through all of them for each page.
    people = (
        select(staged_change.c.iin)
        .distinct()
        .where(staged_change.c.run_id == run_id)
        .order_by(staged_change.c.iin)
    )
    async with connection.stream_scalars(people) as changed:
        first_part = 0
        async for page in changed.partitions(LEDGER_PAGE_PEOPLE):
            await reproject_assignments(connection, page, data)
            await touch(connection, batch_id, page, first_part=first_part)
            first_part += LEDGER_PAGE_PEOPLE


async def _supersede(connection: AsyncConnection, run_id: int, header: SyncHeader) -> None:
    """Drop held snapshots that share a part of the scope and are not newer."""
    held = await connection.scalars(
        text(_HELD_BEFORE), {"run_id": run_id, "as_of": header.as_of.toordinal()}
    )
    await connection.execute(
        update(sync_run).where(sync_run.c.id.in_(list(held))).values(state=SUPERSEDED)
    )
