"""Months, and sets of months kept as the bits of integers.

A month is the integer ``year * 12 + month - 1``; in a set, bit i stands for the month
FIRST_MONTH + i. A set without end (an assignment nobody has removed) is a negative integer: its
bits are set for ever, and shifts, ANDs and ORs go on being exact.
"""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Final

FIRST_MONTH: Final = 2017 * 12 + 6
"""The month of bit 0: July 2017, when contributions began."""

NEVER: Final = date.max.toordinal() + 1
"""The ordinal of a day that never comes."""


def month_of(day: date) -> int:
    """Return the month that holds a day."""
    return day.year * 12 + day.month - 1


def first_day(month: int) -> date:
    """Return the first day of a month."""
    return date(month // 12, month % 12 + 1, 1)


@lru_cache(maxsize=2048)
def first_ordinal(month: int) -> int:
    """Return the ordinal of a month's first day; NEVER for a month after the calendar's end."""
    return first_day(month).toordinal() if month <= month_of(date.max) else NEVER


def runs(bits: int, length: int) -> int:
    """Return the months at which `length` consecutive months of a set begin.

    >>> bin(runs(0b0111_0111_1, 3))
    '0b100011'
    """
    reach = 1
    while reach * 2 <= length:
        bits &= bits >> reach
        reach *= 2
    return bits & bits >> length - reach


def spread(bits: int, length: int) -> int:
    """Return the months of a set, each with those that follow it: `length` months in all.

    >>> bin(spread(0b10001, 3))
    '0b1110111'
    """
    reach = 1
    while reach * 2 <= length:
        bits |= bits << reach
        reach *= 2
    return bits | bits << length - reach


def first_missing(bits: int) -> int:
    """Return the lowest bit that is not in a set, or -1 if it holds every month for ever.

    >>> first_missing(0b1011), first_missing(0), first_missing(-1)
    (2, 0, -1)
    """
    return (~bits & (bits + 1)).bit_length() - 1


def members(bits: int, first: int) -> Iterator[int]:
    """Yield the months of a finite set, ascending; `first` is the month of bit 0.

    >>> list(members(0b101, 24210))
    [24210, 24212]
    """
    while bits:
        lowest = bits & -bits
        yield first + lowest.bit_length() - 1
        bits ^= lowest
