"""Questions about people and their answers."""

from dataclasses import dataclass
from datetime import date, datetime

from osms_client.vocabulary import (
    FundingSource,
    Ground,
    IdentityMatch,
    MonthSettlement,
    NextStepCode,
    Status,
)

KnownAt = datetime | date | int | None
"""As of when to answer: an aware instant, the end of a day in Almaty, a store revision; None = now.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupItem:
    """One person of a batch or stream."""

    iin: str
    """Whom the question is about."""

    service_date: date | None = None
    """The day of care; None: the one all items share."""

    case_reference: str = ""
    """Your own number of the case, for the access log; no IIN."""

    birth_date: date | None = None
    """Stated to have the identity compared."""

    surname: str = ""
    """Stated to have the identity compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What the person should do next."""

    code: NextStepCode
    """The step, for programs."""

    text: str
    """The step in the requested language; empty in batches and streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """The answer: is the OSMS package open for this person on this day?"""

    iin: str
    """The IIN asked about."""

    service_date: date
    """The day the answer is for."""

    status: Status
    """The answer."""

    funding_source: FundingSource
    """Which package pays."""

    grounds: tuple[Ground, ...]
    """All rules that hold; the first decided. Empty for an unknown consumer."""

    valid_through: date | None
    """Last day with this same status if no new fact arrives; None: it never ends."""

    covered_through: date | None
    """Last insured day if no new fact arrives; None when not insured or it never ends."""

    arrears_months: tuple[str, ...]
    """Overdue months, ``YYYY-MM`` ascending."""

    blocking_months: tuple[str, ...]
    """The fewest months, oldest first, whose payment alone opens the package on this day."""

    restore_amount_tiyn: int
    """What the blocking months cost an independent payer."""

    next_step: NextStep
    """What to do next."""

    identity_match: IdentityMatch | None
    """Whether the stated identity fits; None if none was stated."""

    stale_sources: tuple[str, ...]
    """Codes of the sources whose data is late."""

    ruleset: str
    """Version of the rules that decided."""

    revision: int
    """Store revision the answer was computed at."""

    decision_id: str
    """Names this answer; quote it in a dispute."""

    decided_at: datetime
    """When the answer was computed, UTC."""

    text: str
    """The status and its ground in one sentence; empty in batches and streams."""

    receipt: str
    """A signed statement of this answer, for a bill; empty unless it was asked for."""

    @property
    def insured(self) -> bool:
        """Whether the package is open without conditions: INSURED or INSURED_RETENTION."""
        return self.status in (Status.INSURED, Status.INSURED_RETENTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupFailure:
    """An item of a batch or stream that was not answered. It says nothing about the person."""

    iin: str
    """The IIN as it was asked."""

    reason: str
    """A ``Reason``, or the name of one newer than this client."""

    field: str
    """The field of the item that is wrong."""

    message: str
    """For a developer, in English; holds no personal data."""


LookupResult = Eligibility | LookupFailure
"""What a batch or stream holds for each item, in the order of the items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPayment:
    """A payment as the month ledger shows it."""

    reference: str
    """The register's reference."""

    line_no: int
    """The line in the register."""

    received_on: date
    """The day the Fund received it."""

    purpose_code: str
    """The purpose code (KNP)."""

    amount_tiyn: int
    """The amount."""

    reversed_tiyn: int
    """How much of it was reversed."""

    gives_cover: bool
    """Whether a payment of this purpose settles a month: penalties do not."""

    recorded_at: datetime
    """When the gateway learned of it, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerMonth:
    """One month of the ledger."""

    month: str
    """``YYYY-MM``."""

    settlement: MonthSettlement
    """What settled it."""

    paid_tiyn: int
    """Net amount of cover-giving payments for this month."""

    payments: tuple[MonthPayment, ...]
    """All payments for this month, by day received."""

    due_on: date
    """The last day to pay for this month."""

    overdue: bool
    """Whether it is unsettled and overdue on the service date."""

    blocking: bool
    """Whether it is one of the months that, once paid, open the package."""

    in_window: bool
    """Whether it lies in the window of months that decides."""

    owed_tiyn: int
    """What an independent payer owes for it; 0 when settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidingRule:
    """The rule that decided."""

    number: int
    """Its number in the published order of rules, 2 to 10."""

    legal_reference: str
    """Article and paragraph."""

    text: str
    """What the rule says, in the requested language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An answer and how it came about."""

    eligibility: Eligibility
    """The same answer that a lookup gives."""

    rule: DecidingRule
    """The rule that decided."""

    months: tuple[LedgerMonth, ...]
    """The months asked for, ascending, without gaps; empty for an unknown consumer."""

    retention_months: int
    """How long cover lasts after a settled month; 0 when that rule is not in force."""
