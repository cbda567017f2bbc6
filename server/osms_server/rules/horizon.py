"""How long an answer lasts: from event to event until the status changes.

Events are the first day of a month, the day after a due day, the first day of an era, and the
edges of assignments. Days are ordinals; NEVER says that a status has no end.
"""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from osms_server.rules.cover import Cover, cover_of
from osms_server.rules.decision import Status
from osms_server.rules.eras import Era, Moment
from osms_server.rules.ledger import Ledger
from osms_server.rules.months import NEVER, first_missing, first_ordinal, month_of
from osms_server.rules.spans import Overlay, end_of_union, next_start

Halves = tuple[int, int]
"""The months in which something holds: up to the due day, and after it."""


class Facts(NamedTuple):
    """One person, seen from one day."""

    ledger: Ledger
    settled: int
    """The settled months."""
    moment: Moment
    """The day."""
    overlay: Overlay
    """The assignments."""
    cover: Cover
    """Cover by contributions under the rules of that day."""


def end_of_status(facts: Facts, status: Status) -> int:
    """Return the first day that no longer has the status the service date has."""
    day = facts.moment.ordinal
    overlay = facts.overlay
    if status is Status.INSURED:
        return _end_of_open(facts, _insured)
    if status is Status.INSURED_RETENTION:
        return min(_end_by_months(facts, day, _retained), next_start(overlay.budget, day))
    end = min(_end_by_months(facts, day, _uncovered), next_start(overlay.budget, day))
    if status is Status.ELIGIBLE_ON_VISIT:
        return min(end, end_of_union(overlay.visits, day))
    return min(end, next_start(overlay.visits, day))


def end_of_cover(facts: Facts) -> int:
    """Return the first day on which a person who is covered on the service date no longer is."""
    return _end_of_open(facts, _covered)


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


def _end_of_open(facts: Facts, wanted: Callable[[Cover], Halves]) -> int:
    """Return the first day that neither the budget nor the wanted kind of cover holds."""
    day = facts.moment.ordinal
    while True:
        unpaid = end_of_union(facts.overlay.budget, day)
        if unpaid == NEVER:
            return NEVER
        end = _end_by_months(facts, unpaid, wanted)
        if end == day:
            return day
        day = end


def _end_by_months(facts: Facts, day: int, wanted: Callable[[Cover], Halves]) -> int:
    """Return the first day from `day` on for which the wanted months do not hold."""
    moment, cover = facts.moment, facts.cover
    era = moment.era
    while True:
        while day >= era.end and era.following is not None:
            era = era.following
            cover = cover_of(facts.ledger, facts.settled, moment, era.rules)
        end = _end_in_era(wanted(cover), day, moment, era)
        if end < era.end or era.following is None:
            return end
        day = era.end


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
