"""Registers of payments: committed whole, once, with every row a payment or in suspense."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.clock import from_microseconds
from osms_storage.engines import bulk_insert
from osms_storage.keys import among
from osms_storage.postings import Accepted, write_payers, write_payments
from osms_storage.projection import CoverPolicy
from osms_storage.records import (
    CheckedRegister,
    CommittedRegister,
    Payer,
    RegisterState,
    SuspenseState,
    Suspension,
    Totals,
)
from osms_storage.schema import (
    batch,
    payer,
    register,
    reversal,
    revision,
    suspense,
    suspense_resolution,
)
from osms_storage.store import Unit

_COMMITTED = (
    select(
        register,
        payer.c.bin.label("payer_bin"),
        payer.c.name.label("payer_name"),
        batch.c.revision,
        revision.c.recorded_at,
    )
    .join(batch, batch.c.id == register.c.batch_id)
    .join(revision, revision.c.number == batch.c.revision)
    .outerjoin(payer, payer.c.id == register.c.payer_id)
)


def _committed(row: Any) -> CommittedRegister:
    return CommittedRegister(
        register_id=row.batch_id,
        source_id=row.source_id,
        reference=row.reference,
        received_on=date.fromordinal(row.received_on),
        payer=Payer(row.payer_bin, row.payer_name) if row.payer_id is not None else None,
        purpose_code=row.purpose_code,
        people=row.people,
        documents=row.documents,
        total=Totals(row.rows, row.amount),
        suspended=Totals(row.suspended_rows, row.suspended_amount),
        content=row.content,
        revision=row.revision,
        recorded_at=from_microseconds(row.recorded_at),
    )


async def find_registers(
    connection: AsyncConnection, keys: Iterable[tuple[int, str]]
) -> dict[tuple[int, str], CommittedRegister]:
    """Return the committed ones of these registers by (source, reference)."""
    wanted = set(keys)
    rows = await connection.execute(
        _COMMITTED.where(
            among(register.c.source_id, "source_ids"), among(register.c.reference, "references")
        ),
        {
            "source_ids": sorted({source_id for source_id, _ in wanted}),
            "references": sorted({reference for _, reference in wanted}),
        },
    )
    found = {(row.source_id, row.reference): row for row in rows}
    return {key: _committed(row) for key, row in found.items() if key in wanted}


_REGISTER_COLUMNS = (
    "batch_id",
    "source_id",
    "reference",
    "received_on",
    "payer_id",
    "purpose_code",
    "people",
    "documents",
    "rows",
    "amount",
    "suspended_rows",
    "suspended_amount",
    "content",
)
_SUSPENSE_COLUMNS = (
    "register_id",
    "line_no",
    "document",
    "iin",
    "surname",
    "given_name",
    "patronymic",
    "birth_date",
    "period",
    "amount",
    "purpose_code",
    "payer_bin",
    "payer_name",
    "issue",
    "field",
)


async def commit_registers(
    unit: Unit, registers: Sequence[CheckedRegister], policy: CoverPolicy
) -> None:
    """Write registers, their payments, their suspended lines and the ledgers.

    The caller has made sure that their keys are free and differ.
    """
    connection = unit.connection
    heads, suspended, accepted = [], [], []
    for checked in registers:
        register_id = await unit.open_batch("REGISTER")
        heads.append((register_id, *_head(checked)))
        suspended += [_suspended(register_id, line) for line in checked.suspended]
        accepted.append(Accepted(register_id, checked.received_on, checked.accepted, checked.names))
    await write_payers(connection, {item.payer for item in registers if item.payer})
    await bulk_insert(connection, register, _REGISTER_COLUMNS, heads)
    await bulk_insert(connection, suspense, _SUSPENSE_COLUMNS, suspended)
    await write_payments(connection, accepted, policy)


def _head(checked: CheckedRegister) -> tuple[object, ...]:
    return (
        checked.source_id,
        checked.reference,
        checked.received_on.toordinal(),
        checked.payer.id if checked.payer else None,
        checked.purpose_code,
        checked.people,
        checked.documents,
        len(checked.accepted) + len(checked.suspended),
        checked.amount_tiyn,
        len(checked.suspended),
        sum(line.raw.amount_tiyn for line in checked.suspended),
        checked.content,
    )


def _suspended(register_id: int, line: Suspension) -> tuple[object, ...]:
    *texts, payer_named = line.raw[1:]
    payer_texts = payer_named or (None, None)
    return (register_id, line.raw.line_no, *texts, *payer_texts, line.issue, line.field)


# --- reading -------------------------------------------------------------------------------------


async def register_states(
    connection: AsyncConnection, committed: Sequence[CommittedRegister]
) -> list[RegisterState]:
    """Return where the lines of these registers are now."""
    ids = {"keys": [item.register_id for item in committed]}
    resolved = await connection.execute(
        select(
            suspense.c.register_id,
            suspense_resolution.c.state,
            func.count(),
            func.sum(suspense.c.amount),
        )
        .join(
            suspense_resolution,
            (suspense_resolution.c.register_id == suspense.c.register_id)
            & (suspense_resolution.c.line_no == suspense.c.line_no),
        )
        .where(among(suspense.c.register_id))
        .group_by(suspense.c.register_id, suspense_resolution.c.state),
        ids,
    )
    totals = {(row[0], row[1]): Totals(row[2], int(row[3])) for row in resolved}
    reversals = await connection.execute(
        select(reversal.c.register_id, func.count(), func.sum(reversal.c.amount))
        .where(among(reversal.c.register_id))
        .group_by(reversal.c.register_id),
        ids,
    )
    reversed_totals = {row[0]: Totals(row[1], int(row[2])) for row in reversals}
    states = []
    for item in committed:
        corrected = totals.get((item.register_id, SuspenseState.CORRECTED), Totals())
        refunded = totals.get((item.register_id, SuspenseState.REFUNDED), Totals())
        states.append(
            RegisterState(
                committed=item,
                suspended=Totals(
                    item.suspended.rows - corrected.rows - refunded.rows,
                    item.suspended.amount_tiyn - corrected.amount_tiyn - refunded.amount_tiyn,
                ),
                corrected=corrected,
                refunded=refunded,
                reversed=reversed_totals.get(item.register_id, Totals()),
            )
        )
    return states


async def list_registers(
    connection: AsyncConnection,
    *,
    source_id: int | None,
    received_from: date | None,
    received_to: date | None,
    before_id: int | None,
    limit: int,
) -> list[RegisterState]:
    """Return registers, newest first, below an id if one is given."""
    statement: Select[Any] = _COMMITTED.order_by(register.c.batch_id.desc()).limit(limit)
    if source_id is not None:
        statement = statement.where(register.c.source_id == source_id)
    if received_from is not None:
        statement = statement.where(register.c.received_on >= received_from.toordinal())
    if received_to is not None:
        statement = statement.where(register.c.received_on <= received_to.toordinal())
    if before_id is not None:
        statement = statement.where(register.c.batch_id < before_id)
    rows = await connection.execute(statement)
    return await register_states(connection, [_committed(row) for row in rows])
