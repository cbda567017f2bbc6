"""A nation as registers name it: any number of people, made one by one and always the same."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from itertools import count
from typing import NamedTuple

from osms.values import check_digit

FIRST_BIRTHDAY = date(1950, 1, 1)
BIRTHDAYS = 20_000
STRIDE_DAYS = 7_919
"""People whose numbers follow each other were born so far apart: a register's people are spread
over the whole key space, as they are in life."""


class Person(NamedTuple):
    """What a row says of whom it is for."""

    iin: str
    birth_date: str


def person(number: int) -> Person | None:
    """Return the person of a number; None if no check digit fits."""
    serial, day = divmod(number, BIRTHDAYS)
    digits, century, birth_date = _birthday(day * STRIDE_DAYS % BIRTHDAYS)
    stem = f"{digits}{century + serial % 2}{serial // 2:04d}"
    digit = check_digit(stem)
    return None if digit is None else Person(f"{stem}{digit}", birth_date)


def people(first: int = 0) -> Iterator[Person]:
    """Yield people without end, from a number on."""
    return (found for number in count(first) if (found := person(number)) is not None)


@cache
def _birthday(day: int) -> tuple[str, int, str]:
    """Return the six digits of a day, the seventh of a man born on it, and the day as text."""
    born = FIRST_BIRTHDAY + timedelta(days=day)
    return f"{born:%y%m%d}", 3 if born.year < 2000 else 5, born.isoformat()
