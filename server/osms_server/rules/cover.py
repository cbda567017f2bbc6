"""Cover by contributions: the months in which rules 7 and 8 hold, as bits.

Bit 0 is the month of the service date, because nothing before it can matter for how long the
answer lasts; sets go on into the future without end.
"""

from bisect import bisect_left
from typing import NamedTuple

from osms_server.rules.eras import CoverRules, Moment
from osms_server.rules.months import FIRST_MONTH, runs, spread


class Cover(NamedTuple):
    """The months in which contributions open cover, under the rules of one era.

    Within a month an answer changes at most once: on the day after the due day, when the month
    before becomes overdue.
    """

    up_to_due_day: int
    """Insured, on the days up to the due day."""
    after_due_day: int
    """Insured, on the days after it; never more months than up to it."""
    by_months: int
    """Insured or retained by settled months (rule 7), on any day."""
    prepaid: int
    """Insured by prepayment (rule 8), on any day."""


EVERYBODY = Cover(-1, -1, -1, 0)
"""Cover while everybody is insured: every month, for ever."""


def cover_of(settled: int, long: int, prepaid: int, moment: Moment, rules: CoverRules) -> Cover:
    """Return the months from a service date's month on in which contributions open cover.

    `settled` holds the person's settled months: paid ones and state-settled ones; `long` and
    `prepaid` are those of `long_payer_months` and `prepaid_months` under the same rules.

    Rule 7. A person is covered in a month if the window (the last months up to this one, none
    before the system's start) holds a settled month, and every unsettled month of it is younger
    than the retention. The person is insured until the due day of the oldest unsettled month;
    from the day after it, cover is retained until the last day of the month in which that month
    is still younger than the retention. Law No. 405-V, article 5.
    """
    if rules.universal:
        return EVERYBODY
    held = before = after = 0
    if rules.window:
        earliest = moment.month - rules.window + 1
        counted = settled >> earliest - FIRST_MONTH
        if earliest < moment.start:
            # Months before the system's start are not looked at: here they cannot be missing.
            counted |= (1 << moment.start - earliest) - 1
        held = runs(counted, rules.window - rules.retention)
        if long:
            held |= runs(counted, rules.window - rules.long_retention) & long
        if earliest < moment.start:
            seen = settled >> moment.start - FIRST_MONTH << moment.start - earliest
            held &= spread(seen, rules.window) >> rules.window - 1
        before = runs(counted, rules.window - 2)
        after = before & before >> 1 & held
        before &= held
    if not prepaid:
        return Cover(before, after, held, 0)
    # Where rule 7 holds, it decides: prepayment adds only months that it leaves open.
    added = prepaid & ~held
    return Cover(before | added, after | added, held, prepaid)


def long_payer_months(paid: int, settled: int, month: int, rules: CoverRules) -> int:
    """Return the months from `month` on in which a person counts as a long payer.

    A long payer has a long enough run of consecutive paid months that ends in the month itself or
    at most the long retention before it; what is paid after it does no harm. Cover then lasts for
    the long retention, from the first unsettled month on. Law No. 405-V, article 5.
    """
    if not rules.long_run:
        return 0
    if rules.long_counts_state:
        paid = settled
    elif paid.bit_count() < rules.long_run:
        return 0
    ends = runs(paid, rules.long_run) << rules.long_run - 1
    return spread(ends, rules.long_retention + 1) >> month - FIRST_MONTH


def prepaid_months(advance: tuple[tuple[int, int], ...], month: int, run: int) -> int:
    """Return the months from `month` on that are covered by prepayment.

    Rule 8. Who paid a whole run of months before the first of them began is insured from the first
    day of the first month until the last day of the last; a payment received later never helps.
    Law No. 405-V, article 5.
    """
    if not run:
        return 0
    covered = 0
    # A run that began earlier is over by now.
    first = bisect_left(advance, (month - run + 1,))
    for index in range(first, len(advance) - run + 1):
        start = advance[index][0]
        if advance[index + run - 1][0] - start != run - 1:
            continue  # a month is missing
        for _, received in advance[index : index + run]:
            if received >= start:
                break
        else:
            months = (1 << run) - 1
            covered |= months << start - month if start >= month else months >> month - start
    return covered
