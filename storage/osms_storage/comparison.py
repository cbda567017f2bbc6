"""Compares a staged sync with what is known: what it changes becomes rows of `staged_change`.

The comparison happens inside the store. A snapshot of the nation is compared some people at a
time, each time in a short transaction, so registers are taken meanwhile.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.category_records import SyncHeader, removal_reason_id
from osms_storage.engines import plan_for_values, refresh_statistics
from osms_storage.ledgers import EVERYBODY
from osms_storage.schema import assignment, staged_change, staged_record, sync_run
from osms_storage.store import Store
from osms_storage.syncs import keep_alive, write_removal_reasons

RECORDS_AT_A_TIME = 20_000
"""About how many staged records, or known versions, one statement compares."""
NOT_IN_SNAPSHOT = "NOT_IN_SNAPSHOT"
"""Why a span is closed that a snapshot does not contain."""
_EVERYBODY = {"after": -1, "upto": EVERYBODY}

Part = tuple[int, int]
"""A source and a category."""

# Every table is held to the same people, so that no plan reads more than these at a time; the
# planner has to know how many they are (see refresh_statistics).
_AMONG = "{row}.iin > :after AND {row}.iin <= :upto"
_SAME = """
{one}.iin = {other}.iin AND {one}.source_id = {other}.source_id
  AND {one}.category_id = {other}.category_id AND {one}.assigned_on = {other}.assigned_on
"""

# No later version of the assignment {row} is known.
_IS_LATEST = f"""
NOT EXISTS (SELECT 1 FROM assignment n WHERE {_SAME.format(one="n", other="{row}")}
  AND n.batch_id > {{row}}.batch_id AND {_AMONG.format(row="n")})
"""

# A version of the assignment {row} came by a delta whose day is after :as_of.
_TOUCHED_LATER = f"""
EXISTS (SELECT 1 FROM assignment a JOIN sync_run r ON r.batch_id = a.batch_id
  WHERE {_SAME.format(one="a", other="{row}")} AND r.kind = 'DELTA' AND r.as_of > :as_of)
"""

_INTO_CHANGES = """
INSERT INTO staged_change (run_id, iin, source_id, category_id, assigned_on, removed_on,
  removal_source_id, removal_reason_id, closing)
"""

_IS_CHANGED = """
(l.iin IS NULL OR l.removed_on IS DISTINCT FROM s.removed_on
  OR l.removal_source_id IS DISTINCT FROM s.removal_source_id
  OR l.removal_reason_id IS DISTINCT FROM s.removal_reason_id)
"""

# A delta is of few people: what is known of each of them is looked up.
_FIND_CHANGED_BY_DELTA = f"""
{_INTO_CHANGES}
SELECT s.run_id, s.iin, s.source_id, s.category_id, s.assigned_on, s.removed_on,
  s.removal_source_id, s.removal_reason_id, 0
FROM staged_record s
LEFT JOIN assignment l ON {_SAME.format(one="l", other="s")}
  AND l.batch_id = (SELECT MAX(n.batch_id) FROM assignment n
    WHERE {_SAME.format(one="n", other="s")})
WHERE s.run_id = :run_id AND {_IS_CHANGED}
"""

_FIND_CHANGED = f"""
{_INTO_CHANGES}
SELECT s.run_id, s.iin, s.source_id, s.category_id, s.assigned_on, s.removed_on,
  s.removal_source_id, s.removal_reason_id, 0
FROM staged_record s
LEFT JOIN (
  SELECT v.* FROM assignment v
  WHERE {_AMONG.format(row="v")} AND {_IS_LATEST.format(row="v")}
) l ON {_SAME.format(one="l", other="s")}
WHERE s.run_id = :run_id AND {_AMONG.format(row="s")} AND {_IS_CHANGED}
  AND (l.iin IS NULL OR NOT {_TOUCHED_LATER.format(row="l")})
"""

# A delta that repeats what is known: kept, because it protects the span from older snapshots.
_FIND_CONFIRMED = f"""
{_INTO_CHANGES}
SELECT s.run_id, s.iin, s.source_id, s.category_id, s.assigned_on, s.removed_on,
  s.removal_source_id, s.removal_reason_id, 0
FROM staged_record s
WHERE s.run_id = :run_id
  AND NOT EXISTS (SELECT 1 FROM staged_change c
    WHERE c.run_id = s.run_id AND {_SAME.format(one="c", other="s")})
  AND NOT EXISTS (SELECT 1 FROM assignment l JOIN sync_run r ON r.batch_id = l.batch_id
    WHERE {_SAME.format(one="l", other="s")} AND r.kind = 'DELTA' AND r.as_of >= :as_of)
"""

# Versions within the scope that may be open on :as_of.
_IN_SCOPE = f"""
SELECT v.* FROM assignment v
WHERE {_AMONG.format(row="v")} AND v.assigned_on > 0 AND v.assigned_on <= :as_of
  AND (v.removed_on IS NULL OR v.removed_on > :as_of)
  AND EXISTS (SELECT 1 FROM sync_scope c WHERE c.run_id = :run_id AND c.source_id = v.source_id
    AND c.category_id = v.category_id)
"""
# Of such versions {row} those that are the last of their assignment, and that no removal which
# came without a day of assignment has ended.
_IS_OPEN = f"""
{_IS_LATEST}
  AND NOT EXISTS (SELECT 1 FROM assignment w WHERE w.iin = {{row}}.iin
    AND w.source_id = {{row}}.source_id AND w.category_id = {{row}}.category_id
    AND w.assigned_on < 0 AND -w.assigned_on > {{row}}.assigned_on AND -w.assigned_on <= :as_of
    AND ({{row}}.removed_on IS NULL OR w.batch_id > {{row}}.batch_id)
    AND {_AMONG.format(row="w")})
"""

# What the snapshot does not contain is found first: in most months that is little. A removal in it
# that came without a day of assignment ends its span by itself.
_FIND_CLOSING = f"""
WITH missing AS MATERIALIZED (
  SELECT v.* FROM ({_IN_SCOPE}) v
  WHERE NOT EXISTS (SELECT 1 FROM staged_record s WHERE s.run_id = :run_id
    AND {_SAME.format(one="s", other="v")} AND {_AMONG.format(row="s")})
)
{_INTO_CHANGES}
SELECT :run_id, o.iin, o.source_id, o.category_id, o.assigned_on, :as_of, :sender_id, :reason_id, 1
FROM missing o
WHERE {_IS_OPEN.format(row="o")}
  AND NOT EXISTS (SELECT 1 FROM staged_record x WHERE x.run_id = :run_id AND x.iin = o.iin
    AND x.source_id = o.source_id AND x.category_id = o.category_id
    AND x.assigned_on < 0 AND -x.assigned_on > o.assigned_on)
  AND NOT EXISTS (SELECT 1 FROM staged_protection p WHERE p.run_id = :run_id AND p.iin = o.iin)
  AND NOT {_TOUCHED_LATER.format(row="o")}
"""

_COUNT_OPEN = f"""
SELECT o.source_id, o.category_id, COUNT(*) FROM ({_IN_SCOPE}) o
WHERE {_IS_OPEN.format(row="o")}
GROUP BY o.source_id, o.category_id
"""


@dataclass(slots=True)
class Comparison:
    """What a staged sync would change."""

    changed: int = 0
    """Records that bring something new."""
    closing: Counter[Part] = field(default_factory=Counter)
    """Spans that a snapshot closes."""
    open_spans: Counter[Part] = field(default_factory=Counter)
    """Spans open on the day of a snapshot, where it closes any."""
    last_batch: int = 0
    """The newest sync that it was compared with."""


async def compare_delta(connection: AsyncConnection, run_id: int, header: SyncHeader) -> Comparison:
    """Compare a staged delta within the transaction that applies it."""
    values = _values(run_id, header)
    await forget_changes(connection, run_id)
    found = await connection.execute(text(_FIND_CHANGED_BY_DELTA), values)
    await connection.execute(text(_FIND_CONFIRMED), values)
    return Comparison(changed=found.rowcount)


async def compare_snapshot(
    store: Store, run_id: int, header: SyncHeader, unclosable: Sequence[Part]
) -> Comparison:
    """Compare a staged snapshot, some people at a time.

    ``unclosable`` parts of its scope are never closed. Raises RunAbandonedError if the run ends
    meanwhile; that another sync is applied meanwhile is found when it is to be applied.
    """
    async with store.writing("SYNC") as unit:
        await forget_changes(unit.connection, run_id)
        await write_removal_reasons(unit.connection, [NOT_IN_SNAPSHOT])
        for table in (staged_record, assignment):
            await refresh_statistics(unit.connection, table)
        comparison = Comparison(last_batch=await last_applied(unit.connection))
    parts = []
    after = -1
    while after < _EVERYBODY["upto"]:
        store.check_open()
        async with store.writing("SYNC") as unit:
            await keep_alive(unit.connection, run_id)
            upto = await _next_bound(unit.connection, run_id, after)
            parts.append({"after": after, "upto": upto})
            await _compare(unit.connection, run_id, header, parts[-1], comparison)
        after = upto
    async with store.writing("SYNC") as unit:
        comparison.closing = await _count_closing(unit.connection, run_id, unclosable)
    for people in parts if comparison.closing else ():
        store.check_open()
        async with store.writing("SYNC") as unit:
            comparison.open_spans += await _count_open(unit.connection, run_id, header, people)
    return comparison


async def last_applied(connection: AsyncConnection) -> int:
    """Return the batch of the newest sync that was applied; 0 if none was."""
    return await connection.scalar(select(func.max(sync_run.c.batch_id))) or 0


async def forget_changes(connection: AsyncConnection, run_id: int) -> None:
    """Forget what a run was found to change."""
    await connection.execute(delete(staged_change).where(staged_change.c.run_id == run_id))


def _values(run_id: int, header: SyncHeader) -> dict[str, Any]:
    return {"run_id": run_id, "as_of": header.as_of.toordinal()}


async def _next_bound(connection: AsyncConnection, run_id: int, after: int) -> int:
    """Return up to whom the next statement compares; a person is compared whole."""
    bounds = []
    for table in (staged_record, assignment):
        keys = select(table.c.iin).where(table.c.iin > after)
        if table is staged_record:
            keys = keys.where(table.c.run_id == run_id)
        page = keys.order_by(table.c.iin).offset(RECORDS_AT_A_TIME).limit(1)
        bounds.append(await connection.scalar(page))
    return min((bound for bound in bounds if bound is not None), default=_EVERYBODY["upto"])


async def _compare(
    connection: AsyncConnection,
    run_id: int,
    header: SyncHeader,
    people: dict[str, int],
    comparison: Comparison,
) -> None:
    values = {**_values(run_id, header), **people}
    await plan_for_values(connection)
    found = await connection.execute(text(_FIND_CHANGED), values)
    comparison.changed += found.rowcount
    closing = {
        "sender_id": header.sender_id,
        "reason_id": removal_reason_id(NOT_IN_SNAPSHOT),
    }
    await connection.execute(text(_FIND_CLOSING), {**values, **closing})


async def _count_closing(
    connection: AsyncConnection, run_id: int, unclosable: Sequence[Part]
) -> Counter[Part]:
    """Count what is closed, after sparing what never is."""
    table = staged_change.c
    ours = (table.run_id == run_id) & (table.closing == 1)
    for source_id, category_id in unclosable:
        part = (table.source_id == source_id) & (table.category_id == category_id)
        await connection.execute(delete(staged_change).where(ours, part))
    rows = await connection.execute(
        select(table.source_id, table.category_id, func.count())
        .where(ours)
        .group_by(table.source_id, table.category_id)
    )
    return Counter({(row[0], row[1]): row[2] for row in rows})


async def _count_open(
    connection: AsyncConnection, run_id: int, header: SyncHeader, people: dict[str, int]
) -> Counter[Part]:
    await plan_for_values(connection)
    rows = await connection.execute(text(_COUNT_OPEN), {**_values(run_id, header), **people})
    return Counter({(row[0], row[1]): row[2] for row in rows})
