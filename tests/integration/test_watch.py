"""Being told of changes over real sockets, on each engine."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from osms.values import ALMATY
from osms_client import (
    AsyncGateway,
    CategoryRecord,
    Checkpoint,
    InvalidRequestError,
    LimitError,
    NotFoundError,
    OsmsError,
    Purpose,
    RetryLaterError,
    States,
    Status,
    TokenExpiredError,
    WatchEvent,
)
from osms_server.watching.teller import KEPT
from osms_storage.store import Store
from osms_storage.telling import purge
from tests.integration.gateways import NOW
from tests.integration.people import new_iin, wrong_check_digit
from tests.integration.watched import House, Listener, words
from tests.postgres import Postgres

pytestmark = pytest.mark.asyncio(loop_scope="module")
"""grpc's poller outlives the loop of a test."""

STOP_S = 1.0
"""In this time a gateway that is told to stop lets go of its watchers."""


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A store of one test, on each engine in turn."""
    if request.param == "sqlite":
        prepared: Path = request.getfixturevalue("prepared_store")
        yield House(str(shutil.copy(prepared, tmp_path / "store.db")), tmp_path)
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create(request.getfixturevalue("prepared_database"))
    yield House(server.url(name), tmp_path)
    server.drop(name)


@pytest_asyncio.fixture(loop_scope="module")
async def sdk(house: House) -> AsyncIterator[AsyncGateway]:
    """The SDK, connected to a gateway on the test's store."""
    async with house.open() as opened:
        yield opened


async def test_a_watcher_is_told_what_changes_and_why(house: House, sdk: AsyncGateway) -> None:
    """A payment, its reversal, a category and the passing of time, each once and with its day."""
    iin = new_iin()
    listener = Listener(sdk.watch(iins=[iin]))
    await listener.until(0)
    assert listener.states[iin].status is Status.UNKNOWN_CONSUMER

    paid, payment = await house.pay(sdk, iin, "2025-02", "2025-10")
    assert words(await listener.until(paid)) == [
        ("STATE", "PAYMENT", "2020-01-01", "INSURED_RETENTION")
    ]
    reversed_ = await house.take_back(sdk, payment)
    (change,) = await listener.until(reversed_)
    assert words([change]) == [("STATE", "REVERSAL", "2026-01-01", "NOT_INSURED")]
    assert change.revision == reversed_
    record = CategoryRecord(
        iin=iin, category="pension", assigned_on="2026-01-05", removed_on="2026-01-20"
    )
    pensioned = await house.report(sdk, record, sender="labour")
    (change,) = await listener.until(pensioned)
    assert words([change]) == [("STATE", "CATEGORY", "2026-01-05", "INSURED")]

    house.set_clock(datetime(2026, 1, 31, 23, 59, 59, tzinfo=ALMATY))
    assert change.after.valid_through is not None
    house.set_clock(
        datetime.combine(change.after.valid_through, datetime.min.time(), ALMATY)
        + timedelta(days=1)
    )
    (passed,) = await listener.next_changes()
    assert passed.cause == "PASSING_OF_TIME"
    assert passed.effective_on == change.after.valid_through + timedelta(days=1)
    answer = await sdk.lookup(iin, purpose=Purpose.ROSTER)
    assert (answer.status, answer.valid_through) == (
        passed.after.status,
        passed.after.valid_through,
    )


async def test_a_change_of_the_past_alone_is_a_correction(house: House, sdk: AsyncGateway) -> None:
    """The state for today stays, but bills from the effective day on are to be checked again."""
    iin = new_iin()
    listener = Listener(sdk.watch(iins=[iin]))
    record = CategoryRecord(iin=iin, category="pension", assigned_on="2024-01-01")
    await listener.until(await house.report(sdk, record, sender="labour"))
    paid, _ = await house.pay(sdk, iin, "2021-01", "2021-12")
    (change,) = await listener.until(paid)
    assert words([change]) == [("CORRECTED", "PAYMENT", "2021-12-01", "INSURED")]
    assert change.before == change.after


async def test_nobody_can_tell_exempt_people_from_others_the_state_pays_for(
    house: House, sdk: AsyncGateway
) -> None:
    """Who goes from a pension to the services, which is restricted, does not change at all."""
    iin, other = new_iin(), new_iin()
    listener = Listener(sdk.watch(iins=[iin, other]))
    pension = CategoryRecord(iin=iin, category="pension", assigned_on="2024-01-01")
    await listener.until(await house.report(sdk, pension, sender="labour"))
    service = CategoryRecord(iin=iin, category="serviceman", assigned_on="2024-01-01")
    await house.report(sdk, service, sender="services")
    gone = CategoryRecord(
        iin=iin, category="pension", assigned_on="2024-01-01", removed_on="2025-03-01"
    )
    await house.report(sdk, gone, sender="labour")
    paid, _ = await house.pay(sdk, other, "2025-02", "2025-12")
    assert [change.iin for change in await listener.until(paid)] == [other]


async def test_a_quiet_watch_shows_that_it_lives(house: House, sdk: AsyncGateway) -> None:
    """Checkpoints come while nothing changes, with the revision and a token that works."""
    events = sdk.watch(iins=[new_iin()])
    assert isinstance(await anext(events), States)
    told = Listener(events)
    await told.until(2)  # the day's own revision
    for _ in range(3):
        checkpoint = await asyncio.wait_for(anext(events), 2)
        assert isinstance(checkpoint, Checkpoint)
        assert (checkpoint.revision, checkpoint.checked_at) == (2, NOW)
        assert checkpoint.token == told.token
    await events.aclose()


async def test_a_watch_outlives_its_gateway(house: House) -> None:
    """The SDK goes on where it was when another gateway serves; nothing is lost or told twice."""
    iin = new_iin()
    async with house.serve() as target:
        pass
    async with AsyncGateway(target) as sdk:
        listener = Listener(sdk.watch(iins=[iin]))
        async with house.serve():
            await listener.until((await house.pay(sdk, iin, "2025-02", "2025-10"))[0])
        async with house.serve():
            revision, _ = await house.pay(sdk, iin, "2025-11", "2025-12")
            (change,) = await listener.until(revision)
    assert change.before.status is Status.INSURED_RETENTION
    assert change.after.status is Status.INSURED


async def test_a_stopping_gateway_lets_go_of_its_watchers_and_says_why(house: House) -> None:
    """They do not keep it, and hear SHUTTING_DOWN where they do not reconnect by themselves."""
    async with AsyncExitStack() as serving:
        target = await serving.enter_async_context(house.serve())
        async with AsyncGateway(target) as sdk:
            events = sdk.watch(iins=[new_iin()], reconnect=False)
            await anext(events)

            async def listen() -> None:
                async for _ in events:
                    pass

            listening = asyncio.create_task(listen())
            begun = time.monotonic()
            await serving.aclose()
            assert time.monotonic() - begun < STOP_S
            with pytest.raises(RetryLaterError) as caught:
                await listening
    assert caught.value.reason == "SHUTTING_DOWN"


async def test_a_token_is_good_for_35_days(house: House, sdk: AsyncGateway) -> None:
    """Then what it goes on from is gone, and the client is told to begin anew."""
    iin = new_iin()
    listener = Listener(sdk.watch(iins=[iin]))
    await listener.until((await house.pay(sdk, iin, "2025-02", "2025-10"))[0])
    old_token = listener.token
    await listener.until((await house.pay(sdk, iin, "2025-11", "2025-12"))[0])
    new = Listener(sdk.watch(iins=[iin]))
    for days in (34, 36):
        house.set_clock(NOW + timedelta(days=days))
        revision, _ = await house.pay(sdk, iin, f"2026-0{days - 33}", f"2026-0{days - 33}")
        await new.until(revision)
        await purge_all(house, NOW + timedelta(days=days))
        resumed = Listener(sdk.watch(iins=[iin], token=old_token))
        if days == 34:
            await resumed.until(revision)
    with pytest.raises(TokenExpiredError) as caught:
        await resumed.until(0)
    assert caught.value.reason == "RESUME_TOKEN_EXPIRED"
    await Listener(sdk.watch(iins=[iin], token=new.token)).until(0)


async def purge_all(house: House, now: datetime) -> None:
    """Let time take what a teller purges now and then."""
    async with Store(house.settings.store) as store:
        while await purge(store, now - KEPT):
            pass


async def test_what_cannot_be_watched_is_refused(house: House, sdk: AsyncGateway) -> None:
    """Wrong numbers, too many, an unknown roster, and tokens that were given out for others."""

    async def refusal(**arguments: Any) -> OsmsError:
        try:
            await anext(sdk.watch(**arguments))
        except OsmsError as error:
            return error
        raise AssertionError("it was watched")

    iin = new_iin()
    (states,) = [event async for event in first_of(sdk.watch(iins=[iin]))]
    wrong = wrong_check_digit(iin)
    invalid = InvalidRequestError, "RESUME_TOKEN_INVALID"
    for arguments, kind, reason in (
        ({"iins": []}, InvalidRequestError, "INVALID_REQUEST"),
        ({"iins": [iin, wrong]}, InvalidRequestError, "IIN_INVALID"),
        ({"iins": [iin] * 10_001}, LimitError, "LIMIT_EXCEEDED"),
        ({"roster": "polyclinic-5"}, NotFoundError, "ROSTER_NOT_FOUND"),
        ({"iins": [new_iin()], "token": states.token}, *invalid),
        ({"iins": [iin], "token": "AQ"}, *invalid),
        ({"iins": [iin], "token": "?"}, *invalid),
        ({"iins": [iin], "token": f"B{states.token[1:]}"}, *invalid),
        ({"iins": [iin], "token": f"{states.token[:4]}_{states.token[5:]}"}, *invalid),
    ):
        error = await refusal(**arguments)
        assert type(error) is kind, arguments
        assert error.reason == reason
        assert iin not in str(error)


async def first_of(events: AsyncIterator[WatchEvent]) -> AsyncIterator[WatchEvent]:
    """Return the first event."""
    yield await anext(events)
