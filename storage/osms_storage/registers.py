"""Registers of payments: committed whole, once, with every row a payment or in suspense."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Select, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.clock import from_microseconds
from osms_storage.engines import bulk_insert
from osms_storage.keys import among
from osms_storage.ledgers import (
    FIRST_MONTH,
    CoverPolicy,
    decode_advance,
    encode_advance,
    encode_paid,
    reproject_payments,
    write_payment_halves,
)
from osms_storage.records import (
    CheckedRegister,
    CommittedRegister,
    Payer,
    PaymentLine,
    RegisterState,
    SuspenseState,
    Totals,
)
from osms_storage.schema import (
    batch,
    ledger,
    payer,
    payment,
    person_name,
    register,
    reversal,
    revision,
    suspense,
    suspense_resolution,
)
from osms_storage.store import Unit

LINES_AT_A_TIME = 5_000
"""How many payments are prepared and written in one go."""

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
    rows = await connection.execute(
        _COMMITTED.where(tuple_(register.c.source_id, register.c.reference).in_(list(keys)))
    )
    return {(row.source_id, row.reference): _committed(row) for row in rows}


async def commit_register(unit: Unit, checked: CheckedRegister, policy: CoverPolicy) -> int:
    """Write a register, its payments, its suspended lines and the ledgers; return its id.

    The caller has made sure that its key is free.
    """
    connection = unit.connection
    register_id = await unit.open_batch("REGISTER")
    await _write_payers(connection, checked)
    suspended_amount = sum(line.raw.amount_tiyn for line in checked.suspended)
    await connection.execute(
        insert(register),
        {
            "batch_id": register_id,
            "source_id": checked.source_id,
            "reference": checked.reference,
            "received_on": checked.received_on.toordinal(),
            "payer_id": checked.payer.id if checked.payer else None,
            "purpose_code": checked.purpose_code,
            "people": checked.people,
            "documents": checked.documents,
            "rows": len(checked.accepted) + len(checked.suspended),
            "amount": checked.amount_tiyn,
            "suspended_rows": len(checked.suspended),
            "suspended_amount": suspended_amount,
            "content": checked.content,
        },
    )
    if checked.suspended:
        await connection.execute(
            insert(suspense),
            [
                {
                    "register_id": register_id,
                    "line_no": line.raw.line_no,
                    "document": line.raw.document,
                    "iin": line.raw.iin,
                    "surname": line.raw.surname,
                    "given_name": line.raw.given_name,
                    "patronymic": line.raw.patronymic,
                    "birth_date": line.raw.birth_date,
                    "period": line.raw.period,
                    "amount": line.raw.amount_tiyn,
                    "purpose_code": line.raw.purpose_code,
                    "payer_bin": line.raw.payer.bin if line.raw.payer else None,
                    "payer_name": line.raw.payer.name if line.raw.payer else None,
                    "issue": line.issue,
                    "field": line.field,
                }
                for line in checked.suspended
            ],
        )
    await write_payments(
        connection, register_id, checked.received_on, checked.accepted, policy, correction_id=None
    )
    return register_id


async def _write_payers(connection: AsyncConnection, checked: CheckedRegister) -> None:
    payers = {line.payer for line in checked.accepted if line.payer}
    if checked.payer:
        payers.add(checked.payer)
    await write_payers(connection, payers)


async def write_payers(connection: AsyncConnection, payers: Iterable[Payer]) -> None:
    """Write payers that are not known yet."""
    rows = [(item.id, *item) for item in payers]
    await bulk_insert(connection, payer, ("id", "bin", "name"), rows, update=())


_PAYMENT_COLUMNS = (
    "iin",
    "register_id",
    "line_no",
    "correction_id",
    "period",
    "amount",
    "purpose",
    "payer_id",
    "name_id",
    "document",
)
_NAME_COLUMNS = ("iin", "name_id", "surname", "given_name", "patronymic", "birth_date")


async def write_payments(
    connection: AsyncConnection,
    register_id: int,
    received_on: date,
    lines: Sequence[PaymentLine],
    policy: CoverPolicy,
    *,
    correction_id: int | None,
) -> None:
    """Write payments with their names, and bring the ledgers up to them."""
    # By IIN: neighbouring keys share pages. In parts: other calls get their turn between them.
    ordered = sorted(lines, key=_iin)
    for start in range(0, len(ordered), LINES_AT_A_TIME):
        part = ordered[start : start + LINES_AT_A_TIME]
        await _write_part(connection, register_id, part, correction_id)
        await _add_to_ledgers(connection, received_on, part, policy)


async def _write_part(
    connection: AsyncConnection,
    register_id: int,
    lines: Sequence[PaymentLine],
    correction_id: int | None,
) -> None:
    payments, names = [], []
    for line in lines:
        name_id = None
        if line.name:
            name, name_id = line.name, line.name.id
            birth_date = name.birth_date.toordinal() if name.birth_date else None
            names.append((line.iin, name_id, *name[:3], birth_date))
        payments.append(
            (
                line.iin,
                register_id,
                line.line_no,
                correction_id,
                line.period,
                line.amount_tiyn,
                line.purpose,
                line.payer.id if line.payer else None,
                name_id,
                line.document,
            )
        )
    await bulk_insert(connection, payment, _PAYMENT_COLUMNS, payments)
    await bulk_insert(connection, person_name, _NAME_COLUMNS, names, update=())


def _iin(line: PaymentLine) -> int:
    return line.iin


_HALVES = select(ledger.c.iin, ledger.c.paid, ledger.c.advance).where(among(ledger.c.iin))


async def _add_to_ledgers(
    connection: AsyncConnection,
    received_on: date,
    lines: Sequence[PaymentLine],
    policy: CoverPolicy,
) -> None:
    """Add payments to ledgers: a payment only ever sets a month, so nothing else is read."""
    received = received_on.year * 12 + received_on.month - 1
    known = await connection.execute(_HALVES, {"keys": [line.iin for line in lines]})
    before = {iin: (int.from_bytes(paid, "little"), advance) for iin, paid, advance in known}
    halves = dict(before)
    below_minimum: set[int] = set()
    minimum_tiyn = {line.period: policy.minimum_tiyn(line.period) for line in lines}
    for line in lines:
        paid, advance = halves.get(line.iin, (0, b""))
        if line.purpose in policy.covering:
            if line.amount_tiyn >= minimum_tiyn[line.period]:
                paid |= 1 << (line.period - FIRST_MONTH)
            else:
                below_minimum.add(line.iin)
            if received < line.period:
                pairs = dict(decode_advance(advance))
                pairs[line.period] = min(received, pairs.get(line.period, received))
                advance = encode_advance(sorted(pairs.items()))
        halves[line.iin] = (paid, advance)
    rows = [
        (iin, encode_paid(half[0]), half[1])
        for iin, half in halves.items()
        if before.get(iin) != half
    ]
    await write_payment_halves(connection, rows)
    if below_minimum:
        await reproject_payments(connection, sorted(below_minimum), policy)


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
