"""Checks registers: the header, the control totals, and which rows can be payments."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from osms.values import (
    IinCheckDigitError,
    IinMalformedError,
    month_of,
    parse_date,
    parse_iin,
    parse_month,
)
from osms_server.fields import NAME_MAX, REFERENCE_MAX, clean
from osms_server.law import Law
from osms_storage.ledgers import FIRST_MONTH
from osms_storage.records import (
    CheckedRegister,
    Payer,
    PaymentLine,
    PersonName,
    RawLine,
    Suspension,
)

PERIODS_AHEAD_MAX = 24
"""A period may lie this many months after the month of receipt."""
PAYER_NAME_MAX = 500
AMOUNT_MAX_TIYN = 10**12
"""The largest amount of a row, ten billion tenge: no sum of rows comes near 64 bits."""
ROWS_AT_A_TIME = 1_000
"""How many rows are checked before other calls get their turn."""
_FIELD_SEPARATOR = "\x1f"
_ROW_TEXTS = (
    ("document", REFERENCE_MAX),
    ("iin", REFERENCE_MAX),
    ("surname", NAME_MAX),
    ("given_name", NAME_MAX),
    ("patronymic", NAME_MAX),
    ("birth_date", REFERENCE_MAX),
    ("period", REFERENCE_MAX),
    ("purpose_code", REFERENCE_MAX),
)


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


async def check_register(
    header: pb.Register, rows: Sequence[pb.PaymentRow], law: Law, today: date
) -> Checked | Refusal:
    """Return a register ready to commit, or why it is refused."""
    if refusal := _header_refusal(header, rows, law, today):
        return refusal
    rows = sorted(rows, key=_line_no)
    if refusal := _rows_refusal(rows) or _totals_refusal(header, rows):
        return refusal
    received_on = parse_date(header.received_on)
    reader = _RowReader(header, received_on, law)
    accepted: list[PaymentLine] = []
    suspended: list[Suspension] = []
    digest = sha256(_canonical_header(header).encode())
    for position, row in enumerate(rows, 1):
        if position % ROWS_AT_A_TIME == 0:
            await asyncio.sleep(0)
        raw = _raw(row)
        digest.update(canonical_row(raw).encode())
        line = reader.read(raw)
        if isinstance(line, PaymentLine):
            accepted.append(line)
        else:
            suspended.append(line)
    warnings = [*_header_warnings(header), *reader.warnings]
    return Checked(
        CheckedRegister(
            source_id=law.data.sources[header.source].id,
            reference=clean(header.reference),
            received_on=received_on,
            payer=_payer(header.payer),
            purpose_code=clean(header.purpose_code),
            people=header.declared.people,
            documents=header.declared.documents,
            amount_tiyn=header.declared.amount_tiyn,
            content=digest.digest(),
            accepted=tuple(accepted),
            suspended=tuple(suspended),
        ),
        tuple(warnings),
    )


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


def _too_long(payer: core_pb2.Payer) -> bool:
    return len(payer.name) > PAYER_NAME_MAX or len(payer.bin) > REFERENCE_MAX


def _rows_refusal(rows: Sequence[pb.PaymentRow]) -> Refusal | None:
    last = 0
    for row in rows:
        if row.line_no <= 0:
            return _invalid("rows.line_no")
        if row.line_no == last:
            return Refusal(pb.REGISTER_REFUSAL_DUPLICATE_LINE, f"rows[{last}].line_no")
        last = row.line_no
        if abs(row.amount_tiyn) > AMOUNT_MAX_TIYN:
            return _invalid(f"rows[{last}].amount_tiyn")
        for field, most in _ROW_TEXTS:
            if len(getattr(row, field)) > most:
                return _invalid(f"rows[{last}].{field}")
        if _too_long(row.payer):
            return _invalid(f"rows[{last}].payer")
    return None


def _totals_refusal(header: pb.Register, rows: Sequence[pb.PaymentRow]) -> Refusal | None:
    declared = header.declared
    for field, said, counted in (
        ("declared.people", declared.people, len({clean(row.iin) for row in rows})),
        ("declared.documents", declared.documents, len({clean(row.document) for row in rows})),
        ("declared.amount_tiyn", declared.amount_tiyn, sum(row.amount_tiyn for row in rows)),
    ):
        if said != counted:
            return Refusal(pb.REGISTER_REFUSAL_TOTALS_MISMATCH, field, str(said), str(counted))
    return None


# --- canonical form ------------------------------------------------------------------------------


def _canonical_header(header: pb.Register) -> str:
    payer = _payer(header.payer)
    declared = header.declared
    return _FIELD_SEPARATOR.join(
        (
            header.source,
            clean(header.reference),
            header.received_on,
            "0" if payer is None else f"1{payer.bin}{_FIELD_SEPARATOR}{payer.name}",
            clean(header.purpose_code),
            f"{declared.people},{declared.documents},{declared.amount_tiyn}",
        )
    )


def canonical_row(raw: RawLine) -> str:
    """Return the text of a row that two equal rows share and no others do."""
    payer = "0" if raw.payer is None else f"1{raw.payer.bin}{_FIELD_SEPARATOR}{raw.payer.name}"
    return _FIELD_SEPARATOR.join(("\x1e", *map(str, raw[:10]), payer))


# --- rows ----------------------------------------------------------------------------------------


def _line_no(row: pb.PaymentRow) -> int:
    return row.line_no


def _payer(payer: core_pb2.Payer) -> Payer | None:
    """Return a payer; one without BIN and name is none."""
    found = Payer(clean(payer.bin), clean(payer.name))
    return found if any(found) else None


def _raw(row: pb.PaymentRow) -> RawLine:
    return RawLine(
        row.line_no,
        clean(row.document),
        clean(row.iin),
        clean(row.surname),
        clean(row.given_name),
        clean(row.patronymic),
        clean(row.birth_date),
        clean(row.period),
        row.amount_tiyn,
        clean(row.purpose_code),
        _payer(row.payer),
    )


class _RowReader:
    """Reads the rows of one register, and remembers what looks strange."""

    def __init__(self, header: pb.Register, received_on: date, law: Law) -> None:
        self.warnings: list[pb.LineNotice] = []
        self._purpose_code = clean(header.purpose_code)
        self._received_on = received_on
        self._last_period = month_of(received_on) + PERIODS_AHEAD_MAX
        self._law = law
        self._periods: dict[str, int | None] = {}
        self._purposes: dict[str, int | None] = {}

    def read(self, raw: RawLine) -> PaymentLine | Suspension:
        """Return a payment, or why the row cannot be one."""
        try:
            iin = parse_iin(raw.iin)
        except IinMalformedError:
            return Suspension(raw, pb.LINE_ISSUE_IIN_MALFORMED, "iin")
        except IinCheckDigitError:
            return Suspension(raw, pb.LINE_ISSUE_IIN_CHECK_DIGIT, "iin")
        period = self._period(raw.period)
        if period is None:
            return Suspension(raw, pb.LINE_ISSUE_PERIOD_MALFORMED, "period")
        if not FIRST_MONTH <= period <= self._last_period:
            return Suspension(raw, pb.LINE_ISSUE_PERIOD_OUT_OF_RANGE, "period")
        purpose = self._purpose(raw.purpose_code or self._purpose_code)
        if purpose is None:
            return Suspension(raw, pb.LINE_ISSUE_PURPOSE_CODE_UNKNOWN, "purpose_code")
        if raw.amount_tiyn <= 0:
            return Suspension(raw, pb.LINE_ISSUE_AMOUNT_NOT_POSITIVE, "amount_tiyn")
        name = PersonName(
            raw.surname,
            raw.given_name,
            "" if raw.patronymic == "-" else raw.patronymic,
            self._birth_date(raw),
        )
        if raw.payer and raw.payer.bin and not _valid_bin(raw.payer.bin):
            self._warn(raw.line_no, pb.LINE_ISSUE_PAYER_BIN, "payer.bin")
        return PaymentLine(
            raw.line_no,
            iin,
            name if any(name) else None,
            period,
            raw.amount_tiyn,
            purpose,
            raw.payer,
            raw.document or None,
        )

    def _period(self, text: str) -> int | None:
        if text not in self._periods:
            try:
                self._periods[text] = parse_month(text)
            except ValueError:
                self._periods[text] = None
        return self._periods[text]

    def _purpose(self, code: str) -> int | None:
        if code not in self._purposes:
            known = self._law.data.purposes.get(
                int(code) if len(code) == 3 and code.isascii() and code.isdigit() else -1
            )
            day = self._received_on
            self._purposes[code] = (
                known.number
                if known is not None
                and (known.valid_from is None or known.valid_from <= day)
                and (known.valid_until is None or day < known.valid_until)
                else None
            )
        return self._purposes[code]

    def _birth_date(self, raw: RawLine) -> date | None:
        digits = raw.iin
        if digits[6] not in "0123456":
            self._warn(raw.line_no, pb.LINE_ISSUE_IIN_SEVENTH_DIGIT, "iin")
        if not raw.birth_date:
            return None
        try:
            day = parse_date(raw.birth_date)
        except ValueError:
            self._warn(raw.line_no, pb.LINE_ISSUE_BIRTH_DATE, "birth_date")
            return None
        if f"{day:%y%m%d}" != digits[:6]:
            self._warn(raw.line_no, pb.LINE_ISSUE_BIRTH_DATE, "birth_date")
        return day

    def _warn(self, line_no: int, issue: "pb.LineIssue.ValueType", field: str) -> None:
        self.warnings.append(pb.LineNotice(line_no=line_no, issue=issue, field=field))


def read_correction(
    row: pb.PaymentRow, purpose_code: str, received_on: date, law: Law
) -> PaymentLine | Suspension:
    """Return a corrected row as a payment, or why it still cannot be one."""
    reader = _RowReader(pb.Register(purpose_code=purpose_code), received_on, law)
    return reader.read(_raw(row))


def correction_content(row: pb.PaymentRow) -> bytes:
    """Return the digest by which a repeated correction is recognised."""
    return sha256(canonical_row(_raw(row)._replace(line_no=0)).encode()).digest()


def _valid_bin(text: str) -> bool:
    try:
        parse_iin(text)
    except ValueError:
        return False
    return True


def _header_warnings(header: pb.Register) -> list[pb.LineNotice]:
    if header.payer.bin and not _valid_bin(clean(header.payer.bin)):
        return [pb.LineNotice(line_no=0, issue=pb.LINE_ISSUE_PAYER_BIN, field="payer.bin")]
    return []
