"""The order of the rules: what is answered when some of them hold.

Each rule that opens cover is a bit, in the order of the rules, so that the rules that hold for a
person are one small integer and the answer is a look into a table. "The Law" is the Law of the
Republic of Kazakhstan of 16 November 2015 No. 405-V "On compulsory social health insurance",
https://adilet.zan.kz/eng/docs/Z1500000405.
"""

from typing import Final, NamedTuple

from osms_server.rules.decision import FundingSource, Ground, Status

UNIVERSAL: Final = 1
"""Rule 4. Everybody is insured, from the first day of `universal_cover` until its last day,
whatever was paid. The Law, article 40."""

EXEMPT: Final = 2
"""Rule 5. Who is exempt from contributions is insured, from the day the assignment starts until
the eve of its removal. The Law, article 28, paragraph 7."""

STATE_PAID: Final = 4
"""Rule 6. For whom the state pays is insured, from the day the category is assigned until the eve
of its removal. The Law, article 26."""

SETTLED: Final = 8
"""Rule 7. Whose months are settled is insured, from the first day of a month whose window holds a
settled month and lacks none for too long, until the due day of the first unsettled month. The Law,
article 5."""

RETENTION: Final = 16
"""Rule 7. Who has overdue months stays insured, from the day after the due day of the first
unsettled month until the last day of the retention that began with that month. The Law,
article 5."""

PREPAID: Final = 32
"""Rule 8. Who paid a whole run of months before it began is insured, from the first day of its
first month until the last day of its last. The Law, article 5."""

ON_VISIT: Final = 64
"""Rule 9. For whom care is paid for on a visit may be treated, though not insured, from the day the
category is assigned until the eve of its removal. The Law, as amended from 2026."""

NO_CONTRIBUTIONS: Final = 0
"""Rule 10. No rule that opens cover holds, and no month of the window is settled. The Law,
article 5."""

ARREARS: Final = 2 * ON_VISIT
"""Rule 10. No rule that opens cover holds, because a month has stayed unsettled for too long. The
Law, article 5."""

DECEASED: Final = ARREARS + 1
"""Rule 3. Nobody is insured from the day after the date of death on, for ever."""

UNKNOWN: Final = ARREARS + 2
"""Rule 2. Nothing is known: the number should be checked. It is never "not insured"."""


class Outcome(NamedTuple):
    """What is answered when a set of rules holds."""

    status: Status
    """The answer."""
    funding_source: FundingSource
    """Which package pays."""
    grounds: tuple[Ground, ...]
    """All rules that hold."""
    rule: int
    """The number of the first of them."""


_IN_ORDER = (
    (UNIVERSAL, 4, Ground.UNIVERSAL, Status.INSURED),
    (EXEMPT, 5, Ground.EXEMPT, Status.INSURED),
    (STATE_PAID, 6, Ground.STATE_PAID, Status.INSURED),
    (SETTLED, 7, Ground.SETTLED_MONTHS, Status.INSURED),
    (RETENTION, 7, Ground.RETENTION, Status.INSURED_RETENTION),
    (PREPAID, 8, Ground.PREPAID, Status.INSURED),
    (ON_VISIT, 9, Ground.ON_VISIT, Status.ELIGIBLE_ON_VISIT),
)

_FUNDING = {
    Status.INSURED: FundingSource.OSMS_AND_GOBMP,
    Status.INSURED_RETENTION: FundingSource.OSMS_AND_GOBMP,
    Status.ELIGIBLE_ON_VISIT: FundingSource.OSMS_ON_VISIT,
}


def _outcome(held: int) -> Outcome:
    """Return what is answered when the rules of a set hold; the first of them decides."""
    rows = [row for row in _IN_ORDER if row[0] & held]
    _, rule, _, status = rows[0]
    return Outcome(status, _FUNDING[status], tuple(row[2] for row in rows), rule)


def _closed(ground: Ground, rule: int) -> Outcome:
    """Return the answer of a rule that stands alone and closes the insurance package."""
    return Outcome(Status.NOT_INSURED, FundingSource.GOBMP, (ground,), rule)


OUTCOMES: Final = (
    _closed(Ground.NO_CONTRIBUTIONS, 10),
    *(_outcome(held) for held in range(1, 2 * ON_VISIT)),
    _closed(Ground.ARREARS, 10),
    _closed(Ground.DECEASED, 3),
    Outcome(Status.UNKNOWN_CONSUMER, FundingSource.GOBMP, (), 2),
)
"""What is answered, by the set of rules that hold, or by the one that stands alone."""
