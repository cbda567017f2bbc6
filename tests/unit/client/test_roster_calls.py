"""Rosters through either gateway over a real socket."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import grpc
import pytest

from osms.v1 import roster_service_pb2 as pb
from osms_client import (
    Ground,
    InvalidAnswerError,
    LapsingMembers,
    MemberIssue,
    NormGroup,
    NotFoundError,
    Reason,
    RejectedMember,
    RosterHeader,
    RosterMember,
    Status,
    UninsuredMembers,
)
from osms_client.talks import ROSTER_CHUNK_MEMBERS
from tests.unit.client import clinic
from tests.unit.client.fake import IIN, OTHER_IIN, FakeGateway, Sdk, abort

HEADER = RosterHeader(roster="polyclinic-5", as_of=date(2026, 3, 14), declared_members=2)


def _members(count: int) -> Iterator[RosterMember]:
    for _ in range(count):
        yield RosterMember(iin=IIN, attached_on="2024-03-01", last_visit_on="2026-03-02")


def test_a_list_is_sent_in_chunks(fake: FakeGateway, sdk: Sdk) -> None:
    """A header, chunks of a bounded size, and a commit; rejected lines come with the result."""
    rejected = pb.RejectedMember(member_no=2, issue=pb.MEMBER_ISSUE_IIN, field="iin")
    clinic.take_lists(fake, rejected)
    result = sdk.call("sync_roster", HEADER, _members(ROSTER_CHUNK_MEMBERS + 1))
    parts = [request.WhichOneof("part") for request in fake.asked]
    assert parts == ["header", "chunk", "chunk", "commit"]
    header, member = fake.asked[0].header, fake.asked[1].chunk.members[0]
    assert (header.roster, header.as_of, header.declared_members) == (
        "polyclinic-5",
        "2026-03-14",
        2,
    )
    assert (member.iin, member.attached_on, member.last_visit_on) == (
        IIN,
        "2024-03-01",
        "2026-03-02",
    )
    assert (result.version, result.members) == (3, ROSTER_CHUNK_MEMBERS + 1)
    assert result.rejected_members == (
        RejectedMember(member_no=2, issue=MemberIssue.IIN, field="iin"),
    )


def test_an_empty_list_has_header_and_commit(fake: FakeGateway, sdk: Sdk) -> None:
    """A roster may be emptied."""
    clinic.take_lists(fake)
    assert sdk.call("sync_roster", HEADER, []).members == 0
    assert [request.WhichOneof("part") for request in fake.asked] == ["header", "commit"]


def test_a_list_without_a_result_is_no_answer(fake: FakeGateway, sdk: Sdk) -> None:
    """A stream that ends too early, or says nothing, raises."""
    fake.on("SyncRoster", lambda requests, context: iter(list(requests)[:0]))
    with pytest.raises(InvalidAnswerError):
        sdk.call("sync_roster", HEADER, [])
    fake.on("SyncRoster", lambda requests, context: iter([pb.SyncRosterResponse()]))
    with pytest.raises(InvalidAnswerError):
        sdk.call("sync_roster", HEADER, [])


def test_a_report_arrives_typed(fake: FakeGateway, sdk: Sdk) -> None:
    """Days as dates, shares as exact decimals, grounds and groups as words."""
    fake.answers("GetRosterReport", clinic.report())
    day, by = date(2026, 3, 15), date(2026, 4, 30)
    report = sdk.call(
        "roster_report",
        "polyclinic-5",
        service_date=day,
        lapsing_by=by,
        norm_tiyn_per_head=150_000,
    )
    asked = fake.asked[0]
    assert (asked.service_date, asked.lapsing_by, asked.norm_tiyn_per_head) == (
        "2026-03-15",
        "2026-04-30",
        150_000,
    )
    assert (report.service_date, report.lapsing_by) == (day, by)
    assert report.uninsured_by_ground[1] == UninsuredMembers(ground=Ground.ARREARS, members=1)
    last_day = date(2026, 3, 31)
    assert report.lapsing_by_day == (LapsingMembers(covered_through=last_day, members=1),)
    assert (report.first_revision, report.revision) == (7, 8)
    assert report.money.norms == Decimal("8.42")
    (share,) = report.money.shares
    assert (share.group, share.coefficient) == (NormGroup.UNINSURED_NOT_SEEN, Decimal("0.72"))


def test_a_report_may_be_without_money(fake: FakeGateway, sdk: Sdk) -> None:
    """As before 2026; a share that is no number is no answer."""
    said = clinic.report()
    said.ClearField("money")
    fake.answers("GetRosterReport", said)
    assert sdk.call("roster_report", "a").money is None
    fake.answers("GetRosterReport", clinic.report(money=pb.RosterMoney(norms="many")))
    with pytest.raises(InvalidAnswerError):
        sdk.call("roster_report", "a")


def test_members_are_listed_page_by_page(fake: FakeGateway, sdk: Sdk) -> None:
    """Each with the answer, which takes from its page what all share."""
    clinic.list_two_pages(fake)
    by = date(2026, 4, 30)
    first, second = sdk.call("list_roster_members", "a", lapsing_by=by, page_size=1)
    assert (fake.asked[0].lapsing_by, fake.asked[1].page_token) == ("2026-04-30", "more")
    assert (first.eligibility.revision, first.last_visit_on) == (8, date(2026, 3, 2))
    assert (second.eligibility.iin, second.eligibility.status) == (OTHER_IIN, Status.NOT_INSURED)
    assert (second.last_visit_on, second.not_seen) == (None, True)


def test_an_unknown_roster_is_not_found(fake: FakeGateway, sdk: Sdk) -> None:
    """Which is a key to check, not an empty roster."""
    fake.on(
        "GetRosterReport",
        lambda request, context: abort(
            context, grpc.StatusCode.NOT_FOUND, "ROSTER_NOT_FOUND", metadata={"roster": "a"}
        ),
    )
    with pytest.raises(NotFoundError) as caught:
        sdk.call("roster_report", "a")
    assert caught.value.reason is Reason.ROSTER_NOT_FOUND
