"""Registers as MT-102 messages, in the variety in which they really arrive."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from osms_seeds.facts import Name
from osms_seeds.files.register import Register, Row
from osms_seeds.names import russify


@dataclass(frozen=True, slots=True)
class Style:
    """How the program behind a file writes."""

    encoding: str
    newline: str
    ends_with_newline: bool
    tag: str
    """Before a tag of a row: "/", or "//" as before October 2011."""
    no_patronymic: str
    """Of people who have none: "-" or nothing."""
    leading_zero: bool
    """Whether amounts below one tenge begin with a zero."""
    period_in_header: bool
    """Whether a period that all rows share stands in the header only."""

    @classmethod
    def draw(cls, rng: Random, encoding: str) -> "Style":
        """Draw the habits of a file; old encodings come from old programs."""
        return cls(
            encoding=encoding,
            newline="\n" if encoding == "utf-8" or rng.random() < 0.3 else "\r\n",
            ends_with_newline=rng.random() < 0.6,
            tag="//" if rng.random() < 0.35 else "/",
            no_patronymic="-" if rng.random() < 0.5 else "",
            leading_zero=rng.random() < 0.5,
            period_in_header=rng.random() < 0.6,
        )

    def text(self, text: str) -> str:
        """Spell a text so that the encoding has its letters."""
        return text if self.encoding == "utf-8" else russify(text)


def message(register: Register, style: Style, order_no: int) -> str:
    """Return one register of one payer and one purpose code, without a line end after it."""
    periods = {row.period for row in register.rows}
    shared = periods.pop() if style.period_in_header and len(periods) == 1 else None
    lines = [*_header(register, style, order_no, shared)]
    for line_no, row in enumerate(register.rows, start=1):
        lines += _row(line_no, row, style, with_period=shared is None)
    total = _amount(register.amount_tiyn, leading_zero=True)
    lines += [f":32A:{register.received_on:%y%m%d}KZT{total}", "-}"]
    return style.newline.join(lines)


def _header(register: Register, style: Style, order_no: int, period: int | None) -> Iterator[str]:
    payer = register.payer
    yield "{1:F01K999S0000000010000000001}"
    yield "{2:I102SGROSS000000U3003}"
    yield "{4:"
    yield f":20:{register.reference}"
    yield f":50:/D/{payer.iban}"
    yield f"/NAME/{style.text(payer.name)}"
    yield f"/IDN/{payer.bin}"
    yield "/CHIEF/-"
    yield "/MAINBK/-"
    yield "/IRS/1"
    yield "/SECO/7"
    yield ":52B:BANKKZKA"
    yield ":57B:FONDKZ2A"
    yield ":59:KZ12009MEDS368609103"
    yield f"/NAME/{style.text('НАО «Фонд социального медицинского страхования»')}"
    yield "/IDN/160940025485"
    yield "/IRS/1"
    yield "/SECO/5"
    yield f":70:/NUM/{order_no}"
    yield f"/DATE/{register.received_on:%y%m%d}"
    yield "/SEND/07"
    yield "/VO/01"
    yield f"/KNP/{register.purpose_code}"
    yield "/PSO/01"
    yield "/PRT/50"
    if period is not None:
        yield f"/PERIOD/{_period(period)}"
    yield "/ASSIGN/ОСМС, количество людей"
    yield f"{register.people}, документов {register.documents}"


def _row(line_no: int, row: Row, style: Style, *, with_period: bool) -> Iterator[str]:
    tag = style.tag
    name = _spelled(row.name, style)
    yield f":21:{line_no}"
    yield f":32B:KZT{_amount(row.amount_tiyn, leading_zero=style.leading_zero)}"
    yield ":70:"
    yield f"{tag}FM/{name.surname}"
    yield f"{tag}NM/{name.given}"
    yield f"{tag}FT/{name.patronymic}"
    yield f"{tag}DT/{row.born:%Y%m%d}"
    yield f"{tag}IDN/{row.iin}"
    if with_period:
        yield f"{tag}PERIOD/{_period(row.period)}"


def _spelled(name: Name, style: Style) -> Name:
    patronymic = name.patronymic or style.no_patronymic
    return Name(style.text(name.surname), style.text(name.given), style.text(patronymic))


def _period(month: int) -> str:
    return f"{month % 12 + 1:02d}{month // 12:04d}"


def _amount(tiyn: int, *, leading_zero: bool) -> str:
    tenge, rest = divmod(tiyn, 100)
    return f"{tenge if tenge or leading_zero else ''},{rest:02d}"
