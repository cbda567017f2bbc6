"""The rows of a register: as columns of texts, and each as a payment or as a suspended line.

Registers bring nine million rows a month, so what is done to every row is done a column at a time.
"""

from collections.abc import Callable, Sequence
from datetime import date
from itertools import repeat
from typing import NamedTuple, TypeVar

from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from osms.values import (
    IinCheckDigitError,
    IinMalformedError,
    month_of,
    parse_date,
    parse_iin,
    parse_iins,
    parse_month,
)
from osms_server.fields import FIELD_SEPARATOR, ROW_START, clean, clean_all
from osms_server.law import Law
from osms_storage.ledgers import LAST_MONTH
from osms_storage.projection import FIRST_MONTH
from osms_storage.records import NameRow, Payer, PaymentLine, RawLine, Suspension, name_row

PERIODS_AHEAD_MAX = 24
"""A period may lie this many months after the month of receipt."""


class Columns(NamedTuple):
    """Rows of a register, a list for each field, in the order of the canonical form."""

    line_nos: list[int]
    documents: list[str]
    iins: list[str]
    surnames: list[str]
    given_names: list[str]
    patronymics: list[str]
    birth_dates: list[str]
    periods: list[str]
    amounts: list[int]
    purpose_codes: list[str]
    payers: list[Payer | None]

    def canonical(self) -> str:
        """Return the text that equal rows share and no others do; kept digests depend on it."""
        lines = zip(
            repeat(ROW_START),
            map(str, self.line_nos),
            *self[1:8],
            map(str, self.amounts),
            self.purpose_codes,
            map(canonical_payer, self.payers),
            strict=False,  # the first column has no end
        )
        return "".join(map(FIELD_SEPARATOR.join, lines))


def columns_of(rows: Sequence[pb.PaymentRow]) -> Columns:
    """Return rows with their texts trimmed and in form NFC."""
    return Columns(
        [row.line_no for row in rows],
        clean_all([row.document for row in rows]),
        clean_all([row.iin for row in rows]),
        clean_all([row.surname for row in rows]),
        clean_all([row.given_name for row in rows]),
        clean_all([row.patronymic for row in rows]),
        clean_all([row.birth_date for row in rows]),
        clean_all([row.period for row in rows]),
        [row.amount_tiyn for row in rows],
        clean_all([row.purpose_code for row in rows]),
        [payer_of(row.payer) if row.HasField("payer") else None for row in rows],
    )


def payer_of(payer: core_pb2.Payer) -> Payer | None:
    """Return a payer; one without BIN and name is none."""
    found = Payer(clean(payer.bin), clean(payer.name))
    return found if any(found) else None


def canonical_payer(payer: Payer | None) -> str:
    """Return the part of a canonical form that says who paid."""
    return "0" if payer is None else f"1{payer.bin}{FIELD_SEPARATOR}{payer.name}"


class RowReader:
    """Reads the rows of one register into payments, suspended lines, and what looks strange."""

    def __init__(self, purpose_code: str, received_on: date, law: Law) -> None:
        self.accepted: list[PaymentLine] = []
        self.names: list[NameRow] = []
        self.suspended: list[Suspension] = []
        self.warnings: list[pb.LineNotice] = []
        self._purpose_code = purpose_code
        self._received_on = received_on
        self._last_period = min(month_of(received_on) + PERIODS_AHEAD_MAX, LAST_MONTH)
        self._law = law
        # What a text means, by the text.
        self._periods: dict[str, int | None] = {}
        self._purposes: dict[str, int | None] = {}
        self._birth_dates: dict[str, date | None] = {}

    def read(self, columns: Columns) -> None:
        """Add rows to the payments, or to the lines that cannot be any."""
        read = zip(
            parse_iins(columns.iins),
            _meanings(columns.periods, self._periods, self._period),
            _meanings(columns.purpose_codes, self._purposes, self._purpose),
            _meanings(columns.birth_dates, self._birth_dates, _birth_date),
            strict=True,
        )
        rows = zip(*columns, strict=True)
        for (iin, period, purpose, born), row in zip(read, rows, strict=True):
            line_no, document, digits, surname, given, patronymic, birth, _, amount, _, payer = row
            if iin is None or period is None or purpose is None or amount <= 0:
                self.suspended.append(self._suspended(RawLine._make(row)))
                continue
            if digits[6] > "6":
                self._warn(line_no, pb.LINE_ISSUE_IIN_SEVENTH_DIGIT, "iin")
            if birth and (born is None or _six_digits(birth) != digits[:6]):
                self._warn(line_no, pb.LINE_ISSUE_BIRTH_DATE, "birth_date")
            if payer and payer.bin and not valid_bin(payer.bin):
                self._warn(line_no, pb.LINE_ISSUE_PAYER_BIN, "payer.bin")
            if patronymic == "-":
                patronymic = ""
            name_id = 0
            if surname or given or patronymic or born:
                name = name_row(iin, surname, given, patronymic, born)
                name_id = name.name_id
                self.names.append(name)
            self.accepted.append(
                PaymentLine(iin, line_no, period, amount, purpose, name_id, document, payer)
            )

    def _suspended(self, raw: RawLine) -> Suspension:
        """Return why a row cannot be a payment: the first of its faults."""
        try:
            parse_iin(raw.iin)
        except IinMalformedError:
            return Suspension(raw, pb.LINE_ISSUE_IIN_MALFORMED, "iin")
        except IinCheckDigitError:
            return Suspension(raw, pb.LINE_ISSUE_IIN_CHECK_DIGIT, "iin")
        try:
            parse_month(raw.period)
        except ValueError:
            return Suspension(raw, pb.LINE_ISSUE_PERIOD_MALFORMED, "period")
        if self._period(raw.period) is None:
            return Suspension(raw, pb.LINE_ISSUE_PERIOD_OUT_OF_RANGE, "period")
        if self._purpose(raw.purpose_code) is None:
            return Suspension(raw, pb.LINE_ISSUE_PURPOSE_CODE_UNKNOWN, "purpose_code")
        return Suspension(raw, pb.LINE_ISSUE_AMOUNT_NOT_POSITIVE, "amount_tiyn")

    def _period(self, text: str) -> int | None:
        try:
            period = parse_month(text)
        except ValueError:
            return None
        return period if FIRST_MONTH <= period <= self._last_period else None

    def _purpose(self, text: str) -> int | None:
        code = text or self._purpose_code
        known = self._law.data.purposes.get(
            int(code) if len(code) == 3 and code.isascii() and code.isdigit() else -1
        )
        if known is None:
            return None
        day = self._received_on
        begun = known.valid_from is None or known.valid_from <= day
        ended = known.valid_until is not None and known.valid_until <= day
        return known.number if begun and not ended else None

    def _warn(self, line_no: int, issue: "pb.LineIssue.ValueType", field: str) -> None:
        self.warnings.append(pb.LineNotice(line_no=line_no, issue=issue, field=field))


Meaning = TypeVar("Meaning")


def _meanings(
    texts: Sequence[str],
    known: dict[str, Meaning | None],
    meaning: Callable[[str], Meaning | None],
) -> list[Meaning | None]:
    """Return what each text means; each text is read once, and remembered."""
    for text in set(texts).difference(known):
        known[text] = meaning(text)
    return [known[text] for text in texts]


def _birth_date(text: str) -> date | None:
    try:
        return parse_date(text) if text else None
    except ValueError:
        return None


def _six_digits(day: str) -> str:
    """Return the digits that an IIN begins with for a day YYYY-MM-DD of birth."""
    return day[2:4] + day[5:7] + day[8:]


def valid_bin(text: str) -> bool:
    """Return whether a text may be the BIN, or IIN, of a payer."""
    try:
        parse_iin(text)
    except ValueError:
        return False
    return True
