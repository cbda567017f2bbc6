"""What follows from a made-up life, said once.

These statements are about lives that archetypes build, in the words of the law; they are no
second rules engine, and a life they do not fit must not be given to them.
"""

from datetime import date

from osms.values import first_day, month_of
from osms_seeds.days import day_before
from osms_seeds.facts import Status

DUE_DAY = 25
KEPT_MONTHS, KEPT_MONTHS_LONG_PAYER = 3, 6


def after_last_settled(last: int, day: date, kept_months: int = KEPT_MONTHS) -> Status:
    """Say what someone is whose months were all settled through `last`, and none after.

    Insured until the next month's contribution is overdue, i.e. through the 25th of the second
    month after `last`; then cover is kept through the third month after it (the sixth, for those
    who paid 60 months in a row); then not insured. Holds for days on which the twelve months
    before `last` that count were settled as well.
    """
    if day <= insured_through(last):
        return Status.INSURED
    if month_of(day) <= last + kept_months:
        return Status.INSURED_RETENTION
    return Status.NOT_INSURED


def insured_through(last: int) -> date:
    """Return the last day on which nothing after `last` is overdue."""
    return first_day(last + 2).replace(day=DUE_DAY)


def settled_through(removed_on: date) -> int:
    """Return the last month that a span removed on this day touches."""
    return month_of(day_before(removed_on))
