"""AccessService over a store: whom it tells what, page by page."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import delete

from osms.v1 import access_record_pb2
from osms.v1 import access_service_pb2 as pb
from osms.v1.core_pb2 import PURPOSE_AUDIT, PURPOSE_SELF_SERVICE
from osms_server.admission import Lanes
from osms_server.errors import Reason, RequestError
from osms_server.identity import Role, acting_as
from osms_server.services import AccessServicer, access
from osms_server.settings import Settings
from osms_storage.clock import to_microseconds
from osms_storage.schema import access_record
from osms_storage.store import Store
from tests.callers import CLINIC, forgetful_recorder
from tests.storage.access import IIN, OTHER_IIN, Writer, keep, packed, single
from tests.storage.conftest import StoreFactory
from tests.storage.world import clock_at

DAY = date(2026, 1, 15)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
CONTEXT = cast(access.Context, SimpleNamespace(peer=lambda: "ipv4:127.0.0.1:1"))
PORTAL = replace(CLINIC, client="portal", roles=frozenset({Role.CONSUMER_PORTAL}))


def before(days: int) -> int:
    """Return the instant of so many days before now, in microseconds."""
    return to_microseconds(NOON - timedelta(days=days))


async def fill(store: Store) -> None:
    """Let a clinic look every day, and an investigation twice, hidden for ten days."""
    writer = Writer("w1")
    hidden = {"client": "police", "hidden_days": 10}
    for day in range(20, 0, -1):
        writer.write(singles=[single(before(day))])
        if day in (15, 5):
            writer.write(
                singles=[single(before(day) + 1, **hidden)],  # type: ignore[arg-type]
                packed=[packed(before(day) + 2, [OTHER_IIN, IIN], **hidden)],  # type: ignore[arg-type]
            )
    await keep(store, writer, writer.sealed)


async def pages(servicer: AccessServicer, size: int = 0) -> list[pb.ListAccessesResponse]:
    """Return all pages of a person."""
    request = pb.ListAccessesRequest(iin=f"{IIN:012}", purpose=PURPOSE_SELF_SERVICE, page_size=size)
    read: list[pb.ListAccessesResponse] = []
    while not read or request.page_token:
        read.append(await servicer.ListAccesses(request, CONTEXT))
        request.page_token = read[-1].next_page_token
    return read


async def test_investigations_are_told_after_their_delay(new_store: StoreFactory) -> None:
    """A portal is told of them ten days later, an auditor at once."""
    clock = clock_at(DAY)
    async with new_store(clock) as store:
        await fill(store)
        servicer = AccessServicer(store, Lanes(Settings()), forgetful_recorder())
        for roles, told in (
            ({Role.CONSUMER_PORTAL}, 22),
            ({Role.AUDITOR}, 24),
            ({Role.CONSUMER_PORTAL, Role.FUND_OPERATOR}, 22),
            ({Role.CONSUMER_PORTAL, Role.AUDITOR}, 24),
        ):
            with acting_as(replace(CLINIC, roles=frozenset(roles))):
                (page,) = await pages(servicer)
            assert len(page.accesses) == told
            first = page.accesses[0]
            assert first.answered_at.ToDatetime(UTC) == NOON - timedelta(days=1)
            assert first.kind == access_record_pb2.ACCESS_KIND_LOOKUP
            assert (first.client, first.service_date) == ("clinic", "2026-01-15")
        for minutes, told in ((-1, 22), (1, 24)):
            clock.now = NOON + timedelta(days=5, minutes=minutes)
            with acting_as(PORTAL):
                (page,) = await pages(servicer)
            assert len(page.accesses) == told


async def test_pages_do_not_show_that_something_is_hidden(new_store: StoreFactory) -> None:
    """They are full, and their tokens as long, as if nobody investigated."""
    async with new_store(clock_at(DAY)) as store:
        await fill(store)
        servicer = AccessServicer(store, Lanes(Settings()), forgetful_recorder())
        with acting_as(PORTAL):
            read = await pages(servicer, 4)
    assert [len(page.accesses) for page in read] == [4, 4, 4, 4, 4, 2]
    assert len({len(page.next_page_token) for page in read[:-1]}) == 1


async def test_new_accesses_do_not_move_the_pages(new_store: StoreFactory) -> None:
    """Whoever reads on sees every older access once, whatever is answered meanwhile."""
    async with new_store(clock_at(DAY)) as store:
        await fill(store)
        servicer = AccessServicer(store, Lanes(Settings()), forgetful_recorder())
        writer = Writer("w2")
        request = pb.ListAccessesRequest(iin=f"{IIN:012}", purpose=PURPOSE_AUDIT, page_size=5)
        seen: list[str] = []
        with acting_as(PORTAL):
            while True:
                page = await servicer.ListAccesses(request, CONTEXT)
                seen += [one.decision_id for one in page.accesses]
                if not page.next_page_token:
                    break
                request.page_token = page.next_page_token
                await keep(store, writer, writer.write(singles=[single(before(0))]))
    assert len(seen) == len(set(seen)) == 22


async def test_what_is_wrong_is_refused(new_store: StoreFactory) -> None:
    """No person, no purpose, a page of another question: as everywhere."""
    async with new_store(clock_at(DAY)) as store:
        await fill(store)
        servicer = AccessServicer(store, Lanes(Settings()), forgetful_recorder())
        with acting_as(PORTAL):
            token = (await pages(servicer, 4))[0].next_page_token
            for request, reason in (
                (pb.ListAccessesRequest(iin="1", purpose=PURPOSE_AUDIT), "IIN_INVALID"),
                (pb.ListAccessesRequest(iin=f"{IIN:012}"), "INVALID_REQUEST"),
                (
                    pb.ListAccessesRequest(
                        iin=f"{IIN:012}", purpose=PURPOSE_AUDIT, page_token=token
                    ),
                    "PAGE_TOKEN_INVALID",
                ),
            ):
                with pytest.raises(RequestError) as refused:
                    await servicer.ListAccesses(request, CONTEXT)
                assert Reason.Name(refused.value.reason) == f"ERROR_REASON_{reason}"


async def test_the_log_is_verified_by_a_call(new_store: StoreFactory) -> None:
    """Chains and records are counted, and what is wrong is named."""
    async with new_store(clock_at(DAY)) as store:
        await fill(store)
        servicer = AccessServicer(store, Lanes(Settings()), forgetful_recorder())
        proof = await servicer.VerifyAccessLog(pb.VerifyAccessLogRequest(), CONTEXT)
        assert proof == pb.VerifyAccessLogResponse(chains=1, records=22)
        async with store.keeping() as connection:
            await connection.execute(delete(access_record).where(access_record.c.number == 7))
        proof = await servicer.VerifyAccessLog(pb.VerifyAccessLogRequest(), CONTEXT)
    assert proof.findings == [
        pb.AccessLogFinding(writer="w1", number=7, fault=pb.ACCESS_LOG_FAULT_MISSING)
    ]
