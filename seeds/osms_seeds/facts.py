"""What is made up of a person: payments, assignments, and the answers that follow.

The person's story is told by an archetype (`archetypes`), the files are written from it
(`dataset`). Nothing here knows how the gateway decides.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from random import Random

from osms_seeds.timetable import Timetable

CONTRIBUTION, DEDUCTION = "122", "121"
PENALTY_CONTRIBUTION, PENALTY_DEDUCTION = "124", "123"


class Status(StrEnum):
    """Answers of the gateway."""

    INSURED = "INSURED"
    INSURED_RETENTION = "INSURED_RETENTION"
    ELIGIBLE_ON_VISIT = "ELIGIBLE_ON_VISIT"
    NOT_INSURED = "NOT_INSURED"
    UNKNOWN_CONSUMER = "UNKNOWN_CONSUMER"


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name, with the suffixes of the sex."""

    surname: str
    given: str
    patronymic: str
    """Empty for those who have none."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays, and how the payment reaches the Fund."""

    bin: str
    """Empty for a person who pays without being an entrepreneur."""
    name: str
    encoding: str = ""
    """The encoding of the payer's MT-102 file; empty: rows go into consolidated CSV registers."""
    iban: str = ""
    pays_deductions: bool = False
    """Whether each month brings a row of deductions (121) beside the contribution (122)."""


@dataclass(frozen=True, slots=True)
class Reversal:
    """Money taken back from one payment."""

    reversed_on: date
    amount_tiyn: int
    reason_code: str


@dataclass(frozen=True, slots=True)
class Payment:
    """One row of a register."""

    period: int
    received_on: date
    amount_tiyn: int
    purpose_code: str
    payer: Payer
    iin: str
    """As written in the row; differs from the person's own only in a row that goes to suspense."""
    reversal: Reversal | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """One span of one category, and when the gateway is told of it."""

    source: str
    category: str
    """Empty: the source names none."""
    assigned_on: date
    told_on: date
    """The feed day that brings it."""
    removed_on: date | None = None
    removal_told_on: date | None = None
    """The feed day that brings the removal; `told_on`: known from the start; earlier: the removal
    arrives before the assignment and waits for it."""
    removal_reason: str = ""
    sender: str = ""
    """Empty: the source itself."""
    told_again_on: date | None = None
    """A feed day that repeats the same record."""
    dropped_from: date | None = None
    """Snapshots from this day on lack it, although no delta removed it."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A question and the answer that follows from how the person was made up."""

    service_date: date
    known_on: date | None
    """None: as known at the end."""
    status: Status
    note: str


@dataclass(slots=True)
class Person:
    """A made-up person: who, and what the sources will say."""

    index: int
    archetype: str
    rng: Random
    """The person's own source of chance; nobody else draws from it."""
    time: Timetable
    iin: str
    sex: str
    """"m" or "f"."""
    born: date
    name: Name
    employer: Payer
    other_employer: Payer
    payments: list[Payment] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)

    def pay(
        self,
        period: int,
        received_on: date,
        *,
        payer: Payer,
        amount_tiyn: int,
        purpose_code: str = CONTRIBUTION,
        reversal: Reversal | None = None,
    ) -> None:
        """Add one payment for this person."""
        self.payments.append(
            Payment(period, received_on, amount_tiyn, purpose_code, payer, self.iin, reversal)
        )

    def assign(
        self,
        source: str,
        category: str,
        assigned_on: date,
        *,
        told_on: date | None = None,
        removed_on: date | None = None,
        removal_told_on: date | None = None,
        removal_reason: str = "",
        sender: str = "",
        told_again_on: date | None = None,
        dropped_from: date | None = None,
    ) -> None:
        """Add a span, told on the next feed day unless said otherwise, as is its removal."""
        if removed_on is not None and removal_told_on is None:
            removal_told_on = self.time.feed_day(removed_on)
        self.assignments.append(
            Assignment(
                source,
                category,
                assigned_on,
                told_on or self.time.feed_day(assigned_on),
                removed_on,
                removal_told_on,
                removal_reason,
                sender or source,
                told_again_on,
                dropped_from,
            )
        )

    def expect(
        self, service_date: date, status: Status, note: str, *, known_on: date | None = None
    ) -> None:
        """State an answer; one that nobody can ask for yet, or no more, is left out."""
        known = known_on is None or self.time.opening <= known_on <= self.time.today
        asked = (service_date, known_on)
        if known and self.time.answers_on(service_date) and asked not in self._asked():
            self.expectations.append(Expectation(service_date, known_on, status, note))

    def expect_today(self, status: Status, note: str) -> None:
        """State the answer for the last day."""
        self.expect(self.time.today, status, note)

    def some_day(self, first: date, last: date) -> date:
        """Return a day from first to last, both included."""
        return date.fromordinal(self.rng.randint(first.toordinal(), last.toordinal()))

    def some_month(self, first: int, last: int) -> int:
        """Return a month from first to last, both included."""
        return self.rng.randint(first, last)

    def _asked(self) -> set[tuple[date, date | None]]:
        return {(known.service_date, known.known_on) for known in self.expectations}
