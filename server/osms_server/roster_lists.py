"""A list of a roster on its way in: checked line by line, held until its commit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from osms.v1 import roster_service_pb2 as pb
from osms.values import parse_date, parse_iins
from osms_server.errors import Reason, RequestError, limit_exceeded
from osms_server.fields import Fields, clean_all
from osms_server.identity import current_caller
from osms_storage.rosters import Roster, RosterList, Stay, find_roster

REJECTED_TOLD_MAX = 1_000
"""How many rejected lines a result names: one of garbage must not outgrow a message."""
_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def roster_code(fields: Fields, text: str, field: str) -> str:
    """Return the code of a roster."""
    if not _CODE.fullmatch(text):
        fields.violate(field, "must be 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'")
    return text


async def known_roster(connection: AsyncConnection, code: str) -> Roster:
    """Return the caller's roster with a code; raise ROSTER_NOT_FOUND if there is none."""
    roster = await find_roster(connection, code, owner=current_caller().client)
    if roster is None:
        raise RequestError(
            Reason.ERROR_REASON_ROSTER_NOT_FOUND,
            "No roster with this code was ever sent.",
            {"roster": code},
        )
    return roster


@dataclass(frozen=True, slots=True)
class ListHeader:
    """A checked header."""

    roster: str
    as_of: date
    declared_members: int


def read_header(header: pb.RosterHeader, today: date, members_max: int) -> ListHeader:
    """Return a checked header; raise RequestError with all that is wrong."""
    fields = Fields()
    code = roster_code(fields, header.roster, "header.roster")
    as_of = fields.day(header.as_of, "header.as_of", required=True)
    if as_of is not None and as_of > today:
        fields.violate("header.as_of", "must not be after today")
    if header.declared_members < 0:
        fields.violate("header.declared_members", "must not be negative")
    fields.check()
    if header.declared_members > members_max:
        raise limit_exceeded("roster_members_max", members_max, "members")
    assert as_of is not None
    return ListHeader(code, as_of, header.declared_members)


class IncomingList:
    """The lines of one list as they arrive."""

    def __init__(self, header: ListHeader) -> None:
        self.header = header
        self.received = 0
        self.rejected = 0
        self.rejected_members: list[pb.RejectedMember] = []
        """The first of them."""
        self._people: dict[int, Stay] = {}
        self._kept: set[int] = set()
        self._last_day = header.as_of.toordinal()
        # Days that texts stand for: nearly all lines name one that was seen before.
        self._days: dict[str, int] = {}

    def read(self, members: Sequence[pb.RosterMember]) -> None:
        """Take some lines; of several usable ones of a person the last stays."""
        iins = parse_iins(clean_all([member.iin for member in members]))
        attached = clean_all([member.attached_on for member in members])
        visits = clean_all([member.last_visit_on for member in members])
        for iin, attached_text, visit_text in zip(iins, attached, visits, strict=True):
            self.received += 1
            if iin is None:
                self._reject(pb.MEMBER_ISSUE_IIN, "iin")
                continue
            attached_on = self._day(attached_text)
            visited_on = self._day(visit_text) if visit_text else None
            if attached_on is not None and (visited_on is not None or not visit_text):
                self._people[iin] = attached_on, visited_on
                continue
            self._kept.add(iin)
            if attached_on is None:
                self._reject(pb.MEMBER_ISSUE_ATTACHED_ON, "attached_on")
            else:
                self._reject(pb.MEMBER_ISSUE_LAST_VISIT_ON, "last_visit_on")

    def listed(self, owner: str) -> RosterList:
        """Return what the list says of a roster of this client."""
        kept = self._kept - self._people.keys()
        return RosterList(self.header.roster, self.header.as_of, self._people, kept, owner=owner)

    def _day(self, text: str) -> int | None:
        """Return the ordinal of a day that is not after the list's; None if it is none."""
        day = self._days.get(text)
        if day is None:
            try:
                day = parse_date(text).toordinal()
            except ValueError:
                return None
            self._days[text] = day
        return day if day <= self._last_day else None

    def _reject(self, issue: "pb.MemberIssue.ValueType", field: str) -> None:
        self.rejected += 1
        if len(self.rejected_members) < REJECTED_TOLD_MAX:
            self.rejected_members.append(
                pb.RejectedMember(member_no=self.received, issue=issue, field=field)
            )
