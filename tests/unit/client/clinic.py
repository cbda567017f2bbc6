"""What the fake gateway says about a roster."""

from collections.abc import Iterator
from typing import Any

import grpc

from osms.v1 import core_pb2
from osms.v1 import roster_service_pb2 as pb
from tests.unit.client.fake import IIN, OTHER_IIN, FakeGateway, eligibility


def take_lists(fake: FakeGateway, *rejected: pb.RejectedMember) -> None:
    """Answer every list with how many lines it had, and these rejected ones."""

    def take(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        members = sum(len(request.chunk.members) for request in requests)
        yield pb.SyncRosterResponse(
            result=pb.RosterSyncResult(
                version=3,
                members=members,
                added=members,
                rejected=len(rejected),
                rejected_members=rejected,
            )
        )

    fake.on("SyncRoster", take)


def report(**fields: Any) -> pb.GetRosterReportResponse:
    """Return a report with every field set."""
    answer = pb.GetRosterReportResponse(
        context=core_pb2.AnswerContext(
            stale_sources=["labour"], ruleset="2026.1", revision=8, decision_id="d-9"
        ),
        first_revision=7,
        roster="polyclinic-5",
        version=3,
        as_of="2026-03-14",
        service_date="2026-03-15",
        members=10,
        insured=4,
        retention=1,
        on_visit=1,
        uninsured=2,
        uninsured_by_ground=[
            pb.UninsuredMembers(ground=core_pb2.GROUND_NO_CONTRIBUTIONS, members=1),
            pb.UninsuredMembers(ground=core_pb2.GROUND_ARREARS, members=1),
        ],
        unknown=1,
        deceased=1,
        lapsing_by="2026-04-30",
        lapsing=1,
        lapsing_by_day=[pb.LapsingMembers(covered_through="2026-03-31", members=1)],
        not_seen=3,
        not_seen_months=12,
        money=pb.RosterMoney(
            shares=[
                pb.NormShare(
                    group=pb.NORM_GROUP_UNINSURED_NOT_SEEN,
                    members=1,
                    coefficient="0.72",
                    norms="0.72",
                )
            ],
            norms="8.42",
            full_norms=9,
            amount_tiyn=1_263_000,
            reduction_tiyn=87_000,
        ),
    )
    answer.MergeFrom(pb.GetRosterReportResponse(**fields))
    return answer


def list_two_pages(fake: FakeGateway, *, first: int = 1) -> None:
    """List a member so many times, and on the next page one who is not insured."""

    def page(request: Any, context: grpc.ServicerContext) -> Any:
        shared = core_pb2.AnswerContext(ruleset="2026.1", revision=8)
        if request.page_token:
            uninsured = eligibility(OTHER_IIN, blocking_months=["2025-07"])
            uninsured.status = core_pb2.ELIGIBILITY_STATUS_NOT_INSURED
            uninsured.grounds[:] = [core_pb2.GROUND_ARREARS]
            uninsured.covered_through = ""
            last = pb.ListedMember(eligibility=uninsured, attached_on="2020-03-01", not_seen=True)
            return pb.ListRosterMembersResponse(context=shared, version=3, members=[last])
        seen = pb.ListedMember(
            eligibility=eligibility(IIN), attached_on="2024-03-01", last_visit_on="2026-03-02"
        )
        return pb.ListRosterMembersResponse(
            context=shared, version=3, members=[seen] * first, next_page_token="more"
        )

    fake.on("ListRosterMembers", page)
