"""Suspense: lines whose money arrived but whose row could not be a payment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.clock import from_microseconds
from osms_storage.ledgers import CoverPolicy
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
from osms_storage.registers import find_registers, write_payers, write_payments
from osms_storage.schema import batch, register, revision, suspense, suspense_resolution
from osms_storage.store import Unit

_ENTRIES = (
    select(
        suspense,
        register.c.source_id,
        register.c.reference,
        register.c.received_on,
        suspense_resolution.c.state,
        suspense_resolution.c.operator_reason,
        revision.c.recorded_at,
    )
    .join(register, register.c.batch_id == suspense.c.register_id)
    .outerjoin(
        suspense_resolution,
        (suspense_resolution.c.register_id == suspense.c.register_id)
        & (suspense_resolution.c.line_no == suspense.c.line_no),
    )
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
    wanted = [
        (registers[key.source_id, key.reference].register_id, key.line_no)
        for key in keys
        if (key.source_id, key.reference) in registers
    ]
    rows = await connection.execute(
        _ENTRIES.where(tuple_(suspense.c.register_id, suspense.c.line_no).in_(wanted))
    )
    entries = map(_entry, rows)
    return {
        LineKey(entry.source_id, entry.reference, entry.suspension.raw.line_no): entry
        for entry in entries
    }


async def resolve_suspense(
    unit: Unit, resolutions: Sequence[Resolution], operator_reason: str, policy: CoverPolicy
) -> list[ResolutionOutcome]:
    """Correct or refund suspended lines, one outcome each in their order."""
    connection = unit.connection
    entries = await find_suspense(connection, [item.key for item in resolutions])
    outcomes = []
    done = await _resolved_before(connection, list(entries.values()))
    correction_id: int | None = None
    for item in resolutions:
        entry = entries.get(item.key)
        if entry is None:
            outcomes.append(ResolutionOutcome.NOT_FOUND)
            continue
        state = SuspenseState.CORRECTED if item.correction else SuspenseState.REFUNDED
        place = (entry.register_id, item.key.line_no)
        if place in done:
            same = done[place] == (state, item.content)
            outcomes.append(
                ResolutionOutcome.ALREADY_RESOLVED if same else ResolutionOutcome.CONFLICT
            )
            continue
        line = item.correction
        if line and line.amount_tiyn != entry.suspension.raw.amount_tiyn:
            outcomes.append(ResolutionOutcome.AMOUNT_DIFFERS)
            continue
        if correction_id is None:
            correction_id = await unit.open_batch("RESOLUTION")
        if line:
            await write_payers(connection, [line.payer] if line.payer else [])
            await write_payments(
                connection,
                entry.register_id,
                entry.received_on,
                [line],
                policy,
                correction_id=correction_id,
            )
        await connection.execute(
            insert(suspense_resolution),
            {
                "register_id": entry.register_id,
                "line_no": item.key.line_no,
                "batch_id": correction_id,
                "state": state,
                "content": item.content,
                "operator_reason": operator_reason,
            },
        )
        done[place] = (state, item.content)
        outcomes.append(ResolutionOutcome.RESOLVED)
    return outcomes


async def _resolved_before(
    connection: AsyncConnection, entries: Sequence[SuspenseEntry]
) -> dict[tuple[int, int], tuple[SuspenseState, bytes]]:
    places = [(entry.register_id, entry.suspension.raw.line_no) for entry in entries]
    table = suspense_resolution.c
    rows = await connection.execute(
        select(table.register_id, table.line_no, table.state, table.content).where(
            tuple_(table.register_id, table.line_no).in_(places)
        )
    )
    return {(row[0], row[1]): (SuspenseState(row[2]), row[3]) for row in rows}
