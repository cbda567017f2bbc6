"""Unsettled months of the window: which are overdue, and which keep cover closed.

Sets of months are seen through the window of the service date, as in `Moment`.
"""

from functools import lru_cache

from osms_server.rules.cover import long_payer_months
from osms_server.rules.eras import Moment
from osms_server.rules.ledger import Ledger
from osms_server.rules.months import FIRST_MONTH, members

LISTS_MAX = 16_384
"""How many different lists of months are kept to be shared."""


def blocking(missing: int, ledger: Ledger, settled: int, moment: Moment) -> int:
    """Return the fewest missing months, oldest first, whose payment alone opens cover.

    Paying every month that is not younger than the retention is always enough. Paying fewer is,
    where it completes the run of a long payer, whose cover lasts longer.
    """
    enough = missing & moment.kept
    rules = moment.era.rules
    if not rules.long_run:
        return enough
    added = missing & moment.kept_long
    while added != enough:
        more = added << moment.shift
        if long_payer_months(ledger.paid | more, settled | more, moment.month, rules) & 1:
            return added
        rest = enough & ~added
        added |= rest & -rest
    return enough


@lru_cache(maxsize=LISTS_MAX)
def listed(months: int, shift: int) -> tuple[int, ...]:
    """Return the months of a set seen through a window, ascending."""
    return tuple(members(months, FIRST_MONTH + shift))
