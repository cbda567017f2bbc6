"""How both forms of the local states follow a gateway that comes and goes."""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from osms.v1 import consumer_service_pb2 as pb
from osms_client import (
    AsyncGateway,
    AsyncLocalStates,
    DeadlineError,
    Eligibility,
    Gateway,
    LocalState,
    LocalStates,
    NotFoundError,
    NothingKnownError,
    Purpose,
    Status,
)
from tests.unit.client import told
from tests.unit.client.fake import IIN, OTHER_IIN, FakeGateway, abort, eligibility

AS_OF = datetime(2026, 1, 15, 7, tzinfo=UTC)
Use = Callable[[Callable[..., Any]], None]


class Watched:
    """A fake gateway's watch: what it tells on each stream, and whether it then stays."""

    def __init__(self, fake: FakeGateway) -> None:
        self.ended = threading.Event()
        self.streams: list[list[pb.WatchConsumersResponse] | str] = []
        fake.on("WatchConsumers", self._tell)

    def _tell(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        stream = self.streams.pop(0) if self.streams else []
        if stream == "ROSTER_NOT_FOUND":
            abort(context, grpc.StatusCode.NOT_FOUND, stream)
        if stream == "RESUME_TOKEN_EXPIRED":
            abort(context, grpc.StatusCode.OUT_OF_RANGE, stream)
        stays = not self.streams
        # Before anything is told: of one who leaves at once nothing more is asked here.
        if stays and not context.add_callback(self.ended.set):
            self.ended.set()
        yield from stream
        if not stays:
            abort(context, grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
        self.ended.wait(10)


OPENING = [
    told.states({IIN: told.state()}, "t1"),
    told.checkpoint(7, AS_OF, token="t1"),
]


@pytest.fixture
def watched(fake: FakeGateway) -> Iterator[Watched]:
    """The watch of the fake gateway."""
    watched = Watched(fake)
    yield watched
    watched.ended.set()


def follow(kind: str, target: str, use: Use, **arguments: Any) -> None:
    """Keep local states in either form, and use them by a function that calls what is named."""
    if kind == "blocking":
        with Gateway(target) as gateway, LocalStates(gateway, **arguments) as states:
            use(lambda name, *args, **keywords: getattr(states, name)(*args, **keywords))
        return

    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with AsyncGateway(target) as gateway, AsyncLocalStates(gateway, **arguments) as found:

            def call(name: str, *args: Any, **keywords: Any) -> Any:
                async def ask() -> Any:
                    result = getattr(found, name)(*args, **keywords)
                    return await result if inspect.isawaitable(result) else result

                return asyncio.run_coroutine_threadsafe(ask(), loop).result(10)

            await asyncio.to_thread(use, call)

    asyncio.run(run())


def until(seen: Callable[[], bool]) -> None:
    """Wait until something is so."""
    give_up_at = time.monotonic() + 10
    while not seen():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


@pytest.fixture(params=["blocking", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """Either form."""
    return str(request.param)


def test_both_forms_have_the_same_methods() -> None:
    """In name, parameters, defaults and words."""
    for name in ("get", "lookup", "wait_until_ready", "__init__"):
        ours, theirs = getattr(LocalStates, name), getattr(AsyncLocalStates, name)
        assert inspect.getdoc(ours) == inspect.getdoc(theirs)
        parameters = [
            [
                (each.name, each.kind, each.default)
                for each in inspect.signature(one).parameters.values()
            ]
            for one in (ours, theirs)
        ]
        assert parameters[0] == parameters[1]


def test_states_outlive_streams_and_tokens(kind: str, fake: FakeGateway, watched: Watched) -> None:
    """A broken stream goes on from its token; a token that is no good begins anew."""
    anew = told.states({IIN: told.state(Status.NOT_INSURED)}, "t9")
    watched.streams = [
        OPENING,
        "RESUME_TOKEN_EXPIRED",
        [anew, told.checkpoint(9, AS_OF, token="t9")],
    ]

    def use(call: Callable[..., Any]) -> None:
        call("wait_until_ready", 10)
        assert call("get", IIN).status is Status.INSURED
        until(lambda: call("get", IIN).revision == 9)
        assert call("get", IIN).status is Status.NOT_INSURED

    follow(kind, fake.target, use, iins=[IIN])
    assert [request.resume_token for request in fake.asked] == ["", "t1", ""]


def test_leaving_ends_the_stream(kind: str, fake: FakeGateway, watched: Watched) -> None:
    """At once, though nothing is told on it, and the gateway hears of it."""
    watched.streams = [OPENING]
    left_at = 0.0

    def use(call: Callable[..., Any]) -> None:
        nonlocal left_at
        call("wait_until_ready", 10)
        left_at = time.monotonic()

    follow(kind, fake.target, use, iins=[IIN])
    assert time.monotonic() - left_at < 2
    assert watched.ended.wait(5)


def test_leaving_does_not_wait_for_a_gateway_that_is_away(kind: str) -> None:
    """Whoever closes the desk in an outage closes it at once."""
    begun_at = time.monotonic()

    def use(call: Callable[..., Any]) -> None:
        with pytest.raises(NothingKnownError):
            call("wait_until_ready", 0.3)
        with pytest.raises(NothingKnownError):
            call("get", IIN)

    follow(kind, "127.0.0.1:1", use, iins=[IIN])
    assert time.monotonic() - begun_at < 2


def test_waiting_ends_in_time_or_by_a_refusal(
    kind: str, fake: FakeGateway, watched: Watched
) -> None:
    """A gateway that says nothing and one that knows no such roster are two things."""
    watched.streams = [[]]

    def silent(call: Callable[..., Any]) -> None:
        with pytest.raises(NothingKnownError):
            call("wait_until_ready", 0.05)

    follow(kind, fake.target, silent, iins=[IIN])
    watched.streams = ["ROSTER_NOT_FOUND"]

    def refused(call: Callable[..., Any]) -> None:
        with pytest.raises(NotFoundError):
            call("wait_until_ready", 10)

    follow(kind, fake.target, refused, roster="polyclinic-5")


def test_a_lookup_asks_first_and_falls_back(kind: str, fake: FakeGateway, watched: Watched) -> None:
    """An answer is an Eligibility, what is kept a LocalState; of others the outage is raised."""
    watched.streams = [OPENING]
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=eligibility()))

    def use(call: Callable[..., Any]) -> None:
        call("wait_until_ready", 10)
        desk = Purpose.RECEPTION
        assert isinstance(call("lookup", IIN, purpose=desk, surname="Ахметова"), Eligibility)
        assert fake.asked[-1].surname == "Ахметова"
        fake.on("LookupConsumer", lambda request, context: away(context))
        local = call("lookup", IIN, purpose=desk)
        assert isinstance(local, LocalState)
        assert (local.status, local.as_of) == (Status.INSURED, AS_OF)
        with pytest.raises(DeadlineError):
            call("lookup", OTHER_IIN, purpose=desk)
        fake.on("LookupConsumer", lambda request, context: mistyped(context))
        with pytest.raises(Exception, match="INVALID_ARGUMENT"):
            call("lookup", IIN, purpose=desk)

    follow(kind, fake.target, use, iins=[IIN])


def away(context: grpc.ServicerContext) -> None:
    """Answer as nobody: in no time that was given."""
    abort(context, grpc.StatusCode.DEADLINE_EXCEEDED)


def mistyped(context: grpc.ServicerContext) -> None:
    """Answer as to an impossible number."""
    abort(context, grpc.StatusCode.INVALID_ARGUMENT, "IIN_INVALID", metadata={"field": "iin"})
