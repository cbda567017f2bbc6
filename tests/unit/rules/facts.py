"""What the Fund was told about one person: raw, dated facts, each with the moment it was recorded.

A month is written as the date of its first day; nothing here is summed up or decided.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo

ALMATY = ZoneInfo("Asia/Almaty")


class Kind(StrEnum):
    """What a category gives, as the reference data says it."""

    STATE_PAID = "STATE_PAID"
    EXEMPT = "EXEMPT"
    ON_VISIT = "ON_VISIT"
    DECEASED = "DECEASED"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Payment:
    """Money received for one month of one person."""

    period: date
    """First day of the month it is for."""
    received_on: date
    recorded_at: datetime
    amount_tiyn: int
    gives_cover: bool = True
    """False for penalties."""


@dataclass(frozen=True, slots=True)
class Reversal:
    """Money taken back from one payment."""

    payment_no: int
    """Position of the payment in the facts."""
    recorded_at: datetime
    amount_tiyn: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """One record of a category; a later record of the same key replaces it."""

    kind: Kind
    assigned_on: date
    """The first day it counts; with DECEASED, the day of death."""
    removed_on: date | None
    """The first day it no longer counts; with DECEASED, any day voids the record."""
    recorded_at: datetime
    source: str = "labour"
    category: str = "unspecified"

    @property
    def key(self) -> tuple[str, str, date]:
        """What the last record of an assignment is found by, within one person."""
        return self.source, self.category, self.assigned_on


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts about one person."""

    payments: tuple[Payment, ...] = ()
    reversals: tuple[Reversal, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    """In the order of their revisions."""


def noon(day: date) -> datetime:
    """Return midday in Almaty, when a fact dated only by its day was recorded."""
    return datetime.combine(day, time(12), ALMATY)


def end_of_day(day: date) -> datetime:
    """Return the last moment of a day in Almaty, which a bare date as knowledge time means."""
    return datetime.combine(day + timedelta(days=1), time(0), ALMATY) - timedelta(microseconds=1)


def first_of(day: date) -> date:
    """Return the month that holds a day."""
    return day.replace(day=1)


@cache
def shift(month: date, count: int) -> date:
    """Return the month that many months later, or earlier if negative."""
    years, index = divmod(month.month - 1 + count, 12)
    return date(month.year + years, index + 1, 1)
