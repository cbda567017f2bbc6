"""What is counted of each question: by whom, for what, how many people, and how many are nobody."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2, roster_service_pb2
from osms_server.admission import Lanes
from osms_server.errors import Reason, RequestError
from osms_server.identity import acting_as
from osms_server.inquiry import Inquiry
from osms_server.keys import SigningKeys, rotate
from osms_server.law import Laws
from osms_server.meter import Meter
from osms_server.receipts import Receipts
from osms_server.services import ConsumerServicer, RosterServicer, roster
from osms_server.settings import Settings
from osms_storage.rosters import RosterList, replace_members
from osms_storage.store import Store
from tests import callers
from tests.callers import forgetful_recorder
from tests.hands import Hands
from tests.storage.conftest import StoreFactory
from tests.storage.watcher import tell_all
from tests.storage.world import clock_at, line, record_register, register_of

DAY = date(2026, 1, 15)
KNOWN, UNKNOWN, MISTYPED, CUT_OFF = "900101390002", "050101690002", "900101390003", "50101690002"
RECEPTION = core_pb2.PURPOSE_RECEPTION
ROSTER = core_pb2.PURPOSE_ROSTER
CONTEXT = cast(Any, SimpleNamespace(peer=lambda: "ipv4:127.0.0.1:1", time_remaining=lambda: None))
CLINIC = replace(callers.CLINIC, client="clinic-5", quota="clinic")


class Tally(Meter):
    """A meter that notes what it is told."""

    def __init__(self) -> None:
        super().__init__(1, Hands())
        self.asked: list[tuple[int, int]] = []
        """Purpose and people, 0 for a question about one."""
        self.noted: list[tuple[int, int]] = []
        """Misses, and how many were asked about."""

    def single(self, purpose: int) -> None:
        """Take a question."""
        self.asked.append((purpose, 0))
        super().single(purpose)

    def bulk(self, purpose: int, people: int) -> None:
        """Take many."""
        self.asked.append((purpose, people))
        super().bulk(purpose, people)

    def note(self, misses: int, asked: int) -> None:
        """Take what came of them."""
        self.noted.append((misses, asked))
        super().note(misses, asked)


class Gateway:
    """The services of one gateway, and what they let its meter know."""

    def __init__(self, store: Store) -> None:
        laws, settings, lanes = Laws(store), Settings(), Lanes(Settings())
        lanes.meter = self.tally = Tally()
        inquiry = Inquiry(store, laws)
        receipts, recorder = Receipts(None, inquiry, store.clock), forgetful_recorder()
        self.consumers = ConsumerServicer(store, laws, inquiry, lanes, settings, receipts, recorder)
        self.rosters = RosterServicer(store, laws, inquiry, lanes, settings, recorder)

    async def lookup(self, iin: str) -> None:
        """Ask about one person."""
        request = pb.LookupConsumerRequest(iin=iin, purpose=RECEPTION)
        await self.consumers.LookupConsumer(request, CONTEXT)

    async def explain(self, iin: str) -> None:
        """Ask why."""
        request = pb.ExplainConsumerRequest(iin=iin, purpose=RECEPTION)
        await self.consumers.ExplainConsumer(request, CONTEXT)

    async def batch(self, *iins: str) -> None:
        """Ask about many."""
        options = pb.LookupOptions(purpose=RECEPTION)
        request = pb.BatchLookupConsumersRequest(
            options=options, items=[pb.LookupItem(iin=iin) for iin in iins]
        )
        await self.consumers.BatchLookupConsumers(request, CONTEXT)

    async def stream(self, *iins: str) -> None:
        """Ask about many, one by one."""

        async def requests() -> AsyncIterator[pb.StreamLookupConsumersRequest]:
            for place, iin in enumerate(iins):
                options = None if place else pb.LookupOptions(purpose=RECEPTION)
                yield pb.StreamLookupConsumersRequest(
                    options=options, items=[pb.LookupItem(iin=iin)]
                )

        async for _ in self.consumers.StreamLookupConsumers(requests(), CONTEXT):
            pass

    async def watch(self, *iins: str) -> str:
        """Watch until all states are told; return the resume token."""
        return await self.watch_from("", *iins)

    async def watch_from(self, token: str, *iins: str) -> str:
        """Watch from a token on; return the first that comes."""
        request = pb.WatchConsumersRequest(consumers=pb.ConsumerList(iins=iins), resume_token=token)
        responses = cast(Any, self.consumers.WatchConsumers(request, CONTEXT))
        async with aclosing(responses):
            return str((await anext(responses)).resume_token)

    async def report(self) -> None:
        """Ask about a whole roster."""
        request = roster_service_pb2.GetRosterReportRequest(roster="a")
        await self.rosters.GetRosterReport(request, CONTEXT)

    async def listed(self) -> list[str]:
        """List a whole roster, page by page."""
        request = roster_service_pb2.ListRosterMembersRequest(roster="a", lapsing_by="2026-12-31")
        found: list[str] = []
        while True:
            page = await self.rosters.ListRosterMembers(request, CONTEXT)
            found += [member.eligibility.iin for member in page.members]
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token


async def gateway_of(store: Store) -> Gateway:
    """Return the services over a store that knows one person, and a roster of two."""
    await record_register(store, register_of("1", DAY, [line(1, int(KNOWN), 2026 * 12, 100)]))
    people = dict.fromkeys((int(KNOWN), int(UNKNOWN)), (DAY.toordinal(), None))
    async with store.writing("ROSTER") as unit:
        listed = RosterList("a", DAY, people, (), owner=CLINIC.client)
        await replace_members(unit.connection, None, listed, listed.content())
    await tell_all(store)
    return Gateway(store)


@contextmanager
def refusal(reason: "Reason.ValueType") -> Iterator[None]:
    """Expect a refusal for this reason."""
    with pytest.raises(RequestError) as caught:
        yield
    assert caught.value.reason == reason


async def test_every_question_is_counted_with_its_misses(new_store: StoreFactory) -> None:
    """One by one, in bulk, on rosters and for watchers: nobody is asked about uncounted.

    A miss is an unknown person or a wrong check digit; digits that were cut off are none.
    """
    async with new_store(clock_at(DAY)) as store:
        gateway = await gateway_of(store)
        with acting_as(CLINIC):
            await gateway.lookup(KNOWN)
            await gateway.lookup(UNKNOWN)
            for wrong in (MISTYPED, CUT_OFF):
                with refusal(Reason.ERROR_REASON_IIN_INVALID):
                    await gateway.lookup(wrong)
            await gateway.explain(KNOWN)
            await gateway.explain(UNKNOWN)
            with refusal(Reason.ERROR_REASON_IIN_INVALID):
                await gateway.explain(MISTYPED)
            await gateway.batch(KNOWN, UNKNOWN, MISTYPED, CUT_OFF)
            await gateway.stream(KNOWN, UNKNOWN)
            await gateway.report()
            await gateway.listed()
            token = await gateway.watch(KNOWN, UNKNOWN)
            await gateway.watch_from(token, KNOWN, UNKNOWN)
            with refusal(Reason.ERROR_REASON_IIN_INVALID):
                await gateway.watch(KNOWN, MISTYPED)
    single, one = (RECEPTION, 0), (RECEPTION, 1)
    assert gateway.tally.asked == [
        *[single] * 7,
        *((RECEPTION, 4), one, one),
        *[(ROSTER, 2)] * 3,
    ]
    assert gateway.tally.noted == [
        *((0, 1), (1, 1), (1, 1)),
        *((0, 1), (1, 1), (1, 1)),
        *((2, 4), (0, 1), (1, 1)),
        *[(1, 2)] * 4,
    ]


async def test_a_client_over_its_quota_is_answered_nothing(new_store: StoreFactory) -> None:
    """Whatever it asks is refused before anybody is looked up; other clients are answered."""
    async with new_store(clock_at(DAY)) as store:
        gateway = await gateway_of(store)
        nobody = replace(CLINIC, quota="")
        with acting_as(nobody):
            for question in (
                gateway.lookup(KNOWN),
                gateway.explain(KNOWN),
                gateway.batch(KNOWN),
                gateway.stream(KNOWN),
                gateway.report(),
                gateway.listed(),
                gateway.watch(KNOWN),
            ):
                with refusal(Reason.ERROR_REASON_QUOTA_EXCEEDED):
                    await question
        assert not gateway.tally.noted
        with acting_as(CLINIC):
            await gateway.lookup(KNOWN)


async def test_a_page_ends_where_the_quota_does(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found so far is listed, and the next page goes on from there later."""
    monkeypatch.setattr(roster, "PEOPLE_AT_A_TIME", 1)
    async with new_store(clock_at(DAY)) as store:
        gateway = await gateway_of(store)
        request = roster_service_pb2.ListRosterMembersRequest(roster="a")
        with acting_as(CLINIC):
            gateway.tally.bulk(ROSTER, 199_999)
            first = await gateway.rosters.ListRosterMembers(request, CONTEXT)
            assert len(first.members) == 1
            request.page_token = first.next_page_token
            with refusal(Reason.ERROR_REASON_QUOTA_EXCEEDED):
                await gateway.rosters.ListRosterMembers(request, CONTEXT)
            # Another gateway has counted nothing yet.
            second = await Gateway(store).rosters.ListRosterMembers(request, CONTEXT)
    assert [len(second.members), second.next_page_token] == [1, ""]


async def test_whom_a_receipt_is_about_cannot_be_tried_out(
    new_store: StoreFactory, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A number that it is not about counts as a miss, as one that is nobody's does."""
    keys = tmp_path_factory.mktemp("operator") / "keys"
    rotate(keys)
    async with new_store(clock_at(DAY)) as store:
        gateway = await gateway_of(store)
        inquiry = Inquiry(store, Laws(store))
        receipts = Receipts(SigningKeys(keys), inquiry, store.clock)
        lanes = Lanes(Settings())
        lanes.meter = gateway.tally
        consumers = ConsumerServicer(
            store, Laws(store), inquiry, lanes, Settings(), receipts, forgetful_recorder()
        )
        with acting_as(CLINIC):
            asked = pb.LookupConsumerRequest(iin=KNOWN, purpose=RECEPTION, issue_receipt=True)
            answered = await consumers.LookupConsumer(asked, CONTEXT)
            gateway.tally.noted.clear()
            for iin, misses in ((KNOWN, 0), (UNKNOWN, 1)):
                request = pb.VerifyReceiptRequest(receipt=answered.eligibility.receipt, iin=iin)
                await consumers.VerifyReceipt(request, CONTEXT)
                assert gateway.tally.noted.pop() == (misses, 1)
