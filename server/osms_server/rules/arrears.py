"""Unsettled months: which are overdue, which keep cover closed, and what they cost."""

from osms_server.rules.cover import long_payer_months
from osms_server.rules.eras import Moment
from osms_server.rules.ledger import Ledger
from osms_server.rules.months import FIRST_MONTH, members


def unsettled_months(settled: int, moment: Moment) -> list[int]:
    """Return the unsettled months of the window, ascending, whether overdue or not."""
    window = moment.era.rules.window
    seen = (settled >> moment.shift | moment.before_start) >> moment.reach - window
    return list(members(~seen & (1 << window) - 1, moment.month - window + 1))


def overdue_months(unsettled: list[int], moment: Moment) -> tuple[int, ...]:
    """Return those of the unsettled months whose due day has passed.

    A month is due on the due day of the month after it, so on any day the month before is the
    only one that may be due today or not.
    """
    last = moment.month - 1 if moment.overdue else moment.month - 2
    return tuple(month for month in unsettled if month <= last)


def blocking_months(
    unsettled: list[int], ledger: Ledger, settled: int, moment: Moment
) -> tuple[int, ...]:
    """Return the fewest unsettled months, oldest first, whose payment alone opens cover.

    Paying every month older than the retention is always enough. Paying fewer is, where it
    completes the run of a long payer, whose cover lasts longer.
    """
    rules = moment.era.rules
    enough = sum(moment.month - month >= rules.retention for month in unsettled)
    least = sum(moment.month - month >= rules.long_retention for month in unsettled)
    for count in range(least, enough) if rules.long_run else ():
        added = sum(1 << month - FIRST_MONTH for month in unsettled[:count])
        if long_payer_months(ledger.paid | added, settled | added, moment.month, rules) & 1:
            return tuple(unsettled[:count])
    return tuple(unsettled[:enough])
