"""Syncs of categories on their way in: staged chunk by chunk, found again, held or forgotten."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.category_records import (
    CategoryRecord,
    SyncCounts,
    SyncHeader,
    SyncOutcome,
    SyncResult,
    removal_reason_id,
)
from osms_storage.clock import from_microseconds, system_clock, to_microseconds
from osms_storage.engines import bulk_insert
from osms_storage.errors import RunAbandonedError
from osms_storage.schema import (
    batch,
    removal_reason,
    revision,
    staged_change,
    staged_protection,
    staged_record,
    sync_run,
    sync_scope,
)
from osms_storage.store import Store, Unit

ABANDONED_AFTER = timedelta(hours=1)
"""A sync without a chunk for so long is forgotten."""

SWEPT_AT_A_TIME = 50_000
"""How many rows of a run that ended are dropped by one statement."""

RECEIVING, HELD, APPLIED = "RECEIVING", "HELD", "APPLIED"
SUPERSEDED, DISCARDED = "SUPERSEDED", "DISCARDED"
"""The states of a run."""

_RECORD_COLUMNS = ("run_id", *CategoryRecord._fields[:-1], "removal_reason_id")


async def open_run(store: Store, header: SyncHeader) -> int:
    """Begin to receive a sync; return its run id."""
    async with store.writing("SYNC") as unit:
        await _discard_abandoned(unit.connection)
        run_id = await _next_run_id(unit.connection)
        await unit.connection.execute(
            insert(sync_run),
            {
                "id": run_id,
                "sender_id": header.sender_id,
                "kind": "SNAPSHOT" if header.snapshot else "DELTA",
                "state": RECEIVING,
                "delta_number": header.delta_number,
                "as_of": header.as_of.toordinal(),
                "received_at": to_microseconds(system_clock()),
                "staged": 1,
            },
        )
        if header.scope:
            await unit.connection.execute(
                insert(sync_scope),
                [
                    {"run_id": run_id, "source_id": source_id, "category_id": category_id}
                    for source_id, category_id in header.scope
                ],
            )
    return run_id


async def stage_records(
    store: Store, run_id: int, records: Sequence[CategoryRecord], protected: Iterable[int]
) -> None:
    """Keep a chunk of a sync until it is committed; of two records of one key the last stays.

    Raises RunAbandonedError if the run was idle for so long that it was discarded.
    """
    async with store.writing("SYNC") as unit:
        await keep_alive(unit.connection, run_id)
        last = {record[:4]: (run_id, *record[:6], _reason_id(record)) for record in records}
        await bulk_insert(
            unit.connection,
            staged_record,
            _RECORD_COLUMNS,
            list(last.values()),
            update=_RECORD_COLUMNS[5:],
            expect_new=True,
        )
        reasons = {record.removal_reason for record in records if record.removal_reason}
        await write_removal_reasons(unit.connection, reasons)
        people = [(run_id, iin) for iin in dict.fromkeys(protected)]
        await bulk_insert(unit.connection, staged_protection, ("run_id", "iin"), people, update=())


def _reason_id(record: CategoryRecord) -> int | None:
    return removal_reason_id(record.removal_reason) if record.removal_reason else None


async def write_removal_reasons(connection: AsyncConnection, reasons: Iterable[str]) -> None:
    """Write reasons that are not known yet."""
    rows = [(removal_reason_id(reason), reason) for reason in reasons]
    await bulk_insert(connection, removal_reason, ("id", "reason"), rows, update=())


async def keep_alive(connection: AsyncConnection, run_id: int) -> None:
    """Note that a run is worked on; raise RunAbandonedError if it has ended."""
    kept = await connection.execute(
        update(sync_run)
        .where(sync_run.c.id == run_id, sync_run.c.state.in_((RECEIVING, HELD)))
        .values(received_at=to_microseconds(system_clock()))
    )
    if not kept.rowcount:
        raise RunAbandonedError


async def discard_run(store: Store, run_id: int) -> None:
    """Forget a sync that was not applied."""
    async with store.writing("SYNC") as unit:
        await _discard(unit.connection, [run_id])


async def _discard_abandoned(connection: AsyncConnection) -> None:
    """Forget syncs that nobody sends any more, as after a crash; another gateway may be sending."""
    idle_since = to_microseconds(system_clock() - ABANDONED_AFTER)
    rows = await connection.scalars(
        select(sync_run.c.id).where(
            sync_run.c.state == RECEIVING, sync_run.c.received_at < idle_since
        )
    )
    await _discard(connection, list(rows))


async def _discard(connection: AsyncConnection, run_ids: Sequence[int]) -> None:
    for run_id in run_ids:
        # The row stays, so that its id is never given to another run. One that was applied or held
        # meanwhile is left as it is.
        discarded = await connection.execute(
            update(sync_run)
            .where(sync_run.c.id == run_id, sync_run.c.state == RECEIVING)
            .values(state=DISCARDED)
        )
        if discarded.rowcount:
            await connection.execute(delete(sync_scope).where(sync_scope.c.run_id == run_id))


async def sweep(store: Store) -> None:
    """Drop what runs brought that ended, some of it at a time: a snapshot's is a nation's."""
    ended = select(sync_run.c.id).where(
        sync_run.c.staged == 1, sync_run.c.state.not_in((RECEIVING, HELD))
    )
    async with store.reading() as connection:
        run_ids = list(await connection.scalars(ended))
    for run_id in run_ids:
        for table in (staged_record, staged_protection, staged_change):
            after: int | None = -1
            while after is not None:
                after = await _sweep_some(store, table, run_id, after)
        async with store.writing("SYNC") as unit:
            await unit.connection.execute(
                update(sync_run).where(sync_run.c.id == run_id).values(staged=0)
            )


async def _sweep_some(store: Store, table: Table, run_id: int, after: int) -> int | None:
    """Drop rows of some people after an IIN; return the last one's if there are more."""
    store.check_open()
    ours = (table.c.run_id == run_id) & (table.c.iin > after)
    async with store.writing("SYNC") as unit:
        keys = select(table.c.iin).where(ours).order_by(table.c.iin)
        last = await unit.connection.scalar(keys.offset(SWEPT_AT_A_TIME).limit(1))
        rows = delete(table).where(ours)
        await unit.connection.execute(rows if last is None else rows.where(table.c.iin <= last))
    return last


async def expect_delta(unit: Unit, sender_id: int, number: int) -> None:
    """Let a sender's next delta have this number, as when it changes over from another system.

    Raises ValueError for a number that was passed already.
    """
    last = await last_delta_number(unit.connection, sender_id)
    if number <= last:
        raise ValueError(f"The next delta is already number {last + 1}.")
    if number == last + 1:
        return
    await unit.connection.execute(
        insert(sync_run),
        {
            "id": await _next_run_id(unit.connection),
            "batch_id": await unit.open_batch("START"),
            "sender_id": sender_id,
            "kind": "START",
            "state": APPLIED,
            "delta_number": number - 1,
            "as_of": 0,
            "received_at": to_microseconds(system_clock()),
            "staged": 0,
        },
    )


async def _next_run_id(connection: AsyncConnection) -> int:
    return 1 + (await connection.scalar(select(func.max(sync_run.c.id))) or 0)


async def last_delta_number(connection: AsyncConnection, sender_id: int) -> int:
    """Return the number of the sender's last delta, applied or included in a snapshot."""
    return (
        await connection.scalar(
            select(func.max(sync_run.c.delta_number)).where(
                sync_run.c.sender_id == sender_id, sync_run.c.state == APPLIED
            )
        )
        or 0
    )


@dataclass(frozen=True, slots=True)
class AppliedRun:
    """A run that was applied before."""

    content: bytes | None
    as_of: date
    result: SyncResult


async def find_applied(
    connection: AsyncConnection, header: SyncHeader, content: bytes
) -> AppliedRun | None:
    """Return the run that applied a delta of this number, or this very snapshot.

    A snapshot counts as applied while no other has replaced any part of its scope since.
    """
    statement = (
        select(sync_run, batch.c.revision, revision.c.recorded_at)
        .join(batch, batch.c.id == sync_run.c.batch_id)
        .join(revision, revision.c.number == batch.c.revision)
        .where(sync_run.c.sender_id == header.sender_id, sync_run.c.state == APPLIED)
        .where(sync_run.c.kind == ("SNAPSHOT" if header.snapshot else "DELTA"))
        .where(sync_run.c.delta_number == header.delta_number)
        .order_by(sync_run.c.batch_id.desc())
        .limit(1)
    )
    if header.snapshot:
        statement = statement.where(sync_run.c.content == content)
    row = (await connection.execute(statement)).first()
    if row is None or (header.snapshot and await _replaced(connection, row.id, row.batch_id)):
        return None
    return AppliedRun(
        content=row.content,
        as_of=date.fromordinal(row.as_of),
        result=SyncResult(
            SyncOutcome.ALREADY_APPLIED,
            row.id,
            SyncCounts(*json.loads(row.counts)),
            revision=row.revision,
            applied_at=from_microseconds(row.recorded_at),
        ),
    )


async def _replaced(connection: AsyncConnection, run_id: int, batch_id: int) -> bool:
    """Return whether a snapshot applied later shares a part of this one's scope."""
    mine = sync_scope.alias("mine")
    later = (
        select(sync_run.c.id)
        .join(sync_scope, sync_scope.c.run_id == sync_run.c.id)
        .join(
            mine,
            (mine.c.source_id == sync_scope.c.source_id)
            & (mine.c.category_id == sync_scope.c.category_id),
        )
        .where(mine.c.run_id == run_id, sync_run.c.state == APPLIED, sync_run.c.batch_id > batch_id)
        .limit(1)
    )
    return (await connection.execute(later)).first() is not None


def recorded(result: SyncResult, unit: Unit) -> SyncResult:
    """Return a result with the revision its unit became."""
    if result.outcome is not SyncOutcome.APPLIED:
        return result
    return replace(result, revision=unit.revision, applied_at=unit.recorded_at)


async def last_snapshot_of(
    connection: AsyncConnection, scope: Sequence[tuple[int, int]]
) -> tuple[tuple[int, int], date] | None:
    """Return the newest day of an applied snapshot on any part of a scope, with that part."""
    rows = await connection.execute(
        select(sync_scope.c.source_id, sync_scope.c.category_id, func.max(sync_run.c.as_of))
        .join(sync_run, sync_run.c.id == sync_scope.c.run_id)
        .where(sync_run.c.state == APPLIED, sync_run.c.kind == "SNAPSHOT")
        .group_by(sync_scope.c.source_id, sync_scope.c.category_id)
    )
    wanted = set(scope)
    days = ((row[2], (row[0], row[1])) for row in rows if (row[0], row[1]) in wanted)
    newest = max(days, default=None)
    return None if newest is None else (newest[1], date.fromordinal(newest[0]))


async def find_held(
    connection: AsyncConnection, run_id: int
) -> tuple[SyncHeader, bytes, tuple[int, int]] | None:
    """Return header, content and (records, rejected) of a held snapshot."""
    row = (
        await connection.execute(
            select(sync_run).where(sync_run.c.id == run_id, sync_run.c.state == HELD)
        )
    ).first()
    if row is None:
        return None
    scope = await connection.execute(
        select(sync_scope.c.source_id, sync_scope.c.category_id).where(
            sync_scope.c.run_id == run_id
        )
    )
    counts = SyncCounts(*json.loads(row.counts))
    header = SyncHeader(
        sender_id=row.sender_id,
        snapshot=True,
        delta_number=row.delta_number,
        as_of=date.fromordinal(row.as_of),
        scope=tuple((source_id, category_id) for source_id, category_id in scope),
        declared_records=counts.records,
    )
    return header, row.content, (counts.records, counts.rejected)
