"""What the strings of the contract mean: IIN and BIN, months, dates; and how money reads.

Shared by every side, so that a clinic's program, a loader and the gateway agree on what is valid.
A month is the integer ``year * 12 + month - 1``, so that months can be counted and compared.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import cache
from itertools import product
from operator import mul
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ALMATY: tzinfo
"""The one time zone of all calendar dates."""
try:
    ALMATY = ZoneInfo("Asia/Almaty")
except ZoneInfoNotFoundError:  # a bare system; the server brings the data along
    ALMATY = timezone(timedelta(hours=5))  # since 2024-03-01

_WEIGHTS = ((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2))
# Digits are summed as ASCII bytes; what eleven zeros would add is taken off again.
_PASSES = tuple((weights, ord("0") * sum(weights)) for weights in _WEIGHTS)


class IinMalformedError(ValueError):
    """The text is not 12 ASCII digits."""


class IinCheckDigitError(ValueError):
    """Twelve digits, but the last does not follow from the others."""


def check_digit(stem: str) -> int | None:
    """Return the twelfth digit for eleven, or None if no such number may exist.

    >>> check_digit("90010139000"), check_digit("90010139030"), check_digit("90010139037")
    (2, 7, None)
    """
    digits = stem.encode()
    for weights, zeros in _PASSES:
        remainder: int = (sum(map(mul, digits, weights)) - zeros) % 11
        if remainder < 10:
            return remainder
    return None


def parse_iin(text: str) -> int:
    """Return an IIN or BIN as the number that the store keeps.

    Only form and check digit are tested: the law no longer ties the digits to a birth date.

    Raises IinMalformedError or IinCheckDigitError.

    >>> parse_iin("050101690002")
    50101690002
    """
    if len(text) != 12 or not (text.isascii() and text.isdigit()):
        raise IinMalformedError
    if check_digit(text[:11]) != ord(text[11]) - 48:
        raise IinCheckDigitError
    return int(text)


def parse_iins(texts: Sequence[str]) -> list[int | None]:
    """Return each text as parse_iin does, with None for what is no IIN or BIN.

    >>> parse_iins(["050101690002", "050101690003", "050101690305", "?"])
    [50101690002, None, 50101690305, None]
    """
    first, second, third = _sums()
    numbers: list[int | None] = []
    for text in texts:
        try:
            left = (first[text[:4]] + second[text[4:8]] + third[text[8:]]) % 11
        except KeyError:
            numbers.append(None)
        else:
            numbers.append(_parse_or_none(text) if left else int(text))
    return numbers


def _parse_or_none(text: str) -> int | None:
    try:
        return parse_iin(text)
    except ValueError:
        return None


@cache
def _sums() -> list[dict[str, int]]:
    """Return what four digits of a number add to its check by the first weights, by their place.

    The last digit is taken off, so that nothing is left of a number that is valid by them.
    """
    weights = (*_WEIGHTS[0], -1)
    fours = ["".join(some) for some in product("0123456789", repeat=4)]
    return [
        {four: sum(map(mul, map(int, four), weights[place : place + 4])) for four in fours}
        for place in (0, 4, 8)
    ]


def format_iin(number: int) -> str:
    """Return the twelve digits of a stored IIN or BIN.

    >>> format_iin(50101690002)
    '050101690002'
    """
    return f"{number:012d}"


def parse_date(text: str) -> date:
    """Return the date of ``YYYY-MM-DD``; raise ValueError for any other form.

    >>> parse_date("2024-02-29")
    datetime.date(2024, 2, 29)
    """
    # fromisoformat takes weeks and other forms, too.
    if len(text) != 10 or text[4] != "-" or text[7] != "-" or not text.isascii():
        raise ValueError(text)
    return date.fromisoformat(text)


def month_of(day: date) -> int:
    """Return the month that holds a day.

    >>> format_month(month_of(date(2026, 3, 31)))
    '2026-03'
    """
    return day.year * 12 + day.month - 1


def first_day(month: int) -> date:
    """Return the first day of a month."""
    return date(month // 12, month % 12 + 1, 1)


def parse_month(text: str) -> int:
    """Return the month of ``YYYY-MM``; raise ValueError for any other form.

    >>> parse_month("2017-07")
    24210
    """
    if len(text) != 7 or text[4] != "-":
        raise ValueError(text)
    return month_of(parse_date(f"{text}-01"))


def format_month(month: int) -> str:
    """Return the ``YYYY-MM`` of a month."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def almaty_date(instant: datetime) -> date:
    """Return the calendar date in Almaty at an aware instant."""
    return instant.astimezone(ALMATY).date()


def money(tiyn: int) -> str:
    """Return an amount in tenge for people.

    >>> money(425_000), money(-1_234_567_805)
    ('4 250,00', '-12 345 678,05')
    """
    tenge, rest = divmod(abs(tiyn), 100)
    sign = "-" if tiyn < 0 else ""
    return f"{sign}{tenge:,}".replace(",", " ") + f",{rest:02}"
