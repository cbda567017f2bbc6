"""Payments of people: listed with what was reversed of them, and reversed."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.clock import from_microseconds
from osms_storage.engines import bulk_insert
from osms_storage.keys import among
from osms_storage.ledgers import ACCEPTED_BY, reproject_payments
from osms_storage.projection import CoverPolicy
from osms_storage.records import (
    Payer,
    PaymentFact,
    PersonName,
    ReversalLine,
    ReversalOutcome,
    ReversalResult,
)
from osms_storage.registers import find_registers
from osms_storage.schema import (
    batch,
    payer,
    payment,
    person_name,
    register,
    register_document,
    reversal,
    reversal_line,
    revision,
)
from osms_storage.store import Unit
from osms_storage.touching import touch

_row_payer = payer.alias("row_payer")
_FACTS = (
    select(
        payment,
        register.c.source_id,
        register.c.reference,
        register.c.received_on,
        func.coalesce(_row_payer.c.bin, payer.c.bin).label("payer_bin"),
        func.coalesce(_row_payer.c.name, payer.c.name).label("payer_name"),
        person_name.c.surname,
        person_name.c.given_name,
        person_name.c.patronymic,
        person_name.c.birth_date,
        batch.c.revision,
        revision.c.recorded_at,
    )
    .join(register, register.c.batch_id == payment.c.register_id)
    .join(batch, batch.c.id == ACCEPTED_BY)
    .join(revision, revision.c.number == batch.c.revision)
    .outerjoin(payer, payer.c.id == register.c.payer_id)
    .outerjoin(
        register_document,
        (register_document.c.register_id == payment.c.register_id)
        & (register_document.c.document_no == payment.c.document_no),
    )
    .outerjoin(_row_payer, _row_payer.c.id == register_document.c.payer_id)
    .outerjoin(
        person_name,
        (person_name.c.iin == payment.c.iin) & (person_name.c.name_id == payment.c.name_id),
    )
)


async def list_payments(
    connection: AsyncConnection,
    iin: int,
    *,
    first_period: int | None = None,
    last_period: int | None = None,
    known_revision: int | None = None,
    offset: int = 0,
    limit: int | None = None,
) -> list[PaymentFact]:
    """Return one person's payments by period, day received, source, reference, line."""
    statement = (
        _FACTS.where(payment.c.iin == iin)
        .order_by(
            payment.c.period,
            register.c.received_on,
            register.c.source_id,
            register.c.reference,
            payment.c.line_no,
        )
        .offset(offset)
        .limit(limit)
    )
    if first_period is not None:
        statement = statement.where(payment.c.period >= first_period)
    if last_period is not None:
        statement = statement.where(payment.c.period <= last_period)
    if known_revision is not None:
        statement = statement.where(batch.c.revision <= known_revision)
    amounts = await _reversed_amounts(connection, [iin], known_revision)
    facts = []
    for row in await connection.execute(statement):
        name = None
        if row.name_id:
            birth_date = None if row.birth_date is None else date.fromordinal(row.birth_date)
            name = PersonName(row.surname, row.given_name, row.patronymic, birth_date)
        facts.append(
            PaymentFact(
                iin=row.iin,
                source_id=row.source_id,
                reference=row.reference,
                line_no=row.line_no,
                period=row.period,
                received_on=date.fromordinal(row.received_on),
                amount_tiyn=row.amount,
                reversed_tiyn=amounts[row.iin, row.register_id, row.line_no],
                purpose=row.purpose,
                payer=None if row.payer_bin is None else Payer(row.payer_bin, row.payer_name),
                name=name,
                revision=row.revision,
                recorded_at=from_microseconds(row.recorded_at),
            )
        )
    return facts


_NAMES = (
    select(
        payment.c.iin,
        person_name.c.surname,
        person_name.c.given_name,
        person_name.c.patronymic,
        person_name.c.birth_date,
    )
    .join(
        person_name,
        (person_name.c.iin == payment.c.iin) & (person_name.c.name_id == payment.c.name_id),
    )
    .join(batch, batch.c.id == ACCEPTED_BY)
    .where(among(payment.c.iin))
    .distinct()
)


async def list_names(
    connection: AsyncConnection, iins: Sequence[int], known_revision: int
) -> dict[int, list[PersonName]]:
    """Return what payments known at a revision say of these people's identity."""
    names: dict[int, list[PersonName]] = defaultdict(list)
    known = _NAMES.where(batch.c.revision <= known_revision)
    for iin, surname, given_name, patronymic, born in await connection.execute(
        known, {"keys": iins}
    ):
        birth_date = None if born is None else date.fromordinal(born)
        names[iin].append(PersonName(surname, given_name, patronymic, birth_date))
    return names


async def _reversed_amounts(
    connection: AsyncConnection, iins: Sequence[int], known_revision: int | None = None
) -> dict[tuple[int, int, int], int]:
    statement = select(
        reversal.c.iin, reversal.c.register_id, reversal.c.payment_line_no, reversal.c.amount
    ).where(among(reversal.c.iin))
    if known_revision is not None:
        statement = statement.join(batch, batch.c.id == reversal.c.batch_id).where(
            batch.c.revision <= known_revision
        )
    amounts: dict[tuple[int, int, int], int] = defaultdict(int)
    for iin, register_id, line_no, amount in await connection.execute(statement, {"keys": iins}):
        amounts[iin, register_id, line_no] += amount
    return amounts


async def reverse_payments(
    unit: Unit,
    source_id: int,
    reference: str,
    reversed_on: date,
    lines: Sequence[ReversalLine],
    policy: CoverPolicy,
) -> list[ReversalResult]:
    """Reverse payments, whole or in part, one result each in their order."""
    connection = unit.connection
    registers = await find_registers(
        connection, {(line.payment.source_id, line.payment.reference) for line in lines}
    )
    used = await _used_lines(connection, source_id, reference, [line.line_no for line in lines])
    iins = sorted({line.iin for line in lines})
    payments = await _payment_amounts(connection, iins, [r.register_id for r in registers.values()])
    taken = await _reversed_amounts(connection, iins)
    results: list[ReversalResult] = []
    reversed_lines: list[tuple[ReversalLine, int]] = []
    for line in lines:
        committed = registers.get((line.payment.source_id, line.payment.reference))
        key = (line.iin, committed.register_id if committed else -1, line.payment.line_no)
        left = payments.get(key, 0) - taken[key]
        received_on = committed.received_on if committed else None
        if line.line_no in used:
            same = used[line.line_no] == line.content
            if same:
                outcome, field = ReversalOutcome.ALREADY_REVERSED, ""
            else:
                outcome = ReversalOutcome.CONFLICT
                field = await _differing_field(unit.connection, source_id, reference, line, key)
            results.append(ReversalResult(outcome, left, received_on, field))
            continue
        if key not in payments:
            results.append(ReversalResult(ReversalOutcome.PAYMENT_NOT_FOUND))
            continue
        if line.amount_tiyn > left:
            results.append(ReversalResult(ReversalOutcome.EXCEEDS_PAYMENT, left, received_on))
            continue
        used[line.line_no] = line.content
        taken[key] += line.amount_tiyn
        reversed_lines.append((line, key[1]))
        results.append(
            ReversalResult(ReversalOutcome.REVERSED, left - line.amount_tiyn, received_on)
        )
    if reversed_lines:
        batch_id = await unit.open_batch("REVERSAL")
        head = (batch_id, source_id, reference, reversed_on.toordinal())
        await _write_reversals(connection, head, reversed_lines)
        touched = sorted({line.iin for line, _ in reversed_lines})
        await reproject_payments(connection, touched, policy)
        await touch(connection, batch_id, touched)
    return results


async def _write_reversals(
    connection: AsyncConnection,
    head: tuple[int, int, str, int],
    lines: Sequence[tuple[ReversalLine, int]],
) -> None:
    """Write lines, each with the register of its payment."""
    batch_id, source_id, reference, reversed_on = head
    await bulk_insert(
        connection,
        reversal_line,
        ("source_id", "reference", "line_no", "batch_id", "content"),
        [(source_id, reference, line.line_no, batch_id, line.content) for line, _ in lines],
    )
    rows = [
        (
            line.iin,
            source_id,
            reference,
            line.line_no,
            register_id,
            line.payment.line_no,
            line.amount_tiyn,
            line.reason,
            reversed_on,
            batch_id,
        )
        for line, register_id in lines
    ]
    await bulk_insert(connection, reversal, _REVERSAL_COLUMNS, rows)


_REVERSAL_COLUMNS = (
    "iin",
    "source_id",
    "reference",
    "line_no",
    "register_id",
    "payment_line_no",
    "amount",
    "reason",
    "reversed_on",
    "batch_id",
)


async def _differing_field(
    connection: AsyncConnection,
    source_id: int,
    reference: str,
    line: ReversalLine,
    key: tuple[int, int, int],
) -> str:
    """Return the field in which a line differs from the reversal that used its number."""
    row = (
        await connection.execute(
            select(reversal).where(
                reversal.c.iin == line.iin,
                reversal.c.source_id == source_id,
                reversal.c.reference == reference,
                reversal.c.line_no == line.line_no,
            )
        )
    ).first()
    if row is None:
        return "payment.iin"
    for field, before, now in (
        ("payment", (row.register_id, row.payment_line_no), key[1:]),
        ("amount_tiyn", row.amount, line.amount_tiyn),
        ("reason_code", row.reason, line.reason),
    ):
        if before != now:
            return field
    return "reversed_on"


async def _used_lines(
    connection: AsyncConnection, source_id: int, reference: str, line_nos: Sequence[int]
) -> dict[int, bytes]:
    rows = await connection.execute(
        select(reversal_line.c.line_no, reversal_line.c.content).where(
            reversal_line.c.source_id == source_id,
            reversal_line.c.reference == reference,
            among(reversal_line.c.line_no, "line_nos"),
        ),
        {"line_nos": line_nos},
    )
    return {row[0]: row[1] for row in rows}


async def _payment_amounts(
    connection: AsyncConnection, iins: Sequence[int], register_ids: Sequence[int]
) -> dict[tuple[int, int, int], int]:
    rows = await connection.execute(
        select(payment.c.iin, payment.c.register_id, payment.c.line_no, payment.c.amount)
        .where(among(payment.c.iin))
        .where(among(payment.c.register_id, "register_ids")),
        {"keys": iins, "register_ids": register_ids},
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows}
