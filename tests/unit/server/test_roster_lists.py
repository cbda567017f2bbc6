"""Lists of a roster on their way in: which lines count, and which are rejected."""

from datetime import date

import pytest

from osms.v1 import roster_service_pb2 as pb
from osms_server.errors import Reason, RequestError
from osms_server.roster_lists import REJECTED_TOLD_MAX, IncomingList, ListHeader, read_header

IIN, OTHER_IIN = "900101390002", "050101690002"
AS_OF = date(2026, 1, 15)


def incoming(*members: pb.RosterMember) -> IncomingList:
    """Return a list that has come in."""
    lines = IncomingList(ListHeader("polyclinic-5", AS_OF, len(members)))
    lines.read(members)
    return lines


def member(iin: str = IIN, attached_on: str = "2024-03-01", visit: str = "") -> pb.RosterMember:
    """Return a line."""
    return pb.RosterMember(iin=iin, attached_on=attached_on, last_visit_on=visit)


@pytest.mark.parametrize(
    ("line", "issue", "field"),
    [
        (member("900101390003"), pb.MEMBER_ISSUE_IIN, "iin"),
        (member(""), pb.MEMBER_ISSUE_IIN, "iin"),
        (member(attached_on=""), pb.MEMBER_ISSUE_ATTACHED_ON, "attached_on"),
        (member(attached_on="01.03.2024"), pb.MEMBER_ISSUE_ATTACHED_ON, "attached_on"),
        (member(attached_on="2026-01-16"), pb.MEMBER_ISSUE_ATTACHED_ON, "attached_on"),
        (member(visit="2025-02-29"), pb.MEMBER_ISSUE_LAST_VISIT_ON, "last_visit_on"),
        (member(visit="2026-01-16"), pb.MEMBER_ISSUE_LAST_VISIT_ON, "last_visit_on"),
    ],
)
def test_a_line_that_cannot_be_used_is_rejected(
    line: pb.RosterMember, issue: "pb.MemberIssue.ValueType", field: str
) -> None:
    """It is named by its place; its person, if known, is kept as before."""
    lines = incoming(member(OTHER_IIN), line)
    assert (lines.received, lines.rejected) == (2, 1)
    assert lines.rejected_members == [pb.RejectedMember(member_no=2, issue=issue, field=field)]
    listed = lines.listed("clinic")
    assert list(listed.people) == [int(OTHER_IIN)]
    assert listed.kept == (set() if field == "iin" else {int(IIN)})


def test_the_last_usable_line_of_a_person_counts() -> None:
    """A line that is rejected takes nothing from one that is not, before it or after it."""
    lines = incoming(
        member(visit="2025-01-01"),
        member(visit="?"),
        member(visit=" 2025-02-02 "),
        member(visit="?"),
    )
    listed = lines.listed("clinic")
    day = date(2024, 3, 1).toordinal(), date(2025, 2, 2).toordinal()
    assert (listed.people, listed.kept) == ({int(IIN): day}, set())


def test_the_rejected_lines_that_are_told_are_bounded() -> None:
    """All are counted, the first of them named."""
    lines = incoming(*[member("12")] * (REJECTED_TOLD_MAX + 5))
    assert lines.rejected == REJECTED_TOLD_MAX + 5
    assert len(lines.rejected_members) == REJECTED_TOLD_MAX


@pytest.mark.parametrize("code", ["", "a" * 65, "a b", "поликлиника", "a/b"])
def test_a_header_tells_all_that_is_wrong(code: str) -> None:
    """The code, the day and the number of lines, each by its path."""
    header = pb.RosterHeader(roster=code, as_of="2026-01-16", declared_members=-1)
    with pytest.raises(RequestError) as caught:
        read_header(header, AS_OF, 10)
    assert {violation.field for violation in caught.value.violations} == {
        "header.roster",
        "header.as_of",
        "header.declared_members",
    }


def test_a_list_that_is_too_long_is_refused_at_its_header() -> None:
    """Before any line of it is taken."""
    header = pb.RosterHeader(roster="a", as_of="2026-01-15", declared_members=11)
    with pytest.raises(RequestError) as caught:
        read_header(header, AS_OF, 10)
    assert caught.value.reason == Reason.ERROR_REASON_LIMIT_EXCEEDED
    assert caught.value.metadata == {"limit": "roster_members_max", "value_members": "10"}
