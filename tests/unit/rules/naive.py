"""The decision a second time, as slowly and plainly as the rules are written down.

It shares nothing with the gateway's rules: no code, no data, no way of thinking. Months are dates,
cover is walked day by day, and the numbers of the law are typed in once more, so that a slip in
either place shows up as a difference.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from tests.unit.rules.facts import Assignment, Facts, Kind, first_of, shift

ONE_DAY = timedelta(days=1)

SYSTEM_START = date(2020, 1, 1)
UNIVERSAL_FIRST = date(2020, 1, 1)
UNIVERSAL_LAST = date(2020, 6, 30)
CONTRIBUTIONS_FROM = date(2020, 7, 1)
WINDOW_MONTHS = 12
RETENTION_MONTHS = 3
LONG_PAYER_FROM = date(2026, 1, 1)
LONG_PAYER_MONTHS = 60
LONG_PAYER_RETENTION_MONTHS = 6
PAYMENT_DUE_DAY = 25
PREPAYMENT_FROM = date(2022, 9, 5)
PREPAID_MONTHS = 12
RATE_TENGE = {2020: 2_125, 2021: 2_125, 2022: 3_000, 2023: 3_500}
RATE_TENGE_FROM_2024 = 4_250

Months = tuple[date, ...]
COVERED = ("INSURED", "INSURED_RETENTION")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question; months are dates of their first day."""

    status: str
    funding_source: str
    grounds: tuple[str, ...]
    valid_through: date | None = None
    covered_through: date | None = None
    arrears_months: Months = ()
    blocking_months: Months = ()
    restore_amount_tiyn: int = 0
    rule: int = 2
    retention_months: int = 0


RULE_OF_GROUND = {
    "DECEASED": 3,
    "UNIVERSAL": 4,
    "EXEMPT": 5,
    "STATE_PAID": 6,
    "SETTLED_MONTHS": 7,
    "RETENTION": 7,
    "PREPAID": 8,
    "ON_VISIT": 9,
    "NO_CONTRIBUTIONS": 10,
    "ARREARS": 10,
}
STATUS_OF_GROUND = {
    "DECEASED": "NOT_INSURED",
    "UNIVERSAL": "INSURED",
    "EXEMPT": "INSURED",
    "STATE_PAID": "INSURED",
    "SETTLED_MONTHS": "INSURED",
    "RETENTION": "INSURED_RETENTION",
    "PREPAID": "INSURED",
    "ON_VISIT": "ELIGIBLE_ON_VISIT",
    "NO_CONTRIBUTIONS": "NOT_INSURED",
    "ARREARS": "NOT_INSURED",
}
FUNDING_OF_STATUS = {
    "INSURED": "OSMS_AND_GOBMP",
    "INSURED_RETENTION": "OSMS_AND_GOBMP",
    "ELIGIBLE_ON_VISIT": "OSMS_ON_VISIT",
    "NOT_INSURED": "GOBMP",
    "UNKNOWN_CONSUMER": "GOBMP",
}


class Life:
    """What is known about one person at one moment, asked about any day."""

    def __init__(
        self, facts: Facts, known_at: datetime, *, long_payer_counts_state_months: bool = False
    ) -> None:
        """Forget what was recorded later, and add up what is left."""
        self.long_payer_counts_state_months = long_payer_counts_state_months
        reversed_tiyn = dict.fromkeys(range(len(facts.payments)), 0)
        for reversal in facts.reversals:
            if reversal.recorded_at <= known_at:
                reversed_tiyn[reversal.payment_no] += reversal.amount_tiyn
        self.known = False
        self.paid: set[date] = set()
        self.receipts: dict[date, list[date]] = {}
        dates = [LONG_PAYER_FROM]
        for number, payment in enumerate(facts.payments):
            if payment.recorded_at > known_at:
                continue
            self.known = True
            dates += [payment.received_on, payment.period]
            if payment.gives_cover and payment.amount_tiyn - reversed_tiyn[number] > 0:
                self.paid.add(payment.period)
                self.receipts.setdefault(payment.period, []).append(payment.received_on)
        latest: dict[tuple[str, str, date], Assignment] = {}
        for assignment in facts.assignments:
            if assignment.recorded_at <= known_at:
                self.known = True
                latest.pop(assignment.key, None)
                latest[assignment.key] = assignment
                dates += [assignment.assigned_on, assignment.removed_on or assignment.assigned_on]
        self.died_on: date | None = None
        self.spans: dict[Kind, list[Assignment]] = {kind: [] for kind in Kind}
        for assignment in latest.values():
            self.spans[assignment.kind].append(assignment)
            if assignment.kind is Kind.DECEASED and assignment.removed_on is None:
                self.died_on = assignment.assigned_on
        # A year after the month of the last fact and the last change of law, the window, the end of
        # a long run and the prepaid year hold nothing new: from then on nothing can change.
        self.nothing_new_from = max(dates) + timedelta(days=366 + 31)
        self.touched: dict[date, bool] = {}
        self.unsettled_in: dict[tuple[date, Months], Months] = {}
        self.long_payer_in: dict[tuple[date, Months], bool] = {}
        self.prepaid_in: dict[date, bool] = {}
        self.grounds_on: dict[date, tuple[str, ...]] = {}

    def answer(self, day: date) -> Answer:
        """Return everything a lookup says about a day."""
        if not self.known:
            return Answer(
                "UNKNOWN_CONSUMER",
                FUNDING_OF_STATUS["UNKNOWN_CONSUMER"],
                grounds=(),
                retention_months=self.retention_months(day),
            )
        grounds = self.grounds(day)
        status = STATUS_OF_GROUND[grounds[0]]
        blocking = self.blocking(day) if grounds == ("ARREARS",) else ()
        return Answer(
            status=status,
            funding_source=FUNDING_OF_STATUS[status],
            grounds=grounds,
            valid_through=self.last_day(day, (status,)),
            covered_through=self.last_day(day, COVERED) if status in COVERED else None,
            arrears_months=(
                self.overdue(day) if "RETENTION" in grounds or "ARREARS" in grounds else ()
            ),
            blocking_months=blocking,
            restore_amount_tiyn=sum(rate_tiyn(month) for month in blocking),
            rule=RULE_OF_GROUND[grounds[0]],
            retention_months=self.retention_months(day),
        )

    def status(self, day: date) -> str:
        """Return the status on a day of a person something is known about."""
        return STATUS_OF_GROUND[self.grounds(day)[0]]

    def last_day(self, day: date, statuses: tuple[str, ...]) -> date | None:
        """Step from day to day until the status is another one; None if that never happens."""
        while self.status(day + ONE_DAY) in statuses:
            day += ONE_DAY
            if day > self.nothing_new_from:
                return None
        return day

    def grounds(self, day: date) -> tuple[str, ...]:
        """Return the grounds of rules 3 to 10 on a day, computed once."""
        if day not in self.grounds_on:
            self.grounds_on[day] = self.find_grounds(day)
        return self.grounds_on[day]

    def find_grounds(self, day: date) -> tuple[str, ...]:
        """Try rules 3 to 10 in their order."""
        if self.died_on is not None and day > self.died_on:
            return ("DECEASED",)
        found = []
        if UNIVERSAL_FIRST <= day <= UNIVERSAL_LAST:
            found.append("UNIVERSAL")
        if self.holds(Kind.EXEMPT, day):
            found.append("EXEMPT")
        if self.holds(Kind.STATE_PAID, day):
            found.append("STATE_PAID")
        if day >= CONTRIBUTIONS_FROM and self.covered_by_months(day):
            found.append("RETENTION" if self.overdue(day) else "SETTLED_MONTHS")
        if day >= PREPAYMENT_FROM and self.prepaid(first_of(day)):
            found.append("PREPAID")
        if self.holds(Kind.ON_VISIT, day):
            found.append("ON_VISIT")
        if found:
            return tuple(found)
        if self.unsettled(day) == window(first_of(day)):
            return ("NO_CONTRIBUTIONS",)
        return ("ARREARS",)

    def holds(self, kind: Kind, day: date) -> bool:
        """Tell whether a span of this kind holds the day."""
        return any(
            span.assigned_on <= day and (span.removed_on is None or day < span.removed_on)
            for span in self.spans[kind]
        )

    def settled(self, month: date) -> bool:
        """Tell whether a month is paid, or state-paid or exempt on any of its days."""
        if month not in self.touched:
            days = [month + i * ONE_DAY for i in range(31)]
            self.touched[month] = any(
                self.holds(Kind.STATE_PAID, day) or self.holds(Kind.EXEMPT, day)
                for day in days
                if day.month == month.month
            )
        return month in self.paid or self.touched[month]

    def unsettled(self, day: date, added: Months = ()) -> Months:
        """Return U, oldest first, as if the added months were paid too."""
        key = first_of(day), added
        if key not in self.unsettled_in:
            self.unsettled_in[key] = tuple(
                month
                for month in window(first_of(day))
                if month not in added and not self.settled(month)
            )
        return self.unsettled_in[key]

    def overdue(self, day: date) -> Months:
        """Return the months of U that should have been paid by now."""
        return tuple(month for month in self.unsettled(day) if day > due(month))

    def retention_months(self, day: date, added: Months = ()) -> int:
        """Return R, as if the added months were paid too; 0 while there is no such rule."""
        if day < CONTRIBUTIONS_FROM:
            return 0
        if day < LONG_PAYER_FROM:
            return RETENTION_MONTHS
        month = first_of(day)
        key = month, added
        if key not in self.long_payer_in:
            self.long_payer_in[key] = any(
                all(self.counts(shift(month, -back - i), added) for i in range(LONG_PAYER_MONTHS))
                for back in range(LONG_PAYER_RETENTION_MONTHS + 1)
            )
        return LONG_PAYER_RETENTION_MONTHS if self.long_payer_in[key] else RETENTION_MONTHS

    def counts(self, month: date, added: Months) -> bool:
        """Tell whether a month counts for a long payer's sixty months in a row."""
        if self.long_payer_counts_state_months and self.settled(month):
            return True
        return month in self.paid or month in added

    def covered_by_months(self, day: date, added: Months = ()) -> bool:
        """Tell whether rule 7 holds, as if the added months were paid too."""
        unsettled = self.unsettled(day, added)
        if unsettled == window(first_of(day)):
            return False
        retention = self.retention_months(day, added)
        return all(shift(month, retention) > first_of(day) for month in unsettled)

    def blocking(self, day: date) -> Months:
        """Pay one more of the oldest unsettled months until rule 7 holds."""
        blocking: Months = ()
        for month in self.unsettled(day):
            blocking += (month,)
            if self.covered_by_months(day, blocking):
                return blocking
        raise AssertionError("with every month paid the rule holds")

    def prepaid(self, month: date) -> bool:
        """Tell whether a month lies in twelve months that were paid before the first of them."""
        if month not in self.prepaid_in:
            starts = [shift(month, -back) for back in range(PREPAID_MONTHS)]
            self.prepaid_in[month] = any(map(self.prepaid_year, starts))
        return self.prepaid_in[month]

    def prepaid_year(self, start: date) -> bool:
        """Tell whether twelve months from this one were paid before its first day."""
        return all(
            any(received_on < start for received_on in self.receipts.get(shift(start, i), []))
            for i in range(PREPAID_MONTHS)
        )


@cache
def window(month: date) -> Months:
    """Return W, oldest first."""
    months = [shift(month, -back) for back in reversed(range(WINDOW_MONTHS))]
    return tuple(month for month in months if month >= SYSTEM_START)


@cache
def due(month: date) -> date:
    """Return the last day to pay for a month."""
    return shift(month, 1).replace(day=PAYMENT_DUE_DAY)


def rate_tiyn(month: date) -> int:
    """Return what an independent payer owes for a month."""
    return RATE_TENGE.get(month.year, RATE_TENGE_FROM_2024) * 100


def redacted(grounds: tuple[str, ...]) -> tuple[str, ...]:
    """Return the grounds as a clinic sees them."""
    seen: list[str] = []
    for ground in grounds:
        shown = "BUDGET_PAID" if ground in ("EXEMPT", "STATE_PAID") else ground
        if shown not in seen:
            seen.append(shown)
    return tuple(seen)


def date_window(today: date) -> tuple[date, date]:
    """Return the first day and the last that may be asked about: today next year, if it exists."""
    last = shift(first_of(today), 12)
    while last.day < today.day and (last + ONE_DAY).month == last.month:
        last += ONE_DAY
    return SYSTEM_START, last
