"""Reports and pages of rosters while facts arrive: each says truthfully what it stands on."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest

from osms.v1 import roster_service_pb2 as pb
from osms_server.admission import Lanes
from osms_server.errors import Reason, RequestError
from osms_server.identity import acting_as
from osms_server.inquiry import Inquiry, View
from osms_server.law import Laws
from osms_server.services import RosterServicer, roster
from osms_server.settings import Settings
from osms_storage.rosters import RosterList, replace_members
from osms_storage.store import Store
from tests.callers import CLINIC, forgetful_recorder
from tests.storage.conftest import StoreFactory
from tests.storage.world import clock_at, line, record_register, register_of

DAY = date(2026, 1, 15)
PEOPLE = [900101390002 + number for number in range(4)]
CONTEXT = cast(roster.Context, SimpleNamespace(peer=lambda: "ipv4:127.0.0.1:1"))
CLIENT = CLINIC.client


class BusyInquiry(Inquiry):
    """Somebody pays after each of the first two questions."""

    def __init__(self, store: Store, laws: Laws) -> None:
        super().__init__(store, laws)
        self._busy_store = store
        self._payments = 0

    async def view(self, *arguments: Any, **keywords: Any) -> View:
        """Return what is known, before somebody pays."""
        view = await super().view(*arguments, **keywords)
        if self._payments < 2:
            self._payments += 1
            lines = [line(1, PEOPLE[0], DAY.year * 12, 100)]
            paid = register_of(f"payment {self._payments}", DAY, lines)
            await record_register(self._busy_store, paid)
        return view


async def busy_servicer(store: Store) -> RosterServicer:
    """Return the service over a roster of four, whose people are read two at a time."""
    attached = date(2025, 12, 1).toordinal()
    people = dict.fromkeys(PEOPLE, (attached, None))
    async with store.writing("ROSTER") as unit:
        listed = RosterList("a", DAY, people, (), owner=CLIENT)
        await replace_members(unit.connection, None, listed, listed.content())
    laws = Laws(store)
    return RosterServicer(
        store, laws, BusyInquiry(store, laws), Lanes(Settings()), Settings(), forgetful_recorder()
    )


async def test_a_report_says_between_which_revisions_it_was_made(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither waits for silence nor hides that facts arrived meanwhile."""
    monkeypatch.setattr(roster, "PEOPLE_AT_A_TIME", 2)
    async with new_store(clock_at(DAY)) as store:
        servicer = await busy_servicer(store)
        report = await servicer.GetRosterReport(pb.GetRosterReportRequest(roster="a"), CONTEXT)
    assert (report.first_revision, report.context.revision) == (1, 2)
    assert report.members == 4


async def test_a_page_is_of_one_revision(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends where facts arrived, and the next one goes on; everybody is listed once."""
    monkeypatch.setattr(roster, "PEOPLE_AT_A_TIME", 2)
    async with new_store(clock_at(DAY)) as store:
        servicer = await busy_servicer(store)
        request = pb.ListRosterMembersRequest(roster="a")
        first = await servicer.ListRosterMembers(request, CONTEXT)
        request.page_token = first.next_page_token
        second = await servicer.ListRosterMembers(request, CONTEXT)
    pages = [(page.context.revision, len(page.members)) for page in (first, second)]
    assert pages == [(1, 2), (3, 2)]
    listed = [int(member.eligibility.iin) for page in (first, second) for member in page.members]
    assert listed == PEOPLE
    assert not second.next_page_token


async def test_a_page_looks_at_so_many_people_and_no_more(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter that lets nobody through gives empty pages, each with the next, to the last."""
    monkeypatch.setattr(roster, "SCANNED_MAX", 3)
    async with new_store(clock_at(DAY)) as store:
        servicer = await busy_servicer(store)
        request = pb.ListRosterMembersRequest(roster="a", not_seen=True)
        first = await servicer.ListRosterMembers(request, CONTEXT)
        request.page_token = first.next_page_token
        second = await servicer.ListRosterMembers(request, CONTEXT)
    assert (list(first.members), list(second.members)) == ([], [])
    assert first.next_page_token
    assert not second.next_page_token


async def test_nobody_sees_another_client_s_roster(new_store: StoreFactory) -> None:
    """Its code says nothing to others: it is as if it had never been sent."""
    async with new_store(clock_at(DAY)) as store:
        servicer = await busy_servicer(store)
        request = pb.GetRosterReportRequest(roster="a")
        with acting_as(replace(CLINIC, client="hospital")), pytest.raises(RequestError) as caught:
            await servicer.GetRosterReport(request, CONTEXT)
        assert caught.value.reason == Reason.ERROR_REASON_ROSTER_NOT_FOUND
        assert (await servicer.GetRosterReport(request, CONTEXT)).members == 4
