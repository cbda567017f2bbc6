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
    """A service date and what is the same for everybody on it."""

    ordinal: int
    """The day."""
    month: int
    """Its month."""
    overdue: bool
    """Whether the month before it is overdue when unsettled."""
    era: Era
    """The rules in force."""
    reach: int
    """How many months up to this one any window of this or a later era may hold."""
    shift: int
    """The bit of the earliest of them."""
    before_start: int
    """Those of them that lie before the system's start, as bits from the earliest."""
    near_start: bool
    """Whether so few months have passed that cover could be kept without any settled month."""


def moment_of(day: date, era: Era, *, reach: int, retention_max: int, start: int) -> Moment:
    """Return a day as the rules see it; `start` is the first month of the system."""
    month = month_of(day)
    earliest = month - reach + 1
    return Moment(
        ordinal=day.toordinal(),
        month=month,
        overdue=day.day > era.rules.due_day,
        era=era,
        reach=reach,
        shift=earliest - FIRST_MONTH,
        before_start=(1 << max(start - earliest, 0)) - 1,
        near_start=month - retention_max < start,
    )
