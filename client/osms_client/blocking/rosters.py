"""Calls of RosterService: attached populations, and what they are on a day."""

from collections.abc import Iterable, Iterator
from datetime import date

from osms_client.blocking.connection import Connection
from osms_client.blocking.stream import chunks, converse
from osms_client.rosters import (
    ListedMember,
    RosterHeader,
    RosterMember,
    RosterReport,
    RosterSyncResult,
)
from osms_client.talks import ROSTER_CHUNK_MEMBERS, RosterTalk
from osms_client.wire import rosters


class RosterCalls(Connection):
    """Who is attached to a polyclinic, and who of them is insured."""

    def sync_roster(
        self,
        header: RosterHeader,
        members: Iterable[RosterMember],
        *,
        timeout_s: float | None = None,
    ) -> RosterSyncResult:
        """Send a roster's full list and return what it changed, once it is durable.

        Members are read as they are sent. Nothing of a list that raises counts; the same one again
        changes nothing.
        """
        results = converse(
            self._open.rosters.SyncRoster,
            RosterTalk(header),
            chunks(members, ROSTER_CHUNK_MEMBERS),
            silence_s=self._deadlines.sync_silence_s,
            timeout_s=timeout_s,
        )
        return list(results)[-1]

    def roster_report(
        self,
        roster: str,
        *,
        service_date: date | None = None,
        lapsing_by: date | None = None,
        norm_tiyn_per_head: int = 0,
        timeout_s: float | None = None,
    ) -> RosterReport:
        """Return what the members are on a day, today by default.

        ``lapsing_by`` None is the last day of the next month; without ``norm_tiyn_per_head`` no
        money is told in tiyn.
        """
        return self._call(
            self._open.rosters.GetRosterReport,
            rosters.report_request(
                roster,
                service_date=service_date,
                lapsing_by=lapsing_by,
                norm_tiyn_per_head=norm_tiyn_per_head,
            ),
            rosters.report,
            timeout_s or self._deadlines.batch_s,
        )

    def list_roster_members(
        self,
        roster: str,
        *,
        service_date: date | None = None,
        uninsured: bool = False,
        lapsing_by: date | None = None,
        not_seen: bool = False,
        page_size: int = 0,
        timeout_s: float | None = None,
    ) -> Iterator[ListedMember]:
        """Yield members that pass every filter that is set, ascending by IIN, page by page.

        ``service_date`` None is today; ``lapsing_by`` None is no filter. A roster that changes
        meanwhile ends the list with InvalidRequestError, reason PAGE_TOKEN_INVALID: list it anew.
        """
        return self._pages(
            self._open.rosters.ListRosterMembers,
            rosters.members_request(
                roster,
                service_date=service_date,
                uninsured=uninsured,
                lapsing_by=lapsing_by,
                not_seen=not_seen,
                page_size=page_size,
            ),
            rosters.members,
            timeout_s or self._deadlines.batch_s,
        )
