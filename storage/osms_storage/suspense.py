"""Suspense: lines whose money arrived but whose row could not be a payment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.clock import from_microseconds
from osms_storage.engines import bulk_insert
from osms_storage.keys import among
from osms_storage.postings import Accepted, write_payments
from osms_storage.projection import CoverPolicy
from osms_storage.records import (
    LineKey,
    Payer,
    RawLine,
    Resolution,
    ResolutionOutcome,
    SuspenseEntry,
    SuspenseState,
    Suspension,
)
from osms_storage.registers import find_registers
from osms_storage.schema import (
    batch,
    register,
    resolution,
    revision,
    suspense,
    suspense_resolution,
)
from osms_storage.store import Unit

_ENTRIES = (
    select(
        suspense,
        register.c.source_id,
        register.c.reference,
        register.c.received_on,
        suspense_resolution.c.state,
        register.c.purpose_code.label("register_purpose_code"),
        resolution.c.operator_reason,
        revision.c.recorded_at,
    )
    .join(register, register.c.batch_id == suspense.c.register_id)
    .outerjoin(
        suspense_resolution,
        (suspense_resolution.c.register_id == suspense.c.register_id)
        & (suspense_resolution.c.line_no == suspense.c.line_no),
    )
    .outerjoin(resolution, resolution.c.batch_id == suspense_resolution.c.batch_id)
    .outerjoin(batch, batch.c.id == suspense_resolution.c.batch_id)
    .outerjoin(revision, revision.c.number == batch.c.revision)
)


@dataclass(frozen=True, slots=True)
class SuspenseFilter:
    """Which lines to list; None: any."""

    source_id: int | None = None
    reference: str | None = None
    issue: int | None = None
    state: SuspenseState | None = None
    received_from: date | None = None
    received_to: date | None = None


def _entry(row: Any) -> SuspenseEntry:
    row_payer = None if row.payer_bin is None else Payer(row.payer_bin, row.payer_name)
    raw = RawLine(
        line_no=row.line_no,
        document=row.document,
        iin=row.iin,
        surname=row.surname,
        given_name=row.given_name,
        patronymic=row.patronymic,
        birth_date=row.birth_date,
        period=row.period,
        amount_tiyn=row.amount,
        purpose_code=row.purpose_code,
        payer=row_payer,
    )
    return SuspenseEntry(
        register_id=row.register_id,
        source_id=row.source_id,
        reference=row.reference,
        received_on=date.fromordinal(row.received_on),
        purpose_code=row.register_purpose_code,
        suspension=Suspension(raw, row.issue, row.field),
        state=SuspenseState(row.state or SuspenseState.SUSPENDED),
        operator_reason=row.operator_reason or "",
        resolved_at=None if row.recorded_at is None else from_microseconds(row.recorded_at),
    )


async def list_suspense(
    connection: AsyncConnection,
    wanted: SuspenseFilter,
    *,
    after: tuple[int, int] | None,
    limit: int,
) -> list[SuspenseEntry]:
    """Return lines by register and line number, after a (register id, line) if one is given."""
    statement = _ENTRIES.order_by(suspense.c.register_id, suspense.c.line_no).limit(limit)
    if wanted.source_id is not None:
        statement = statement.where(register.c.source_id == wanted.source_id)
    if wanted.reference is not None:
        statement = statement.where(register.c.reference == wanted.reference)
    if wanted.issue is not None:
        statement = statement.where(suspense.c.issue == wanted.issue)
    if wanted.state is SuspenseState.SUSPENDED:
        statement = statement.where(suspense_resolution.c.state.is_(None))
    elif wanted.state is not None:
        statement = statement.where(suspense_resolution.c.state == wanted.state)
    if wanted.received_from is not None:
        statement = statement.where(register.c.received_on >= wanted.received_from.toordinal())
    if wanted.received_to is not None:
        statement = statement.where(register.c.received_on <= wanted.received_to.toordinal())
    if after is not None:
        statement = statement.where(
            tuple_(suspense.c.register_id, suspense.c.line_no) > tuple_(*after)
        )
    return [_entry(row) for row in await connection.execute(statement)]


async def find_suspense(
    connection: AsyncConnection, keys: Sequence[LineKey]
) -> dict[LineKey, SuspenseEntry]:
    """Return the lines of these keys that ever went to suspense."""
    registers = await find_registers(connection, {(key.source_id, key.reference) for key in keys})
    rows = await connection.execute(
        _ENTRIES.where(among(suspense.c.register_id, "ids"), among(suspense.c.line_no, "line_nos")),
        {
            "ids": sorted(committed.register_id for committed in registers.values()),
            "line_nos": sorted({key.line_no for key in keys}),
        },
    )
    wanted = set(keys)
    entries = {}
    for row in rows:
        key = LineKey(row.source_id, row.reference, row.line_no)
        if key in wanted:
            entries[key] = _entry(row)
    return entries


_RESOLUTION_COLUMNS = ("register_id", "line_no", "batch_id", "state", "content")


async def resolve_suspense(
    unit: Unit,
    entries: Mapping[LineKey, SuspenseEntry],
    resolutions: Sequence[Resolution],
    operator_reason: str,
    policy: CoverPolicy,
) -> list[ResolutionOutcome]:
    """Correct or refund suspended lines, one outcome each in their order.

    ``entries`` are the lines that ever went to suspense, as find_suspense returned them in this
    unit.
    """
    connection = unit.connection
    done = await _resolved_before(connection, list(entries.values()))
    outcomes = []
    resolved: list[tuple[SuspenseEntry, Resolution]] = []
    for item in resolutions:
        outcome = _outcome(item, entries.get(item.key), done)
        outcomes.append(outcome)
        if outcome is ResolutionOutcome.RESOLVED:
            entry = entries[item.key]
            resolved.append((entry, item))
            done[entry.register_id, item.key.line_no] = (_state(item), item.content)
    if not resolved:
        return outcomes
    batch_id = await unit.open_batch("RESOLUTION")
    await bulk_insert(
        connection, resolution, ("batch_id", "operator_reason"), [(batch_id, operator_reason)]
    )
    rows = [
        (entry.register_id, item.key.line_no, batch_id, _state(item), item.content)
        for entry, item in resolved
    ]
    await bulk_insert(connection, suspense_resolution, _RESOLUTION_COLUMNS, rows)
    accepted = [
        Accepted(
            entry.register_id,
            entry.received_on,
            [item.correction],
            [item.name] if item.name else [],
            batch_id,
        )
        for entry, item in resolved
        if item.correction is not None
    ]
    await write_payments(connection, accepted, policy)
    return outcomes


_Resolved = Mapping[tuple[int, int], tuple[SuspenseState, bytes]]
"""How lines were resolved, by register and line number."""


def _state(item: Resolution) -> SuspenseState:
    return SuspenseState.CORRECTED if item.correction else SuspenseState.REFUNDED


def _outcome(item: Resolution, entry: SuspenseEntry | None, done: _Resolved) -> ResolutionOutcome:
    if entry is None:
        return ResolutionOutcome.NOT_FOUND
    before = done.get((entry.register_id, item.key.line_no))
    if before is not None:
        same = before == (_state(item), item.content)
        return ResolutionOutcome.ALREADY_RESOLVED if same else ResolutionOutcome.CONFLICT
    correction = item.correction
    if correction and correction.amount_tiyn != entry.suspension.raw.amount_tiyn:
        return ResolutionOutcome.AMOUNT_DIFFERS
    return ResolutionOutcome.RESOLVED


async def _resolved_before(
    connection: AsyncConnection, entries: Sequence[SuspenseEntry]
) -> dict[tuple[int, int], tuple[SuspenseState, bytes]]:
    table = suspense_resolution.c
    rows = await connection.execute(
        select(table.register_id, table.line_no, table.state, table.content).where(
            among(table.register_id, "ids"), among(table.line_no, "line_nos")
        ),
        {
            "ids": sorted({entry.register_id for entry in entries}),
            "line_nos": sorted({entry.suspension.raw.line_no for entry in entries}),
        },
    )
    return {(row[0], row[1]): (SuspenseState(row[2]), row[3]) for row in rows}
