"""What members of a roster are, and what they bring, against counting them by hand."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osms.v1 import core_pb2
from osms.v1 import roster_service_pb2 as pb
from osms_server import rosters
from osms_server.rules import Decision, FundingSource, Ground, Parameters, Status, Values
from osms_storage.rosters import RosterMember

PARAMETERS = Parameters.from_documents(Parameters.bundled_documents())
DAY = date(2026, 3, 15)
LAPSING_BY = date(2026, 4, 30)
RECENT_FROM = rosters.seen_from(DAY, 12)

ANSWERS = (
    (Status.INSURED, (Ground.EXEMPT, Ground.SETTLED_MONTHS)),
    (Status.INSURED, (Ground.STATE_PAID,)),
    (Status.INSURED_RETENTION, (Ground.RETENTION,)),
    (Status.ELIGIBLE_ON_VISIT, (Ground.ON_VISIT,)),
    (Status.NOT_INSURED, (Ground.NO_CONTRIBUTIONS,)),
    (Status.NOT_INSURED, (Ground.ARREARS,)),
    (Status.NOT_INSURED, (Ground.DECEASED,)),
    (Status.UNKNOWN_CONSUMER, ()),
)


@dataclass(frozen=True)
class Person:
    """A member with the answer about them."""

    status: Status
    grounds: tuple[Ground, ...]
    covered_through: date | None
    attached_on: date
    last_visit_on: date | None

    def found(self, lapsing_by: date | None = LAPSING_BY) -> rosters.Finding:
        """Return what the report finds."""
        visited_on = None if self.last_visit_on is None else self.last_visit_on.toordinal()
        member = RosterMember(1, self.attached_on.toordinal(), visited_on)
        return rosters.find(member, self.decision(), lapsing_by, RECENT_FROM)

    def decision(self) -> Decision:
        """Return the answer."""
        return Decision(
            status=self.status,
            funding_source=FundingSource.GOBMP,
            grounds=self.grounds,
            valid_through=None,
            covered_through=self.covered_through,
            arrears_months=(),
            blocking_months=(),
            restore_amount_tiyn=0,
            rule=7,
            retention_months=3,
        )

    @property
    def deceased(self) -> bool:
        """Whether the person is dead."""
        return self.grounds == (Ground.DECEASED,)

    @property
    def uninsured(self) -> bool:
        """Whether the person lives and is not insured."""
        return self.status is Status.NOT_INSURED and not self.deceased

    @property
    def not_seen(self) -> bool:
        """Whether the person lives and was not seen for a year before 2026-03-15."""
        return not self.deceased and (self.last_visit_on or self.attached_on) < date(2025, 3, 15)

    @property
    def lapses(self) -> bool:
        """Whether the person is covered, but no longer than 2026-04-30."""
        return self.covered_through is not None and self.covered_through <= LAPSING_BY


_days = st.dates(date(2025, 3, 10), date(2025, 3, 20))


@st.composite
def people(draw: st.DrawFn) -> Person:
    """Return somebody near all the edges."""
    status, grounds = draw(st.sampled_from(ANSWERS))
    covered = status in (Status.INSURED, Status.INSURED_RETENTION)
    through = st.none() | st.dates(date(2026, 4, 28), date(2026, 5, 2))
    return Person(
        status, grounds, draw(through) if covered else None, draw(_days), draw(st.none() | _days)
    )


def report(
    town: list[Person], norm_tiyn: int = 0, values: Values | None = None
) -> pb.GetRosterReportResponse:
    """Return the report on a town."""
    findings = Counter(person.found() for person in town)
    return rosters.report(findings, values or PARAMETERS.at(DAY), norm_tiyn)


@given(st.lists(people(), max_size=40), st.integers(0, 10**12))
def test_a_report_is_what_counting_by_hand_gives(town: list[Person], norm_tiyn: int) -> None:
    """Every number of a report, with exact fractions for the money."""
    said = report(town, norm_tiyn)
    living = [person for person in town if not person.deceased]
    of_status = Counter(person.status for person in living)
    assert said.members == len(town)
    assert said.deceased == len(town) - len(living)
    assert (said.insured, said.retention, said.on_visit, said.uninsured, said.unknown) == tuple(
        of_status[status] for status in Status
    )
    grounds = Counter(person.grounds[0] for person in town if person.uninsured)
    assert {
        core_pb2.Ground.Name(part.ground).removeprefix("GROUND_"): part.members
        for part in said.uninsured_by_ground
    } == grounds
    lapsing = Counter(str(person.covered_through) for person in town if person.lapses)
    assert {part.covered_through: part.members for part in said.lapsing_by_day} == lapsing
    assert said.lapsing == lapsing.total()
    assert said.not_seen == sum(person.not_seen for person in town)
    norms = sum(
        (
            Fraction(9 if person.uninsured else 10, 10) * Fraction(8 if person.not_seen else 10, 10)
            for person in living
        ),
        Fraction(0),
    )
    assert Fraction(said.money.norms) == norms
    assert said.money.amount_tiyn == floor(norms * norm_tiyn + Fraction(1, 2))
    assert said.money.full_norms == len(living)
    assert said.money.amount_tiyn + said.money.reduction_tiyn == len(living) * norm_tiyn


@given(st.lists(people(), max_size=40))
def test_the_shares_add_up(town: list[Person]) -> None:
    """Every living member is in one group, and the groups bring together what all bring."""
    money = report(town).money
    assert [share.coefficient for share in money.shares] == ["1", "0.9", "0.8", "0.72"]
    assert sum(share.members for share in money.shares) == money.full_norms
    assert sum(Decimal(share.norms) for share in money.shares) == Decimal(money.norms)
    for share in money.shares:
        assert Decimal(share.norms) == share.members * Decimal(share.coefficient)


@given(people())
def test_what_is_restricted_is_never_found(person: Person) -> None:
    """No finding tells exempt people from those the state pays for."""
    other = (Ground.STATE_PAID if ground is Ground.EXEMPT else ground for ground in person.grounds)
    twin = Person(
        person.status,
        tuple(other),
        person.covered_through,
        person.attached_on,
        person.last_visit_on,
    )
    assert person.found() == twin.found()
    assert person.found().ground in (None, Ground.NO_CONTRIBUTIONS, Ground.ARREARS)


def test_unknown_consumers_bring_the_full_norm() -> None:
    """Nobody loses money for a number of which nothing is known."""
    unknown = Person(Status.UNKNOWN_CONSUMER, (), None, date(2026, 1, 1), None)
    said = report([unknown] * 3, 101)
    assert (said.unknown, said.uninsured, said.money.norms) == (3, 0, "3")
    assert (said.money.amount_tiyn, said.money.reduction_tiyn) == (303, 0)


def test_halves_of_a_tiyn_are_rounded_up_once() -> None:
    """Five uninsured people at a norm of 1 tiyn bring 4.5, which is 5."""
    uninsured = Person(Status.NOT_INSURED, (Ground.ARREARS,), None, date(2026, 1, 1), None)
    money = report([uninsured] * 5, 1).money
    assert (money.norms, money.amount_tiyn, money.reduction_tiyn) == ("4.5", 5, 0)


def test_before_2026_nothing_reduces_the_norm() -> None:
    """There is no money to speak of then, but who was not seen for a year is told all the same."""
    old = Person(Status.INSURED, (Ground.STATE_PAID,), None, date(2020, 1, 1), None)
    said = report([old], 100, PARAMETERS.at(date(2025, 12, 31)))
    assert not said.HasField("money")
    assert (said.not_seen, said.not_seen_months) == (1, 12)
    assert report([old], 100, PARAMETERS.at(date(2026, 1, 1))).HasField("money")


def test_an_empty_roster_brings_nothing() -> None:
    """All counts are zero, and so is the money."""
    said = report([], 100)
    assert (said.members, said.money.norms, said.money.amount_tiyn) == (0, "0", 0)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 3, 15), 12, date(2025, 3, 15)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2026, 1, 31), 13, date(2024, 12, 31)),
    ],
)
def test_a_visit_on_the_very_day_months_ago_is_recent(
    day: date, months: int, expected: date
) -> None:
    """More than so many months is needed; a day that does not exist gives way to the last one."""
    assert date.fromordinal(rosters.seen_from(day, months)) == expected


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_lapsing_looks_to_the_end_of_the_next_month(day: date) -> None:
    """The last day of the month after this one."""
    end = rosters.next_month_end(day)
    assert (end + timedelta(days=1)).day == 1
    assert (end.year * 12 + end.month) - (day.year * 12 + day.month) == 1
