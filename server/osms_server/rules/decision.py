"""What the rules answer: the status of one person on one day, and all that follows from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Status(StrEnum):
    """Whether the insurance package is open."""

    INSURED = "INSURED"
    INSURED_RETENTION = "INSURED_RETENTION"
    """Insured although contributions are overdue."""
    ELIGIBLE_ON_VISIT = "ELIGIBLE_ON_VISIT"
    """Not insured, but care on a visit is paid for."""
    NOT_INSURED = "NOT_INSURED"
    UNKNOWN_CONSUMER = "UNKNOWN_CONSUMER"
    """Nothing is known about this person. Never the same as not insured."""


class FundingSource(StrEnum):
    """Which package pays. GOBMP is open to everyone, always."""

    GOBMP = "GOBMP"
    OSMS_AND_GOBMP = "OSMS_AND_GOBMP"
    OSMS_ON_VISIT = "OSMS_ON_VISIT"


class Ground(StrEnum):
    """A rule that holds, in the order of the rules."""

    DECEASED = "DECEASED"
    UNIVERSAL = "UNIVERSAL"
    EXEMPT = "EXEMPT"
    """Restricted: see `redact`."""
    STATE_PAID = "STATE_PAID"
    """Told as BUDGET_PAID, too, or its absence would tell of EXEMPT."""
    BUDGET_PAID = "BUDGET_PAID"
    """EXEMPT or STATE_PAID, without telling which."""
    SETTLED_MONTHS = "SETTLED_MONTHS"
    RETENTION = "RETENTION"
    PREPAID = "PREPAID"
    ON_VISIT = "ON_VISIT"
    NO_CONTRIBUTIONS = "NO_CONTRIBUTIONS"
    ARREARS = "ARREARS"


class NextStep(StrEnum):
    """What the person can do next."""

    NONE = "NONE"
    PAY_ARREARS = "PAY_ARREARS"
    START_PAYING = "START_PAYING"
    REGISTER_VISIT = "REGISTER_VISIT"
    CHECK_IDENTITY = "CHECK_IDENTITY"
    ASK_FUND = "ASK_FUND"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one person and one day."""

    status: Status
    """The answer."""
    funding_source: FundingSource
    """Which package pays."""
    grounds: tuple[Ground, ...]
    """All rules that hold, the deciding one first; not redacted. Empty for an unknown consumer."""
    valid_through: date | None
    """The last day of the unbroken run of days with this status, if no new fact arrives; None: it
    never ends."""
    covered_through: date | None
    """The same for INSURED and INSURED_RETENTION together; None also for any other status."""
    arrears_months: tuple[int, ...]
    """The overdue months, ascending, where RETENTION or ARREARS is among the grounds."""
    blocking_months: tuple[int, ...]
    """The fewest months, oldest first, whose payment alone opens the package; with ARREARS."""
    restore_amount_tiyn: int
    """What the blocking months cost an independent payer."""
    rule: int
    """The number of the rule that decided, 2 to 10."""
    retention_months: int
    """How many months after a settled month cover lasts for this person on this day; 0 where the
    rule of settled months is not in force."""


_RESTRICTED = frozenset({Ground.EXEMPT, Ground.STATE_PAID})


def redact(grounds: Iterable[Ground]) -> tuple[Ground, ...]:
    """Return grounds as a caller without the right to restricted data may see them.

    >>> [str(ground) for ground in redact((Ground.EXEMPT, Ground.STATE_PAID, Ground.PREPAID))]
    ['BUDGET_PAID', 'PREPAID']
    """
    shown = (Ground.BUDGET_PAID if ground in _RESTRICTED else ground for ground in grounds)
    return tuple(dict.fromkeys(shown))


def redact_rule(number: int) -> tuple[int, str]:
    """Return the number of the deciding rule as such a caller may see it, and the name of its text.

    >>> redact_rule(5), redact_rule(6), redact_rule(7)
    ((6, 'BUDGET_PAID'), (6, 'BUDGET_PAID'), (7, '7'))
    """
    return (6, Ground.BUDGET_PAID.value) if number in (5, 6) else (number, str(number))


def next_step(decision: Decision, *, stale: bool) -> NextStep:
    """Return what the person can do next; `stale` says that some source of data is late."""
    match decision.status:
        case Status.INSURED:
            return NextStep.NONE
        case Status.INSURED_RETENTION:
            return NextStep.PAY_ARREARS
        case Status.ELIGIBLE_ON_VISIT:
            return NextStep.REGISTER_VISIT
        case Status.UNKNOWN_CONSUMER:
            return NextStep.CHECK_IDENTITY
    if Ground.DECEASED in decision.grounds:
        return NextStep.CHECK_IDENTITY
    if stale:
        return NextStep.ASK_FUND
    if Ground.ARREARS in decision.grounds:
        return NextStep.PAY_ARREARS
    return NextStep.START_PAYING
