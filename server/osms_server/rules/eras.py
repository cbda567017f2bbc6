"""Stretches of time in which the rules of cover do not change, and one day seen within them."""

from dataclasses import dataclass
from datetime import date

from osms_server.rules.months import FIRST_MONTH, month_of


@dataclass(frozen=True, slots=True)
class CoverRules:
    """The parameters that decide about cover; 0 where a rule is not in force."""

    universal: bool
    """Everybody is insured."""
    window: int
    """How many months are looked at, the current one included."""
    retention: int
    """How many months after a settled month cover lasts."""
    long_run: int
    """How many consecutive paid months make a long payer."""
    long_retention: int
    """How many months cover lasts for a long payer."""
    long_counts_state: bool
    """Whether state-settled months count as paid in that run."""
    due_day: int
    """The last day to pay for a month, in the month after it."""
    prepaid_run: int
    """How many months paid in advance open cover."""


@dataclass(frozen=True, slots=True)
class Era:
    """The days on which one set of cover rules is in force."""

    end: int
    """The ordinal of the first day after it; NEVER for the last era."""
    rules: CoverRules
    """What holds in it."""
    following: "Era | None"
    """The era after it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A service date and what is the same for everybody on it.

    Sets of months are seen through the window of the day: bit 0 is its earliest month, and the
    highest bit is the month of the day.
    """

    ordinal: int
    """The day."""
    month: int
    """Its month."""
    overdue: bool
    """Whether the month before it is overdue when unsettled."""
    start: int
    """The first month of the system: no earlier one is looked at."""
    era: Era
    """The rules in force."""
    shift: int
    """The bit, in a set of months, of the earliest month of the window."""
    counted: int
    """The months of the window."""
    before_start: int
    """The months that would be in it if the system had started earlier: never missing."""
    due: int
    """Those that must be settled for the person not to be overdue."""
    kept: int
    """Those that must be settled for cover to last."""
    kept_long: int
    """The same for a long payer."""


def moment_of(day: date, era: Era, *, start: int) -> Moment:
    """Return a day as the rules see it; `start` is the first month of the system."""
    rules = era.rules
    month = month_of(day)
    earliest = month - rules.window + 1
    before_start = _months(start - earliest)
    overdue = day.day > rules.due_day
    return Moment(
        ordinal=day.toordinal(),
        month=month,
        overdue=overdue,
        start=start,
        era=era,
        shift=earliest - FIRST_MONTH,
        counted=_months(rules.window) & ~before_start,
        before_start=before_start,
        due=_months(rules.window - (1 if overdue else 2)),
        kept=_months(rules.window - rules.retention),
        kept_long=_months(rules.window - rules.long_retention),
    )


def _months(count: int) -> int:
    """Return the first so many months of a set."""
    return (1 << max(count, 0)) - 1
