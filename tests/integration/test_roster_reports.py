"""Reports on rosters and lists of their members: what asking about everybody gives."""

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import product
from random import Random
from typing import Any

import grpc
import pytest

from osms.v1 import core_pb2
from osms_client import (
    CategoryRecord,
    Eligibility,
    Gateway,
    Ground,
    PaymentRow,
    Purpose,
    Register,
    RegisterTotals,
    RosterHeader,
    RosterMember,
    Status,
    SyncHeader,
    SyncKind,
)
from osms_client.testing import RunningGateway
from tests.integration import rosters
from tests.integration.gateways import NOW
from tests.integration.history import AMOUNT_TIYN, SOURCE, months
from tests.integration.people import new_iin, new_reference
from tests.integration.rosters import member, new_code
from tests.integration.wire import Stubs, failure_of

PEOPLE = 150
TODAY = date(2026, 1, 15)
LAPSING_BY = date(2026, 2, 28)
YEAR_AGO = date(2025, 1, 15)


@dataclass(frozen=True)
class Town:
    """A roster and the answers about its members."""

    code: str
    members: dict[str, RosterMember]
    answers: dict[str, Eligibility]
    """Ascending by IIN."""

    def not_seen(self, iin: str) -> bool:
        """Tell whether a member was not seen for a year."""
        listed = self.members[iin]
        return date.fromisoformat(listed.last_visit_on or listed.attached_on) < YEAR_AGO

    def passing(self, *, uninsured: bool, lapsing: bool, not_seen: bool) -> list[str]:
        """Return whom the filters let through, ascending."""
        return [
            iin
            for iin, answer in self.answers.items()
            if (not uninsured or _uninsured(answer))
            and (not lapsing or _lapses(answer))
            and (not not_seen or (self.not_seen(iin) and Ground.DECEASED not in answer.grounds))
        ]


def _uninsured(answer: Eligibility) -> bool:
    return answer.status is Status.NOT_INSURED and Ground.DECEASED not in answer.grounds


def _lapses(answer: Eligibility) -> bool:
    return answer.covered_through is not None and answer.covered_through <= LAPSING_BY


def send_categories(sdk: Gateway, sender: str, *records: CategoryRecord) -> None:
    """Send records as the sender's next delta."""
    number = next(feed.next_delta_number for feed in sdk.list_sources() if feed.source == sender)
    header = SyncHeader(
        sender=sender,
        kind=SyncKind.DELTA,
        delta_number=number,
        as_of=TODAY,
        declared_records=len(records),
    )
    sdk.sync(header, records)


def pay(sdk: Gateway, paid: list[tuple[str, str]]) -> None:
    """Let people pay months."""
    rows = [
        PaymentRow(line_no=number, iin=iin, period=period, amount_tiyn=AMOUNT_TIYN)
        for number, (iin, period) in enumerate(paid, 1)
    ]
    declared = RegisterTotals(
        people=len({iin for iin, _ in paid}), documents=1, amount_tiyn=len(rows) * AMOUNT_TIYN
    )
    register = Register(
        source=SOURCE,
        reference=new_reference(),
        received_on=date(2026, 1, 10),
        purpose_code="122",
        declared=declared,
        rows=rows,
    )
    list(sdk.ingest([register]))


def send_roster(sdk: Gateway, code: str, members: list[RosterMember]) -> None:
    """Send a list."""
    header = RosterHeader(roster=code, as_of=TODAY, declared_members=len(members))
    assert sdk.sync_roster(header, members).rejected == 0


@pytest.fixture(scope="module")
def town(sdk: Gateway) -> Town:
    """People of whom all kinds are on the roster, as the gateway answers about them one by one."""
    random = Random(1)
    iins = [new_iin() for _ in range(PEOPLE)]
    random.shuffle(iins)
    year = months("2025-01", "2025-12")
    # A few are not heard of at all.
    paid = [(iin, period) for iin in iins[8:] for period in year[: random.randrange(13)]]
    pay(sdk, paid)
    spans = {
        "labour": ("pension", "social_level_d"),
        "services": ("serviceman",),
        "justice": ("deceased",),
    }
    for sender, categories in spans.items():
        records = [
            CategoryRecord(iin=iin, category=category, assigned_on="2026-01-02")
            for category in categories
            for iin in random.sample(iins[8:], 8)
        ]
        send_categories(sdk, sender, *records)
    members = {iin: _some_member(random, iin) for iin in iins}
    code = new_code()
    send_roster(sdk, code, list(members.values()))
    answers = {
        answer.iin: answer
        for answer in sdk.lookup_many(sorted(iins), purpose=Purpose.ROSTER)
        if isinstance(answer, Eligibility)
    }
    statuses = {answer.status for answer in answers.values()}
    assert statuses == set(Status), "the town should hold people of all kinds"
    return Town(code, members, answers)


def _some_member(random: Random, iin: str) -> RosterMember:
    attached_on = YEAR_AGO + timedelta(days=random.randint(-2, 2))
    visited_on = YEAR_AGO + timedelta(days=random.randint(-2, 2))
    return RosterMember(
        iin=iin,
        attached_on=attached_on.isoformat(),
        last_visit_on=random.choice(["", visited_on.isoformat()]),
    )


# --- reports -------------------------------------------------------------------------------------


def test_a_report_is_what_asking_about_everybody_gives(sdk: Gateway, town: Town) -> None:
    """Every count, by a batch of lookups."""
    report = sdk.roster_report(town.code, norm_tiyn_per_head=100)
    answers = town.answers.values()
    deceased = [answer for answer in answers if Ground.DECEASED in answer.grounds]
    statuses = Counter(answer.status for answer in answers)
    assert report.members == PEOPLE
    assert report.insured == statuses[Status.INSURED]
    assert report.retention == statuses[Status.INSURED_RETENTION]
    assert report.on_visit == statuses[Status.ELIGIBLE_ON_VISIT]
    assert report.unknown == statuses[Status.UNKNOWN_CONSUMER]
    assert (report.deceased, report.uninsured) == (
        len(deceased),
        statuses[Status.NOT_INSURED] - len(deceased),
    )
    grounds = Counter(answer.grounds[0] for answer in answers if _uninsured(answer))
    assert {part.ground: part.members for part in report.uninsured_by_ground} == grounds
    lapsing = Counter(answer.covered_through for answer in answers if _lapses(answer))
    assert {part.covered_through: part.members for part in report.lapsing_by_day} == lapsing
    assert (report.lapsing, report.lapsing_by) == (lapsing.total(), LAPSING_BY)
    not_seen = town.passing(uninsured=False, lapsing=False, not_seen=True)
    assert (report.not_seen, report.not_seen_months) == (len(not_seen), 12)
    both = town.passing(uninsured=True, lapsing=False, not_seen=True)
    assert report.money is not None
    shares = [share.members for share in report.money.shares]
    assert shares[1:] == [report.uninsured - len(both), len(not_seen) - len(both), len(both)]
    assert sum(shares) == report.money.full_norms == PEOPLE - len(deceased)


def test_a_report_says_what_it_stands_on(sdk: Gateway, town: Town) -> None:
    """The same revision and rules as the answers, the day, and what is late."""
    report = sdk.roster_report(town.code)
    answer = sdk.lookup(next(iter(town.answers)), purpose=Purpose.ROSTER)
    assert (report.service_date, report.as_of, report.version) == (TODAY, TODAY, 1)
    assert report.first_revision == report.revision == answer.revision
    assert (report.ruleset, report.stale_sources) == (answer.ruleset, answer.stale_sources)
    assert report.decided_at == answer.decided_at
    assert report.decision_id


def test_a_report_on_another_day_is_of_that_day(sdk: Gateway, town: Town) -> None:
    """In 2025 nothing reduced the norm; whom it counts as lapsing may be said."""
    day, by = date(2025, 6, 10), date(2025, 6, 30)
    report = sdk.roster_report(town.code, service_date=day, lapsing_by=by, norm_tiyn_per_head=100)
    answers = sdk.lookup_many(sorted(town.members), purpose=Purpose.ROSTER, service_date=day)
    insured = [answer for answer in answers if isinstance(answer, Eligibility) and answer.insured]
    assert report.insured + report.retention == len(insured)
    lapsing = [a for a in insured if a.covered_through is not None and a.covered_through <= by]
    assert report.lapsing == len(lapsing)
    assert report.money is None


def test_an_emptied_roster_has_a_report(stubs: Stubs) -> None:
    """Nobody is on it, and the page of its members is empty."""
    code = new_code()
    rosters.send(stubs, code, [])
    report = rosters.report(stubs, code)
    assert (report.members, report.money.norms) == (0, "0")
    assert report.context.revision == report.first_revision > 0
    page = rosters.page(stubs, code)
    assert (list(page.members), page.next_page_token) == ([], "")


# --- members -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uninsured", "lapsing", "not_seen"), list(product([False, True], repeat=3))
)
def test_filters_let_through_who_passes_them_all(
    sdk: Gateway, town: Town, uninsured: bool, lapsing: bool, not_seen: bool
) -> None:
    """Whatever the size of the pages, ascending by IIN."""
    expected = town.passing(uninsured=uninsured, lapsing=lapsing, not_seen=not_seen)
    for page_size in (0, 7):
        listed = sdk.list_roster_members(
            town.code,
            uninsured=uninsured,
            lapsing_by=LAPSING_BY if lapsing else None,
            not_seen=not_seen,
            page_size=page_size,
        )
        assert [entry.eligibility.iin for entry in listed] == expected


def test_members_carry_the_answer_of_a_lookup(sdk: Gateway, town: Town) -> None:
    """With the days of the list, and whether the person was not seen."""
    for entry in sdk.list_roster_members(town.code):
        iin = entry.eligibility.iin
        said = replace(entry.eligibility, decision_id="")
        assert said == replace(town.answers[iin], decision_id="")
        sent = town.members[iin]
        assert entry.attached_on.isoformat() == sent.attached_on
        visit = entry.last_visit_on.isoformat() if entry.last_visit_on else ""
        assert visit == sent.last_visit_on
        dead = Ground.DECEASED in entry.eligibility.grounds
        assert entry.not_seen == (town.not_seen(iin) and not dead)


def test_a_page_token_names_nobody_and_serves_its_list_alone(stubs: Stubs, town: Town) -> None:
    """It is of no use for other filters, made up, or after the roster has changed."""
    first = rosters.page(stubs, town.code, page_size=10)
    assert len(first.members) == 10
    content = base64.urlsafe_b64decode(first.next_page_token).decode()
    assert not any(iin in content or iin.lstrip("0") in content for iin in town.members)
    forged = base64.urlsafe_b64encode(content.replace(", 10,", ", -1,").encode()).decode()
    for fields in (
        {"page_token": first.next_page_token, "uninsured": True},
        {"page_token": forged},
        {"page_token": "?"},
    ):
        failure = failure_of(lambda fields=fields: rosters.page(stubs, town.code, **fields))  # type: ignore[misc] # bound now
        assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
        assert failure.reason == "PAGE_TOKEN_INVALID"


def test_a_list_of_members_ends_when_the_roster_changes(stubs: Stubs) -> None:
    """A list that was sent again without a change does not end it."""
    code, iins = new_code(), sorted(new_iin() for _ in range(3))
    lines = [member(iin) for iin in iins]
    rosters.send(stubs, code, lines)
    token = rosters.page(stubs, code, page_size=1).next_page_token
    rosters.send(stubs, code, lines)
    second = rosters.page(stubs, code, page_size=1, page_token=token)
    assert [entry.eligibility.iin for entry in second.members] == iins[1:2]
    rosters.send(stubs, code, lines[:2])
    failure = failure_of(lambda: rosters.page(stubs, code, page_token=token))
    assert failure.reason == "PAGE_TOKEN_INVALID"


@pytest.fixture
def tomorrow(gateway: RunningGateway) -> Iterator[Any]:
    """Lets a day pass; in the end it is today again."""
    yield lambda: gateway.set_clock(NOW + timedelta(days=1))
    gateway.set_clock(NOW)


def test_a_list_of_members_keeps_to_its_day(stubs: Stubs, town: Town, tomorrow: Any) -> None:
    """Pages that are taken after midnight are of the day of the first."""
    token = rosters.page(stubs, town.code, page_size=1).next_page_token
    tomorrow()
    second = rosters.page(stubs, town.code, page_size=1, page_token=token)
    assert second.members[0].eligibility.service_date == TODAY.isoformat()


# --- secrecy and errors --------------------------------------------------------------------------


def test_nothing_tells_the_exempt_from_others_the_state_pays_for(
    sdk: Gateway, stubs: Stubs
) -> None:
    """A roster of servicemen and one of pensioners give the same reports and lists."""
    said = []
    for sender, category in (("services", "serviceman"), ("labour", "pension")):
        code, iins = new_code(), sorted(new_iin() for _ in range(5))
        spans = {"assigned_on": "2025-12-01", "removed_on": "2026-02-10"}
        records = [CategoryRecord(iin=iin, category=category, **spans) for iin in iins]
        send_categories(sdk, sender, *records)
        rosters.send(stubs, code, [member(iin) for iin in iins])
        report, page = rosters.report(stubs, code), rosters.page(stubs, code)
        report.roster = ""
        for context in (report.context, page.context):
            context.decision_id, context.revision = "", 0
            del context.stale_sources[:]
        report.first_revision = 0
        for entry in page.members:
            assert entry.eligibility.grounds == [core_pb2.GROUND_BUDGET_PAID]
            entry.eligibility.iin = entry.eligibility.decision_id = ""
        said.append((report, page))
    assert said[0] == said[1]


def test_a_roster_that_was_never_sent_is_not_found(stubs: Stubs) -> None:
    """Neither reported on nor listed."""
    code = new_code()
    for ask in (rosters.report, rosters.page):
        failure = failure_of(lambda ask=ask: ask(stubs, code))  # type: ignore[misc] # bound now
        assert failure.status is grpc.StatusCode.NOT_FOUND
        assert (failure.reason, failure.metadata) == ("ROSTER_NOT_FOUND", {"roster": code})


def test_a_question_tells_all_that_is_wrong(stubs: Stubs) -> None:
    """Every field by its name."""
    wrong: dict[str, Any] = {"service_date": "2026-13-01", "lapsing_by": "2020-01-01"}
    report = failure_of(lambda: rosters.report(stubs, "?", norm_tiyn_per_head=-1, **wrong))
    assert set(report.violations) == {*wrong, "roster", "norm_tiyn_per_head"}
    page = failure_of(lambda: rosters.page(stubs, "?", page_size=10_001, **wrong))
    assert set(page.violations) == {*wrong, "roster", "page_size"}
    early = failure_of(lambda: rosters.report(stubs, "a", service_date="2019-12-31"))
    assert early.reason == "SERVICE_DATE_OUT_OF_RANGE"
