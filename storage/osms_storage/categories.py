"""Applies syncs of categories: in one revision or not at all.

Comparison happens inside the store: what a sync changes becomes rows of `staged_change`, which are
counted (for the shrink guard), copied to the facts, and walked to bring the ledgers up.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.errors import RunAbandonedError
from osms_storage.ledgers import reproject_assignments
from osms_storage.records import (
    ScopeShrink,
    ShrinkGuard,
    SyncCounts,
    SyncHeader,
    SyncOutcome,
    SyncResult,
    removal_reason_id,
)
from osms_storage.reference import ReferenceData
from osms_storage.schema import feed_delivery, staged_change, staged_record, sync_run
from osms_storage.store import Unit
from osms_storage.syncs import (
    APPLIED,
    HELD,
    RECEIVING,
    SUPERSEDED,
    clear_staging,
    write_removal_reasons,
)

NOT_IN_SNAPSHOT = "NOT_IN_SNAPSHOT"
"""Why a span is closed that a snapshot does not contain."""
LEDGER_PAGE_PEOPLE = 2_000
"""How many ledgers are brought up at a time."""

# The last version of every assignment, restricted by {where} on assignment "v".
_LATEST = """
SELECT v.* FROM assignment v WHERE {where} AND NOT EXISTS (
  SELECT 1 FROM assignment n WHERE n.iin = v.iin AND n.source_id = v.source_id
    AND n.category_id = v.category_id AND n.assigned_on = v.assigned_on
    AND n.batch_id > v.batch_id)
"""

# Whether any version of the assignment {row} came by a delta whose day is after :as_of.
_TOUCHED_LATER = """
EXISTS (SELECT 1 FROM assignment a JOIN sync_run r ON r.batch_id = a.batch_id
  WHERE a.iin = {row}.iin AND a.source_id = {row}.source_id
    AND a.category_id = {row}.category_id AND a.assigned_on = {row}.assigned_on
    AND r.kind = 'DELTA' AND r.as_of > :as_of)
"""

_FIND_CHANGED = f"""
INSERT INTO staged_change (run_id, iin, source_id, category_id, assigned_on, removed_on,
  removal_source_id, removal_reason_id, closing)
SELECT s.run_id, s.iin, s.source_id, s.category_id, s.assigned_on, s.removed_on,
  s.removal_source_id, s.removal_reason_id, 0
FROM staged_record s
LEFT JOIN assignment l ON l.iin = s.iin AND l.source_id = s.source_id
  AND l.category_id = s.category_id AND l.assigned_on = s.assigned_on
  AND l.batch_id = (SELECT MAX(n.batch_id) FROM assignment n WHERE n.iin = s.iin
    AND n.source_id = s.source_id AND n.category_id = s.category_id
    AND n.assigned_on = s.assigned_on)
WHERE s.run_id = :run_id AND (l.iin IS NULL OR (
  (l.removed_on IS DISTINCT FROM s.removed_on
   OR l.removal_source_id IS DISTINCT FROM s.removal_source_id
   OR l.removal_reason_id IS DISTINCT FROM s.removal_reason_id)
  AND (:is_delta = 1 OR NOT {_TOUCHED_LATER.format(row="l")})))
"""

# A delta that repeats what is known: kept, because it protects the span from older snapshots.
_FIND_CONFIRMED = """
INSERT INTO staged_change (run_id, iin, source_id, category_id, assigned_on, removed_on,
  removal_source_id, removal_reason_id, closing)
SELECT s.run_id, s.iin, s.source_id, s.category_id, s.assigned_on, s.removed_on,
  s.removal_source_id, s.removal_reason_id, 0
FROM staged_record s
WHERE s.run_id = :run_id
  AND NOT EXISTS (SELECT 1 FROM staged_change c WHERE c.run_id = s.run_id AND c.iin = s.iin
    AND c.source_id = s.source_id AND c.category_id = s.category_id
    AND c.assigned_on = s.assigned_on)
  AND NOT EXISTS (SELECT 1 FROM assignment l JOIN sync_run r ON r.batch_id = l.batch_id
    WHERE l.iin = s.iin AND l.source_id = s.source_id AND l.category_id = s.category_id
    AND l.assigned_on = s.assigned_on AND r.kind = 'DELTA' AND r.as_of >= :as_of)
"""

_OPEN_WHERE = """
v.assigned_on > 0 AND v.assigned_on <= :as_of
AND EXISTS (SELECT 1 FROM sync_scope c WHERE c.run_id = :run_id AND c.source_id = v.source_id
  AND c.category_id = v.category_id)
"""
_OPEN = f"""
SELECT o.* FROM ({_LATEST.format(where=_OPEN_WHERE)}) o
WHERE (o.removed_on IS NULL OR o.removed_on > :as_of)
  AND NOT EXISTS (SELECT 1 FROM assignment w WHERE w.iin = o.iin AND w.source_id = o.source_id
    AND w.category_id = o.category_id AND w.assigned_on < 0 AND -w.assigned_on > o.assigned_on
    AND -w.assigned_on <= :as_of AND (o.removed_on IS NULL OR w.batch_id > o.batch_id))
"""

_FIND_CLOSING = f"""
INSERT INTO staged_change (run_id, iin, source_id, category_id, assigned_on, removed_on,
  removal_source_id, removal_reason_id, closing)
SELECT :run_id, o.iin, o.source_id, o.category_id, o.assigned_on, :as_of, :sender_id,
  :reason_id, 1
FROM ({_OPEN}) o
WHERE NOT EXISTS (SELECT 1 FROM staged_record s WHERE s.run_id = :run_id AND s.iin = o.iin
    AND s.source_id = o.source_id AND s.category_id = o.category_id
    AND s.assigned_on = o.assigned_on)
  AND NOT EXISTS (SELECT 1 FROM staged_protection p WHERE p.run_id = :run_id AND p.iin = o.iin)
  AND NOT {_TOUCHED_LATER.format(row="o")}
"""

_COUNT_OPEN = f"""
SELECT o.source_id, o.category_id, COUNT(*) FROM ({_OPEN}) o GROUP BY o.source_id, o.category_id
"""

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
    *,
    content: bytes,
    counts: tuple[int, int],
    data: ReferenceData,
    guard: ShrinkGuard | None,
    unclosable: Sequence[tuple[int, int]],
    operator_reason: str | None = None,
) -> SyncResult:
    """Apply a staged sync in this unit, or hold it if the guard says so (None: no guard).

    ``counts`` are records received and rejected; ``unclosable`` parts of a scope are never closed.
    Raises RunAbandonedError if the run was discarded meanwhile.
    """
    connection = unit.connection
    state = await connection.scalar(select(sync_run.c.state).where(sync_run.c.id == run_id))
    if state not in (RECEIVING, HELD):
        raise RunAbandonedError
    records, rejected = counts
    values: dict[str, Any] = {
        "run_id": run_id,
        "sender_id": header.sender_id,
        "as_of": header.as_of.toordinal(),
        "reason_id": removal_reason_id(NOT_IN_SNAPSHOT),
    }
    await connection.execute(delete(staged_change).where(staged_change.c.run_id == run_id))
    changed = (
        await connection.execute(
            text(_FIND_CHANGED), {**values, "is_delta": int(not header.snapshot)}
        )
    ).rowcount
    shrink: tuple[ScopeShrink, ...] = ()
    if not header.snapshot:
        await connection.execute(text(_FIND_CONFIRMED), values)
    else:
        await write_removal_reasons(connection, [NOT_IN_SNAPSHOT])
        await connection.execute(text(_FIND_CLOSING), values)
        await _spare(connection, run_id, unclosable)
        shrink = await _shrink(connection, values, guard)
    closed = sum(part.closing_spans for part in shrink)
    done = SyncCounts(records, changed, rejected, closed)
    run = update(sync_run).where(sync_run.c.id == run_id)
    if any(part.held for part in shrink):
        await connection.execute(delete(staged_change).where(staged_change.c.run_id == run_id))
        await connection.execute(run.values(state=HELD, content=content, counts=json.dumps(done)))
        await _supersede(connection, run_id, header)
        return SyncResult(SyncOutcome.HELD, run_id, done, shrink=shrink)
    batch_id = await unit.open_batch("SNAPSHOT" if header.snapshot else "DELTA")
    await connection.execute(text(_APPLY), {"batch_id": batch_id, "run_id": run_id})
    await _deliver(connection, run_id, batch_id, header)
    await _bring_up_ledgers(connection, run_id, data)
    await clear_staging(connection, run_id)
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


async def _spare(
    connection: AsyncConnection, run_id: int, unclosable: Sequence[tuple[int, int]]
) -> None:
    for source_id, category_id in unclosable:
        await connection.execute(
            delete(staged_change).where(
                staged_change.c.run_id == run_id,
                staged_change.c.closing == 1,
                staged_change.c.source_id == source_id,
                staged_change.c.category_id == category_id,
            )
        )


async def _shrink(
    connection: AsyncConnection, values: dict[str, Any], guard: ShrinkGuard | None
) -> tuple[ScopeShrink, ...]:
    closing = await connection.execute(
        select(staged_change.c.source_id, staged_change.c.category_id, func.count())
        .where(staged_change.c.run_id == values["run_id"], staged_change.c.closing == 1)
        .group_by(staged_change.c.source_id, staged_change.c.category_id)
    )
    counts = {(row[0], row[1]): row[2] for row in closing}
    if not counts:
        return ()
    opened = await connection.execute(text(_COUNT_OPEN), values)
    spans = {(row[0], row[1]): row[2] for row in opened}
    return tuple(
        ScopeShrink(
            source_id=source_id,
            category_id=category_id,
            open_spans=spans[source_id, category_id],
            closing_spans=count,
            held=guard is not None
            and count > guard.close_min
            and count > guard.close_share_max * spans[source_id, category_id],
        )
        for (source_id, category_id), count in sorted(counts.items())
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


async def _bring_up_ledgers(connection: AsyncConnection, run_id: int, data: ReferenceData) -> None:
    last = -1
    while True:
        people = list(
            await connection.scalars(
                select(staged_change.c.iin)
                .distinct()
                .where(staged_change.c.run_id == run_id, staged_change.c.iin > last)
                .order_by(staged_change.c.iin)
                .limit(LEDGER_PAGE_PEOPLE)
            )
        )
        if not people:
            return
        await reproject_assignments(connection, people, data)
        last = people[-1]


async def _supersede(connection: AsyncConnection, run_id: int, header: SyncHeader) -> None:
    """Drop held snapshots that share a part of the scope and are not newer."""
    held = await connection.scalars(
        text(_HELD_BEFORE), {"run_id": run_id, "as_of": header.as_of.toordinal()}
    )
    for other in list(held):
        await clear_staging(connection, other)
        await connection.execute(
            update(sync_run).where(sync_run.c.id == other).values(state=SUPERSEDED)
        )
