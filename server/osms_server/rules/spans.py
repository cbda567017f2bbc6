"""Assignments laid over days and months."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from osms_server.rules.ledger import Span, SpanKind
from osms_server.rules.months import FIRST_MONTH, NEVER
from osms_server.rules.outcomes import EXEMPT, ON_VISIT, STATE_PAID

Days = tuple[int, int]
"""The ordinals of the first day of a stretch and of the first day after it."""

_BIT_0 = FIRST_MONTH + 1

# Named once: looking a member up in its enum costs more than the rest of a comparison.
_EXEMPT, _ON_VISIT = SpanKind.EXEMPT, SpanKind.ON_VISIT


class Overlay(NamedTuple):
    """What a person's assignments give, seen from one day."""

    held: int
    """The rules of assignments that hold on the day."""
    settled: int
    """The state-settled months."""
    budget: Sequence[Days]
    """The days, now and later, on which the person is exempt or the state pays."""
    visits: Sequence[Days]
    """The days, now and later, on which care on a visit is paid for."""


def lay(spans: Iterable[Span], ordinal: int) -> Overlay:
    """Return what assignments give, seen from a day.

    An assignment counts from its first day until the eve of its removal, and one removed on or
    before its first day never counts. A month is state-settled if a state-paid or exempt
    assignment counts on any day of it.
    """
    held = settled = 0
    budget: list[Days] = []
    visits: list[Days] = []
    for span in spans:
        kind, first_day, removed = span.kind, span.start, span.end
        start = first_day.toordinal()
        end = NEVER if removed is None else removed.toordinal()
        if end <= start:
            continue
        if kind is _ON_VISIT:
            if end > ordinal:
                visits.append((start, end))
                if start <= ordinal:
                    held |= ON_VISIT
            continue
        first = first_day.year * 12 + first_day.month - _BIT_0
        if first < 0:
            first = 0
        if removed is None:
            settled |= -1 << first
        else:
            after = removed.year * 12 + removed.month - _BIT_0 + (removed.day > 1)
            if after > first:
                settled |= (1 << after) - (1 << first)
        if end > ordinal:
            budget.append((start, end))
            if start <= ordinal:
                held |= EXEMPT if kind is _EXEMPT else STATE_PAID
    return Overlay(held, settled, budget, visits)


NOTHING = lay((), 0)
"""The overlay of a person without assignments."""


def end_of_union(stretches: Sequence[Days], day: int) -> int:
    """Return the first day from `day` on that no stretch holds; NEVER if there is none."""
    grown = True
    while grown:
        grown = False
        for start, end in stretches:
            if start <= day < end:
                day, grown = end, True
    return day


def next_start(stretches: Sequence[Days], day: int) -> int:
    """Return the first day after `day` on which a stretch starts; NEVER if there is none."""
    return min([start for start, _ in stretches if start > day], default=NEVER)
