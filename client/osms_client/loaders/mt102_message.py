"""One MT-102 message: its tags, line by line.

Sub-tags mean different things in different places: /IDN/ is the payer in :50:, the receiver in
:59:, and a person after :21:. So the place decides, never the tag alone; and the text of /ASSIGN/
may hold anything, up to the next field.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto

from osms_client.loaders.errors import FileError
from osms_client.loaders.text import Lines

_FIELD = re.compile(r":(2[01]|32[AB]|5\d[A-Z]?|70):\s*(.*)", re.DOTALL)
_SUB = re.compile(r"//?([A-Z]{1,8})/\s*(.*)", re.DOTALL)
_SUBS = "NAME|IDN|RNN|CHIEF|MAINBK|IRS|SECO|NUM|DATE|SEND|VO|KNP|PSO|PRT|PERIOD|FM|NM|FT|DT"
_NEXT_ON_LINE = re.compile(rf"\s+(?=:(?:2[01]|32[AB]|5\d[A-Z]?|70):|//?(?:{_SUBS}|ASSIGN)/)")
_AMOUNT = re.compile(r"KZT(-?)(\d{0,15})(?:[.,](\d{0,2}))?")
_TOTAL = re.compile(r"(\d\d)(\d\d)(\d\d)(KZT.*)")
_AFTER_ASSIGN = (":21:", ":32A:")
_LINE_NO = re.compile(r"\d{1,9}")


class Place(Enum):
    """Where in a message a tag stands."""

    HEAD = auto()
    PAYER = auto()
    OTHER_PARTY = auto()
    DETAILS = auto()
    ASSIGN = auto()
    ROW = auto()


@dataclass(slots=True)
class Row:
    """A person's row, with the texts of the file."""

    line: int
    line_no: int
    amount_tiyn: int | None = None
    iin: str = ""
    surname: str = ""
    given_name: str = ""
    patronymic: str = ""
    birth_date: str = ""
    period: str = ""
    purpose_code: str = ""


class Message:
    """Reads one message. After its rows are read, the fields of the head are set."""

    def __init__(self) -> None:
        self.first_line = 0
        self.reference = ""
        self.payer_bin = ""
        self.payer_name = ""
        self.document = ""
        self.purpose_code = ""
        self.period = ""
        self.received_on: date | None = None
        self.amount_tiyn = 0
        self._place = Place.HEAD
        self._row: Row | None = None
        self._last_text = ""
        self._finished: Row | None = None

    def rows(self, lines: Lines) -> Iterator[Row]:
        """Yield the rows up to the end of the message; nothing if no message follows."""
        wrong = _Wrong(lines)
        if not self._open(lines, wrong):
            return
        for text in lines:
            last = "-}" in text
            if last or text.startswith("{"):
                text = self._up_to_the_end(text, wrong)
            for part in self._parts(text):
                self._take(part, wrong)
                if self._finished is not None:
                    yield self._finished
                    self._finished = None
            if last:
                self._end_row(wrong)
                if self._finished is not None:
                    yield self._finished
                self._check(wrong)
                return
        raise wrong('"-}" at the end: the file is cut off')

    def _up_to_the_end(self, text: str, wrong: "_Wrong") -> str:
        text, _, beyond = text.partition("-}")
        if text.startswith("{") or "{1:" in beyond or "{4:" in beyond:
            raise wrong('"-}" and a line break before the next message')
        return text

    def _open(self, lines: Lines, wrong: "_Wrong") -> bool:
        for text in lines:
            if not text:
                continue
            if not self.first_line:
                self.first_line = lines.number
            head, opened, rest = text.partition("{4:")
            if not (head or opened).startswith("{"):
                raise wrong('"{1:" or "{4:", the beginning of a message')
            if opened:
                for part in self._parts(rest):
                    self._take(part, wrong)
                return True
        if self.first_line:
            raise wrong('"{4:", the text of the message: the file is cut off')
        return False

    def _parts(self, text: str) -> list[str]:
        """Split a line into its tags; free text is one part."""
        if not text:
            return []
        one = " /" not in text and " :" not in text
        if one or (self._place is Place.ASSIGN and not text.startswith(_AFTER_ASSIGN)):
            return [text]
        parts = _NEXT_ON_LINE.split(text)
        for number, part in enumerate(parts):
            if part.lstrip("/").startswith("ASSIGN/"):
                return [*parts[:number], " ".join(parts[number:])]
        return parts

    def _take(self, part: str, wrong: "_Wrong") -> None:
        field = _FIELD.match(part) if part.startswith(":") else None
        if field and (self._place is not Place.ASSIGN or part.startswith(_AFTER_ASSIGN)):
            self._field(field[1], field[2].strip(), wrong)
            return
        sub = _SUB.match(part)
        if self._place is Place.ASSIGN:
            if sub is not None and sub[1] == "PERIOD" and not self.period:
                month = period(sub[2].strip())
                self.period = month if month != sub[2].strip() else ""
        elif sub is not None:
            self._sub(sub[1], sub[2].strip())
        elif self._place is Place.PAYER and self._last_text == "NAME":
            self.payer_name = f"{self.payer_name} {part}".strip()

    def _field(self, tag: str, rest: str, wrong: "_Wrong") -> None:
        if tag == "21":
            self._end_row(wrong)
            if not _LINE_NO.fullmatch(rest):
                raise wrong("a row number after :21:")
            self._row = Row(wrong.line, int(rest))
            self._place = Place.ROW
        elif tag == "32B":
            if self._row is None:
                raise wrong(":21: before :32B:")
            self._row.amount_tiyn = _tiyn(rest, wrong)
        elif tag == "32A":
            self._end_row(wrong)
            if self.received_on is not None:
                raise wrong('one :32A: in a message, and "-}" before the next message')
            self._total(rest, wrong)
            self._place = Place.HEAD
        elif tag == "20":
            if self.reference:
                raise wrong('one :20: in a message, and "-}" before the next message')
            self.reference = rest
        elif tag == "70" and self._row is None:
            self._place = Place.DETAILS
            self._rest(rest)
        elif tag == "70":
            self._rest(rest)
        else:
            self._place = Place.PAYER if tag == "50" else Place.OTHER_PARTY
            self._rest(rest)

    def _rest(self, rest: str) -> None:
        sub = _SUB.match(rest)
        self._last_text = ""
        if sub is not None:
            self._sub(sub[1], sub[2].strip())

    def _sub(self, name: str, value: str) -> None:
        self._last_text = name
        if self._place is Place.ROW and self._row is not None:
            _ROW_SUBS.get(name, _ignore)(self._row, value)
        elif self._place is Place.PAYER:
            if name == "NAME":
                self.payer_name = value
            elif name == "IDN":
                self.payer_bin = value
        elif self._place is Place.DETAILS:
            if name == "NUM":
                self.document = value
            elif name == "KNP":
                self.purpose_code = value
            elif name == "PERIOD":
                self.period = period(value)
            elif name == "ASSIGN":
                self._place = Place.ASSIGN

    def _end_row(self, wrong: "_Wrong") -> None:
        row, self._row = self._row, None
        if row is None:
            return
        if row.amount_tiyn is None:
            raise wrong(":32B: with the row's amount", line=row.line)
        self._finished = row

    def _total(self, rest: str, wrong: "_Wrong") -> None:
        total = _TOTAL.fullmatch(rest)
        expected = "a date YYMMDD and an amount such as KZT1500,50 after :32A:"
        if total is None:
            raise wrong(expected)
        try:
            self.received_on = date(2000 + int(total[1]), int(total[2]), int(total[3]))
        except ValueError:
            raise wrong(expected) from None
        self.amount_tiyn = _tiyn(total[4], wrong)

    def _check(self, wrong: "_Wrong") -> None:
        if not self.reference:
            raise wrong(":20: with the reference of the message", line=self.first_line)
        if self.received_on is None:
            raise wrong(":32A: with the total of the message", line=self.first_line)


class _Wrong:
    """Makes the error for the line read last, or another one."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def __call__(self, expected: str, *, line: int | None = None) -> FileError:
        return FileError(self._lines.path, expected, line=line or self.line)

    @property
    def line(self) -> int:
        """The number of the line read last."""
        return self._lines.number


def _tiyn(text: str, wrong: _Wrong) -> int:
    """Read an amount: the comma is decimal, and there may be no digit before it."""
    amount = _AMOUNT.fullmatch(text)
    if amount is None or not (amount[2] or amount[3]):
        raise wrong("an amount such as KZT1500,50")
    tiyn = int(amount[2] or 0) * 100 + int((amount[3] or "").ljust(2, "0"))
    return -tiyn if amount[1] else tiyn


def period(text: str) -> str:
    """Return MMYYYY as YYYY-MM, anything else as it is: the gateway suspends it."""
    if len(text) == 6 and text.isascii() and text.isdigit() and "01" <= text[:2] <= "12":
        return f"{text[2:]}-{text[:2]}"
    return text


def birth_date(text: str) -> str:
    """Return YYYYMMDD as YYYY-MM-DD, anything else as it is."""
    if len(text) == 8 and text.isascii() and text.isdigit():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return text


def _ignore(row: Row, value: str) -> None:
    """Leave out what the contract has no field for."""


def _setter(name: str, read: Callable[[str], str] = str) -> Callable[[Row, str], None]:
    return lambda row, value: setattr(row, name, read(value))


_ROW_SUBS: dict[str, Callable[[Row, str], None]] = {
    "FM": _setter("surname"),
    "NM": _setter("given_name"),
    "FT": _setter("patronymic"),
    "DT": _setter("birth_date", birth_date),
    "IDN": _setter("iin"),
    "PERIOD": _setter("period", period),
    "KNP": _setter("purpose_code"),
}
