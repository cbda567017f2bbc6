"""Between which days the people of an archetype are born."""

from datetime import date, timedelta

from osms_seeds.days import day_before, years_before
from osms_seeds.timetable import Timetable

Births = tuple[date, date]
"""First and last birth date."""

_WEEK, _MONTH = timedelta(days=7), timedelta(days=31)


def children(time: Timetable) -> Births:
    """Born before the history begins, and still under 18 a week after its end."""
    return years_before(time.today, 18) + _WEEK, day_before(time.opening)


def newborns(time: Timetable) -> Births:
    """Born during the history."""
    return time.opening + _MONTH, day_before(time.today)


def of_age_lately(time: Timetable) -> Births:
    """Turn 18 during the history."""
    return years_before(time.opening + 2 * _MONTH, 18), years_before(time.today, 18) - _MONTH


def students(time: Timetable) -> Births:
    """Of the age to have studied full-time for one to five years."""
    return years_before(time.today, 23), years_before(time.today, 19)


def graduates(time: Timetable) -> Births:
    """Of the age to have finished studying in the last two years."""
    return years_before(time.today, 27), years_before(time.today, 23)


def adults(time: Timetable) -> Births:
    """Of working age, and grown up long before the history begins."""
    return years_before(time.today, 58), years_before(time.today, 27)


def young_adults(time: Timetable) -> Births:
    """Of the age to serve, to study long, or to have small children."""
    return years_before(time.today, 42), years_before(time.today, 21)


def pensioners(time: Timetable) -> Births:
    """Retired before the history begins."""
    return years_before(time.today, 92), years_before(time.today, 67)
