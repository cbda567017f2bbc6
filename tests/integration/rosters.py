"""Lists of rosters on the wire."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from osms.v1 import roster_service_pb2 as pb
from tests.integration.wire import DEADLINE_S, Stubs

AS_OF = "2026-01-15"
_codes = count(1)


def new_code() -> str:
    """Return the code of a roster that no other test of this run uses."""
    return f"polyclinic-{next(_codes)}"


def member(iin: str, **fields: Any) -> pb.RosterMember:
    """Return a person attached in 2024 and never seen, unless told otherwise."""
    return pb.RosterMember(iin=iin, **{"attached_on": "2024-03-01", **fields})


def parts(
    code: str, members: Sequence[pb.RosterMember], **fields: Any
) -> Iterator[pb.SyncRosterRequest]:
    """Return the messages of a list."""
    values: dict[str, Any] = {"as_of": AS_OF, "declared_members": len(members), **fields}
    yield pb.SyncRosterRequest(header=pb.RosterHeader(roster=code, **values))
    if members:
        yield pb.SyncRosterRequest(chunk=pb.RosterChunk(members=members))
    yield pb.SyncRosterRequest(commit=pb.RosterCommit())


def send(
    stubs: Stubs, code: str, members: Sequence[pb.RosterMember], **fields: Any
) -> pb.RosterSyncResult:
    """Send one list whole."""
    requests = parts(code, members, **fields)
    (answer,) = stubs.rosters.SyncRoster(requests, timeout=DEADLINE_S)
    return answer.result


def report(stubs: Stubs, code: str, **fields: Any) -> pb.GetRosterReportResponse:
    """Return the report on a roster."""
    request = pb.GetRosterReportRequest(roster=code, **fields)
    return stubs.rosters.GetRosterReport(request, timeout=DEADLINE_S)


def page(stubs: Stubs, code: str, **fields: Any) -> pb.ListRosterMembersResponse:
    """Return a page of members."""
    request = pb.ListRosterMembersRequest(roster=code, **fields)
    return stubs.rosters.ListRosterMembers(request, timeout=DEADLINE_S)


def on_roster(stubs: Stubs, code: str) -> list[str]:
    """Return who is on a roster."""
    return [listed.eligibility.iin for listed in page(stubs, code).members]
