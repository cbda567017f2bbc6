"""Checks registers: the header, the control totals, and which rows can be payments."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from osms.values import month_of, parse_date
from osms_server.fields import FIELD_SEPARATOR, NAME_MAX, REFERENCE_MAX, clean
from osms_server.law import Law
from osms_server.register_rows import (
    Columns,
    RowReader,
    canonical_payer,
    columns_of,
    payer_of,
    valid_bin,
)
from osms_storage.projection import FIRST_MONTH
from osms_storage.records import CheckedRegister, NameRow, Payer, PaymentLine, RawLine, Suspension

PAYER_NAME_MAX = 500
AMOUNT_MAX_TIYN = 10**12
"""The largest amount of a row, ten billion tenge: no sum of rows comes near 64 bits."""
ROWS_AT_A_TIME = 1_000
"""How many rows are checked before other calls get their turn."""
_ROW_TEXTS = {
    "document": REFERENCE_MAX,
    "iin": REFERENCE_MAX,
    "surname": NAME_MAX,
    "given_name": NAME_MAX,
    "patronymic": NAME_MAX,
    "birth_date": REFERENCE_MAX,
    "period": REFERENCE_MAX,
    "purpose_code": REFERENCE_MAX,
}
"""The longest texts of a row, in characters."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a register is refused whole."""

    refusal: "pb.RegisterRefusal.ValueType"
    field: str
    declared: str = ""
    counted: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A register that may be committed, with what looks strange in it."""

    register: CheckedRegister
    warnings: tuple[pb.LineNotice, ...]


def _line_no(row: pb.PaymentRow) -> int:
    return row.line_no


async def check_register(
    header: pb.Register, rows: Sequence[pb.PaymentRow], law: Law, today: date
) -> Checked | Refusal:
    """Return a register ready to commit, or why it is refused."""
    if refusal := _header_refusal(header, rows, law, today):
        return refusal
    rows = sorted(rows, key=_line_no)
    parts = []
    for start in range(0, len(rows), ROWS_AT_A_TIME):
        parts.append(columns_of(rows[start : start + ROWS_AT_A_TIME]))
        await asyncio.sleep(0)
    if refusal := _rows_refusal(parts) or _totals_refusal(header, parts):
        return refusal
    received_on = parse_date(header.received_on)
    purpose_code = clean(header.purpose_code)
    reader = RowReader(purpose_code, received_on, law)
    digest = sha256(_canonical_header(header).encode())
    for columns in parts:
        digest.update(columns.canonical().encode())
        reader.read(columns)
        await asyncio.sleep(0)
    # Here, not where it is written: the store's lock is held there.
    accepted = sorted(reader.accepted)
    return Checked(
        CheckedRegister(
            source_id=law.data.sources[header.source].id,
            reference=clean(header.reference),
            received_on=received_on,
            payer=payer_of(header.payer),
            purpose_code=purpose_code,
            people=header.declared.people,
            documents=header.declared.documents,
            amount_tiyn=header.declared.amount_tiyn,
            content=digest.digest(),
            accepted=tuple(accepted),
            names=tuple(reader.names),
            suspended=tuple(reader.suspended),
        ),
        (*_header_warnings(header), *reader.warnings),
    )


def _header_warnings(header: pb.Register) -> list[pb.LineNotice]:
    if header.payer.bin and not valid_bin(clean(header.payer.bin)):
        return [pb.LineNotice(line_no=0, issue=pb.LINE_ISSUE_PAYER_BIN, field="payer.bin")]
    return []


# --- refusals ------------------------------------------------------------------------------------


def _invalid(field: str) -> Refusal:
    return Refusal(pb.REGISTER_REFUSAL_INVALID, field)


def _header_refusal(
    header: pb.Register, rows: Sequence[pb.PaymentRow], law: Law, today: date
) -> Refusal | None:
    source = law.data.sources.get(header.source)
    if source is None or "REGISTERS" not in source.feeds:
        return _invalid("source")
    if not 1 <= len(clean(header.reference)) <= REFERENCE_MAX or not header.reference.isprintable():
        return _invalid("reference")
    try:
        received_on = parse_date(header.received_on)
    except ValueError:
        return _invalid("received_on")
    if received_on > today or month_of(received_on) < FIRST_MONTH:
        return _invalid("received_on")
    if _too_long(header.payer):
        return _invalid("payer")
    if len(header.purpose_code) > REFERENCE_MAX:
        return _invalid("purpose_code")
    if not header.HasField("declared"):
        return _invalid("declared")
    if not rows:
        return Refusal(pb.REGISTER_REFUSAL_EMPTY, "rows")
    return None


def _too_long(payer: core_pb2.Payer | Payer) -> bool:
    return len(payer.name) > PAYER_NAME_MAX or len(payer.bin) > REFERENCE_MAX


def _rows_refusal(parts: Sequence[Columns]) -> Refusal | None:
    line_nos = [line_no for columns in parts for line_no in columns.line_nos]
    plain = line_nos[0] > 0 and len(set(line_nos)) == len(line_nos)
    if plain and not any(map(_oversized, parts)):
        return None
    last = 0
    for row in (RawLine._make(row) for columns in parts for row in zip(*columns, strict=True)):
        if row.line_no <= 0:
            return _invalid("rows.line_no")
        if row.line_no == last:
            return Refusal(pb.REGISTER_REFUSAL_DUPLICATE_LINE, f"rows[{last}].line_no")
        last = row.line_no
        if field := _oversized_field(row):
            return _invalid(f"rows[{last}].{field}")
    return None


def _oversized_field(row: RawLine) -> str | None:
    """Return the first field of a row whose value is above its limit."""
    if abs(row.amount_tiyn) > AMOUNT_MAX_TIYN:
        return "amount_tiyn"
    for field, most in _ROW_TEXTS.items():
        if len(getattr(row, field)) > most:
            return field
    return "payer" if row.payer and _too_long(row.payer) else None


def _oversized(columns: Columns) -> bool:
    """Return whether any value of these rows is above its limit."""
    lines = RawLine._make(columns)
    return (
        max(map(abs, columns.amounts)) > AMOUNT_MAX_TIYN
        or any(max(map(len, getattr(lines, field))) > most for field, most in _ROW_TEXTS.items())
        or any(map(_too_long, filter(None, columns.payers)))
    )


def _totals_refusal(header: pb.Register, parts: Sequence[Columns]) -> Refusal | None:
    declared = header.declared
    people = {iin for columns in parts for iin in columns.iins}
    documents = {document for columns in parts for document in columns.documents}
    amount_tiyn = sum(sum(columns.amounts) for columns in parts)
    for field, said, counted in (
        ("declared.people", declared.people, len(people)),
        ("declared.documents", declared.documents, len(documents)),
        ("declared.amount_tiyn", declared.amount_tiyn, amount_tiyn),
    ):
        if said != counted:
            return Refusal(pb.REGISTER_REFUSAL_TOTALS_MISMATCH, field, str(said), str(counted))
    return None


# --- canonical form ------------------------------------------------------------------------------


def _canonical_header(header: pb.Register) -> str:
    declared = header.declared
    return FIELD_SEPARATOR.join(
        (
            header.source,
            clean(header.reference),
            header.received_on,
            canonical_payer(payer_of(header.payer)),
            clean(header.purpose_code),
            f"{declared.people},{declared.documents},{declared.amount_tiyn}",
        )
    )


# --- corrections ---------------------------------------------------------------------------------


def read_correction(
    row: pb.PaymentRow, purpose_code: str, received_on: date, law: Law
) -> tuple[PaymentLine, NameRow | None] | Suspension:
    """Return a corrected row as a payment with its name, or why it still cannot be one."""
    columns = columns_of([row])
    raw = RawLine._make(next(zip(*columns, strict=True)))
    if field := _oversized_field(raw):
        return Suspension(raw, pb.LINE_ISSUE_UNSPECIFIED, field)
    reader = RowReader(purpose_code, received_on, law)
    reader.read(columns)
    if reader.suspended:
        return reader.suspended[0]
    return reader.accepted[0], (reader.names[0] if reader.names else None)


def correction_content(row: pb.PaymentRow) -> bytes:
    """Return the digest by which a repeated correction is recognised."""
    columns = columns_of([row])._replace(line_nos=[0])
    return sha256(columns.canonical().encode()).digest()
