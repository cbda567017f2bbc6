"""How long an answer lasts: from event to event until the status changes.

Events are the first day of a month, the day after a due day, the first day of an era, and the
edges of assignments. Days are ordinals; NEVER says that a status has no end.
"""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from osms_server.rules.cover import Cover, cover_of, long_payer_months, prepaid_months
from osms_server.rules.decision import Status
from osms_server.rules.eras import Era, Moment
from osms_server.rules.ledger import Ledger
from osms_server.rules.months import NEVER, first_missing, first_ordinal, month_of
from osms_server.rules.spans import Overlay, end_of_union, next_start

# Named once: looking a member up in its enum costs more than the rest of a comparison.
_INSURED, _RETENTION, _ON_VISIT = (
    Status.INSURED,
    Status.INSURED_RETENTION,
    Status.ELIGIBLE_ON_VISIT,
)

Halves = tuple[int, int]
"""The months in which something holds: up to the due day, and after it."""

Wanted = Callable[[Cover], Halves]
"""Picks what is asked for from cover by contributions."""


class Prospect(NamedTuple):
    """What is known about one person, seen from the service date on."""

    ledger: Ledger
    """The facts."""
    moment: Moment
    """The service date."""
    overlay: Overlay
    """The assignments."""
    settled: int
    """The settled months."""
    long: int
    """The months of a long payer, under the rules of the service date."""
    prepaid: int
    """The months covered by prepayment, under the same rules."""


def ends_of(prospect: Prospect, status: Status) -> tuple[int, int]:
    """Return the first day without the status of the service date, and the first without cover.

    The second is NEVER also where the service date is not covered. Death is left aside.
    """
    _, moment, overlay, settled, long, prepaid = prospect
    day, budget = moment.ordinal, overlay.budget
    if budget and end_of_union(budget, day) == NEVER:
        return NEVER, NEVER
    cover = cover_of(settled, long, prepaid, moment, moment.era.rules)
    if status is _INSURED:
        end = _end_of_open(prospect, cover, _insured)
        return end, _end_of_open(prospect, cover, _covered)
    if status is _RETENTION:
        end = _end_by_months(prospect, cover, day, _retained)
        return min(end, next_start(budget, day)), _end_of_open(prospect, cover, _covered)
    end = _end_by_months(prospect, cover, day, _uncovered)
    if budget:
        end = min(end, next_start(budget, day))
    if status is _ON_VISIT:
        return min(end, end_of_union(overlay.visits, day)), NEVER
    return min(end, next_start(overlay.visits, day)), NEVER


def _insured(cover: Cover) -> Halves:
    return cover.up_to_due_day, cover.after_due_day


def _covered(cover: Cover) -> Halves:
    covered = cover.by_months | cover.prepaid
    return covered, covered


def _retained(cover: Cover) -> Halves:
    return cover.by_months & ~cover.up_to_due_day, cover.by_months & ~cover.after_due_day


def _uncovered(cover: Cover) -> Halves:
    uncovered = ~(cover.by_months | cover.prepaid)
    return uncovered, uncovered


def _end_of_open(prospect: Prospect, cover: Cover, wanted: Wanted) -> int:
    """Return the first day that neither the budget nor the wanted kind of cover holds."""
    day = prospect.moment.ordinal
    budget = prospect.overlay.budget
    if not budget:
        return _end_by_months(prospect, cover, day, wanted)
    day = end_of_union(budget, day)
    while day != NEVER:
        end = _end_by_months(prospect, cover, day, wanted)
        day = end_of_union(budget, end)
        if day == end:
            break
    return day


def _end_by_months(prospect: Prospect, cover: Cover, day: int, wanted: Wanted) -> int:
    """Return the first day from `day` on for which the wanted months do not hold."""
    moment = prospect.moment
    era = moment.era
    while True:
        while day >= era.end and era.following is not None:
            era = era.following
            cover = _cover_in(era, prospect)
        end = _end_in_era(wanted(cover), day, moment, era)
        if end < era.end or era.following is None:
            return end
        day = era.end


def _cover_in(era: Era, prospect: Prospect) -> Cover:
    """Return the cover by contributions under the rules of a later era."""
    ledger, moment, _, settled, _, _ = prospect
    long = long_payer_months(ledger.paid, settled, moment.month, era.rules)
    prepaid = prepaid_months(ledger.advance, moment.month, era.rules.prepaid_run)
    return cover_of(settled, long, prepaid, moment, era.rules)


def _end_in_era(halves: Halves, day: int, moment: Moment, era: Era) -> int:
    """Return the first day from `day` on for which the months do not hold, if rules stay."""
    up_to_due_day, after_due_day = halves
    if day == moment.ordinal:
        month, overdue = 0, moment.overdue
    else:
        calendar_day = date.fromordinal(day)
        month = month_of(calendar_day) - moment.month
        overdue = calendar_day.day > era.rules.due_day
    if not (after_due_day if overdue else up_to_due_day) >> month & 1:
        return day
    month += overdue
    gap = first_missing((up_to_due_day & after_due_day) >> month)
    if gap < 0:
        return NEVER
    month += gap
    end = first_ordinal(moment.month + month)
    # Only what holds up to the due day and not after it ends within a month.
    return end + era.rules.due_day if up_to_due_day >> month & 1 and end != NEVER else end
