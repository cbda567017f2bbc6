"""Requests and answers of RosterService."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from osms.v1 import core_pb2
from osms.v1 import roster_service_pb2 as pb
from osms_client.errors import InvalidAnswerError
from osms_client.rosters import (
    LapsingMembers,
    ListedMember,
    NormShare,
    RejectedMember,
    RosterHeader,
    RosterMember,
    RosterMoney,
    RosterReport,
    RosterSyncResult,
    UninsuredMembers,
)
from osms_client.vocabulary import Ground, MemberIssue, NormGroup
from osms_client.wire.lookups import eligibility
from osms_client.wire.scalars import Words, day, day_or_none, day_text, instant

_issues = Words(MemberIssue, pb.MemberIssue.Value, prefix="MEMBER_ISSUE")
_groups = Words(NormGroup, pb.NormGroup.Value, prefix="NORM_GROUP")
_grounds = Words(Ground, core_pb2.Ground.Value, prefix="GROUND")


def header_message(header: RosterHeader) -> pb.SyncRosterRequest:
    """Return the message that opens a list."""
    return pb.SyncRosterRequest(
        header=pb.RosterHeader(
            roster=header.roster,
            as_of=day_text(header.as_of, "as_of"),
            declared_members=header.declared_members,
        )
    )


def chunk_message(members: Iterable[RosterMember]) -> pb.SyncRosterRequest:
    """Return a message with some lines of a list."""
    return pb.SyncRosterRequest(
        chunk=pb.RosterChunk(
            members=[
                pb.RosterMember(
                    iin=member.iin,
                    attached_on=member.attached_on,
                    last_visit_on=member.last_visit_on,
                )
                for member in members
            ]
        )
    )


def commit_message() -> pb.SyncRosterRequest:
    """Return the message that ends a list."""
    return pb.SyncRosterRequest(commit=pb.RosterCommit())


def sync_result(response: pb.SyncRosterResponse) -> RosterSyncResult:
    """Return what became of a list."""
    result = response.result
    if not result.version:
        raise InvalidAnswerError("a result of a list without a version")
    return RosterSyncResult(
        version=result.version,
        members=result.members,
        added=result.added,
        changed=result.changed,
        removed=result.removed,
        unchanged=result.unchanged,
        rejected=result.rejected,
        rejected_members=tuple(
            RejectedMember(
                member_no=member.member_no, issue=_issues.word(member.issue), field=member.field
            )
            for member in result.rejected_members
        ),
    )


def report_request(
    roster: str, *, service_date: date | None, lapsing_by: date | None, norm_tiyn_per_head: int
) -> pb.GetRosterReportRequest:
    """Return the question for a report."""
    return pb.GetRosterReportRequest(
        roster=roster,
        service_date=day_text(service_date, "service_date"),
        lapsing_by=day_text(lapsing_by, "lapsing_by"),
        norm_tiyn_per_head=norm_tiyn_per_head,
    )


def report(response: pb.GetRosterReportResponse) -> RosterReport:
    """Return a report."""
    context = response.context
    return RosterReport(
        roster=response.roster,
        version=response.version,
        as_of=day(response.as_of),
        service_date=day(response.service_date),
        members=response.members,
        insured=response.insured,
        retention=response.retention,
        on_visit=response.on_visit,
        uninsured=response.uninsured,
        uninsured_by_ground=tuple(
            UninsuredMembers(ground=_grounds.word(part.ground), members=part.members)
            for part in response.uninsured_by_ground
        ),
        unknown=response.unknown,
        deceased=response.deceased,
        lapsing_by=day(response.lapsing_by),
        lapsing=response.lapsing,
        lapsing_by_day=tuple(
            LapsingMembers(covered_through=day(part.covered_through), members=part.members)
            for part in response.lapsing_by_day
        ),
        not_seen=response.not_seen,
        not_seen_months=response.not_seen_months,
        money=_money(response.money) if response.HasField("money") else None,
        stale_sources=tuple(context.stale_sources),
        ruleset=context.ruleset,
        first_revision=response.first_revision,
        revision=context.revision,
        decision_id=context.decision_id,
        decided_at=instant(context.decided_at),
    )


def _money(money: pb.RosterMoney) -> RosterMoney:
    return RosterMoney(
        shares=tuple(
            NormShare(
                group=_groups.word(share.group),
                members=share.members,
                coefficient=_decimal(share.coefficient),
                norms=_decimal(share.norms),
            )
            for share in money.shares
        ),
        norms=_decimal(money.norms),
        full_norms=money.full_norms,
        amount_tiyn=money.amount_tiyn,
        reduction_tiyn=money.reduction_tiyn,
    )


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InvalidAnswerError(f"not a decimal: {text!r}") from error


def members_request(
    roster: str,
    *,
    service_date: date | None,
    uninsured: bool,
    lapsing_by: date | None,
    not_seen: bool,
    page_size: int,
) -> pb.ListRosterMembersRequest:
    """Return the question for members."""
    return pb.ListRosterMembersRequest(
        roster=roster,
        service_date=day_text(service_date, "service_date"),
        uninsured=uninsured,
        lapsing_by=day_text(lapsing_by, "lapsing_by"),
        not_seen=not_seen,
        page_size=page_size,
    )


def members(response: pb.ListRosterMembersResponse) -> Iterator[ListedMember]:
    """Return the members of a page."""
    for member in response.members:
        yield ListedMember(
            eligibility=eligibility(member.eligibility, response.context),
            attached_on=day(member.attached_on),
            last_visit_on=day_or_none(member.last_visit_on),
            not_seen=member.not_seen,
        )
