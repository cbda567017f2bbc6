"""Calendar arithmetic that made-up lives need."""

from datetime import date, timedelta

from osms.values import first_day

_ONE_DAY = timedelta(days=1)


def next_day(day: date) -> date:
    """Return the day after."""
    return day + _ONE_DAY


def day_before(day: date) -> date:
    """Return the day before."""
    return day - _ONE_DAY


def last_day(month: int) -> date:
    """Return the last day of a month."""
    return day_before(first_day(month + 1))


def years_before(day: date, years: int) -> date:
    """Return the same day some years earlier (later if negative); 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def birthday(born: date, age_years: int) -> date:
    """Return the day a person reaches an age; born on 29 February, on 1 March if need be."""
    try:
        return born.replace(year=born.year + age_years)
    except ValueError:
        return date(born.year + age_years, 3, 1)
