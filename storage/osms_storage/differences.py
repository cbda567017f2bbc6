"""In what a register differs from the committed one of the same key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.keys import among
from osms_storage.records import CheckedRegister, NameRow, Payer, PaymentLine, RawLine, Suspension
from osms_storage.schema import payment, person_name, register_document, suspense


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which a register differs from the committed one of the same key."""

    line_no: int
    field: str
    before: object
    now: object


_STORED_LINES = (
    select(
        payment,
        person_name.c.surname,
        person_name.c.given_name,
        person_name.c.patronymic,
        person_name.c.birth_date,
        register_document.c.document,
        register_document.c.payer_id,
    )
    .outerjoin(
        register_document,
        (register_document.c.register_id == payment.c.register_id)
        & (register_document.c.document_no == payment.c.document_no),
    )
    .outerjoin(
        person_name,
        (person_name.c.iin == payment.c.iin) & (person_name.c.name_id == payment.c.name_id),
    )
    .where(among(payment.c.iin))
)


async def differing_line(
    connection: AsyncConnection, register_id: int, checked: CheckedRegister
) -> Difference | None:
    """Return the first difference of the first line in which a register differs.

    None if no stored field differs, as when only a text that is not kept was changed.
    """
    rows = await connection.execute(
        _STORED_LINES.where(payment.c.register_id == register_id),
        {"keys": [line.iin for line in checked.accepted]},
    )
    stored = {row.line_no: row for row in rows}
    raws = await connection.execute(select(suspense).where(suspense.c.register_id == register_id))
    stored_raws = {row.line_no: row for row in raws}
    names = {(name.iin, name.name_id): name for name in checked.names}
    differences = [
        *(
            # A line that was suspended then and is right now differs in what was wrong.
            Difference(line.line_no, stored_raws[line.line_no].field, None, None)
            if line.line_no in stored_raws and line.line_no not in stored
            else _line_difference(line, names, stored.get(line.line_no))
            for line in checked.accepted
        ),
        *(_raw_difference(item, stored_raws.get(item.raw.line_no)) for item in checked.suspended),
    ]
    found = [difference for difference in differences if difference is not None]
    return min(found, key=lambda difference: difference.line_no, default=None)


def _line_difference(
    line: PaymentLine, names: Mapping[tuple[int, int], NameRow], row: Any
) -> Difference | None:
    if row is None or row.iin != line.iin:
        return Difference(line.line_no, "iin", None, None)
    name = names.get((line.iin, line.name_id), NameRow(line.iin, 0, "", "", "", None))
    for field, before, now in (
        ("document", row.document or "", line.document),
        ("surname", row.surname or "", name.surname),
        ("given_name", row.given_name or "", name.given_name),
        ("patronymic", row.patronymic or "", name.patronymic),
        ("birth_date", row.birth_date, name.birth_date),
        ("period", row.period, line.period),
        ("amount_tiyn", row.amount, line.amount_tiyn),
        ("purpose_code", row.purpose, line.purpose),
        ("payer", row.payer_id, line.payer.id if line.payer else None),
    ):
        if before != now:
            return Difference(line.line_no, field, before, now)
    return None


def _raw_difference(suspended: Suspension, row: Any) -> Difference | None:
    raw = suspended.raw
    if row is None:
        return Difference(raw.line_no, suspended.field, None, None)
    for field in RawLine._fields[1:10]:
        before = row.amount if field == "amount_tiyn" else getattr(row, field)
        if before != getattr(raw, field):
            return Difference(raw.line_no, field, before, getattr(raw, field))
    payer_before = None if row.payer_bin is None else Payer(row.payer_bin, row.payer_name)
    if payer_before != raw.payer:
        return Difference(raw.line_no, "payer", None, None)
    return None
