"""A gateway that starts, is asked how it is, is stopped, and is killed."""

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import payment_service_pb2 as pb
from osms_client.testing import RunningGateway
from osms_server import bootstrap
from osms_server.settings import Settings
from osms_storage.migrations import check_schema
from osms_storage.store import Store
from tests.integration import feeds, lookups, registers
from tests.integration.gateways import serving
from tests.integration.people import new_iin
from tests.integration.streams import Sender, halves
from tests.integration.wire import DEADLINE_S, Failure, Stubs, connected, failure_of

SERVICES = {
    "osms.v1.AccessService",
    "osms.v1.CategoryService",
    "osms.v1.ConsumerService",
    "osms.v1.PaymentService",
    "osms.v1.RosterService",
}
STOP_S = 10.0
"""In this time a gateway must have gone, whatever its clients do."""


@pytest.fixture
def own(prepared_store: Path, tmp_path: Path) -> Iterator[RunningGateway]:
    """A gateway for one test, which may end it."""
    with serving(prepared_store, tmp_path) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def gateway(file_gateway: RunningGateway) -> RunningGateway:
    """Health and reflection are the same over every store."""
    return file_gateway


# --- how it is -----------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["", *sorted(SERVICES)])
def test_health_says_serving_for_the_whole_and_for_each_service(stubs: Stubs, service: str) -> None:
    """A load balancer may ask by the name of a service or by none."""
    health = health_pb2_grpc.HealthStub(stubs.channel)
    answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE_S)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_health_knows_every_service_from_the_first_call_on(
    prepared_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway takes calls only when health can say how it is, however long the store takes."""

    async def slow_check(store: Store) -> None:
        await asyncio.sleep(0.3)
        await check_schema(store)

    monkeypatch.setattr("osms_server.bootstrap.check_schema", slow_check)
    store = str(shutil.copy(prepared_store, tmp_path))
    settings = Settings(store=store, listen="127.0.0.1:0", plain_client="developer")
    async with (
        bootstrap.running_gateway(settings) as gateway,
        grpc.aio.insecure_channel(gateway.address) as channel,
    ):
        request = health_pb2.HealthCheckRequest(service="osms.v1.CategoryService")
        answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=DEADLINE_S)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_health_knows_no_other_service(stubs: Stubs) -> None:
    """A misspelt name is NOT_FOUND rather than well."""
    health = health_pb2_grpc.HealthStub(stubs.channel)
    request = health_pb2.HealthCheckRequest(service="osms.v1.NoService")
    failure = failure_of(lambda: health.Check(request, timeout=DEADLINE_S))
    assert failure.status is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_the_services_and_finds_symbols(stubs: Stubs, version: str) -> None:
    """A tool without the contract learns it from the gateway, in both versions of reflection."""
    method = stubs.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    symbols = ("osms.v1.ConsumerService", "osms.v1.Eligibility", "osms.v1.ErrorReason")
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        *(reflection_pb2.ServerReflectionRequest(file_containing_symbol=s) for s in symbols),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="osms.v1.NoMessage"),
    ]
    listed, *found, missing = list(method(iter(requests), timeout=DEADLINE_S))
    names = {service.name for service in listed.list_services_response.service}
    assert names >= {
        *SERVICES,
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    files = [
        {
            FileDescriptorProto.FromString(file).name
            for file in answer.file_descriptor_response.file_descriptor_proto
        }
        for answer in found
    ]
    assert "osms/v1/consumer_service.proto" in files[0]
    assert "osms/v1/core.proto" in files[1]
    assert "osms/v1/error_reason.proto" in files[2]
    assert missing.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


# --- stopped -------------------------------------------------------------------------------------


def assert_stops(gateway: RunningGateway, since: float) -> None:
    """Assert that the process ends by itself, in time and with status 0."""
    assert gateway.process.wait(STOP_S) == 0
    assert time.monotonic() - since < STOP_S


def test_a_stopping_gateway_finishes_what_it_began_and_takes_nothing_new(
    own: RunningGateway,
) -> None:
    """After SIGTERM the register on its way is committed and acknowledged, and kept."""
    sent = registers.register(registers.row(1), registers.row(2))
    first, rest = halves(sent)
    with connected(own.target) as stubs:
        stream = begun(stubs, first)
        since = time.monotonic()
        own.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        with connected(own.target) as others:
            failure = failure_of(lambda: lookups.look_up(others, new_iin()))
        assert failure.status is grpc.StatusCode.UNAVAILABLE
        stream.send(rest)
        (answer,) = stream.end()
    assert answer.result.outcome == pb.REGISTER_OUTCOME_COMMITTED
    assert_stops(own, since)
    own.start()
    with connected(own.target) as stubs:
        assert registers.summary(stubs, sent).total.rows == 2


def begun(stubs: Stubs, first: pb.IngestRegistersRequest) -> Sender:
    """Return a stream on which a register was answered and another has begun."""
    stream = Sender(stubs.payments.IngestRegisters)
    before = registers.register(registers.row())
    stream.send(pb.IngestRegistersRequest(register=before))
    assert next(stream.call).result.outcome == pb.REGISTER_OUTCOME_COMMITTED
    stream.send(first)
    return stream


@dataclass(frozen=True)
class Cut:
    """How a stream and its gateway ended, when the client did not end it."""

    failure: Failure
    status: int
    after_s: float


@pytest.fixture(scope="module")
def cut(prepared_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Cut:
    """A stream that stayed open until the grace was over."""
    half, _ = halves(registers.register(registers.row(1), registers.row(2)))
    with serving(prepared_store, tmp_path_factory.mktemp("cut")) as gateway:
        with connected(gateway.target) as stubs:
            stream = begun(stubs, half)
            since = time.monotonic()
            gateway.process.send_signal(signal.SIGTERM)
            failure = failure_of(lambda: next(stream.call))
            stream.break_off()
        return Cut(failure, gateway.process.wait(STOP_S), time.monotonic() - since)


def test_a_client_that_keeps_its_stream_open_does_not_keep_the_gateway(cut: Cut) -> None:
    """When the grace is over the stream is ended for its client, and the process has gone."""
    assert cut.failure.status is grpc.StatusCode.UNAVAILABLE
    assert cut.status == 0
    assert cut.after_s < STOP_S


def test_a_stream_that_is_cut_by_the_end_is_told_why(cut: Cut) -> None:
    """SHUTTING_DOWN with RetryInfo: nothing is wrong with what was sent, and when to send again."""
    assert cut.failure.reason == "SHUTTING_DOWN"
    assert cut.failure.retry_after_s is not None


def test_an_idle_gateway_stops_at_once(own: RunningGateway) -> None:
    """With nothing in flight nobody has to wait for the grace; Ctrl-C is as good as SIGTERM."""
    with connected(own.target) as stubs:
        lookups.look_up(stubs, new_iin())
    since = time.monotonic()
    own.process.send_signal(signal.SIGINT)
    assert_stops(own, since)
    assert time.monotonic() - since < STOP_S / 2
    assert "Traceback" not in own.log()


# --- killed --------------------------------------------------------------------------------------


def test_what_was_acknowledged_survives_a_kill(own: RunningGateway) -> None:
    """After SIGKILL and a new start every answered register is there, and no unanswered half."""
    rows = [registers.row(1), registers.row(2, "12")]
    answered = [registers.register(registers.row(1), *rows[1:]) for _ in range(20)]
    half = registers.register(*rows)
    records = [feeds.record(new_iin())]
    sync = list(feeds.parts(feeds.delta(1, records), records))
    with connected(own.target) as stubs:
        stream = Sender(stubs.payments.IngestRegisters)
        feed = Sender(stubs.categories.SyncCategories)
        results = []
        for register in answered:
            stream.send(pb.IngestRegistersRequest(register=register))
            results.append(next(stream.call).result)
        stream.send(halves(half)[0])
        feed.send(*sync[:-1])
        time.sleep(0.2)
        own.process.kill()
        own.process.wait()
        stream.break_off()
        feed.break_off()

    own.start()
    with connected(own.target) as stubs:
        for register, result in zip(answered, results, strict=True):
            again = registers.ingest_one(stubs, register)
            assert again.outcome == pb.REGISTER_OUTCOME_ALREADY_COMMITTED
            assert (again.revision, again.committed_at) == (result.revision, result.committed_at)
            assert len(registers.payments(stubs, register.rows[0].iin)) == 1
        failure = failure_of(lambda: registers.summary(stubs, half))
        assert failure.reason == "REGISTER_NOT_FOUND"
        assert lookups.status_of(stubs, records[0].iin) == "UNKNOWN_CONSUMER"
        applied = feeds.send(stubs, feeds.delta(1, records), records).result
        assert applied.outcome == category_pb.SYNC_OUTCOME_APPLIED


# --- started -------------------------------------------------------------------------------------


def serve(store: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Try to serve, where that cannot succeed."""
    command = [sys.executable, "-m", "osms_client.cli", "serve", "--store", str(store)]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


def test_a_test_clock_is_for_loopback_only(prepared_store: Path, tmp_path: Path) -> None:
    """On any other address a gateway that can be told the time does not start."""
    clock = tmp_path / "clock"
    clock.write_text("2026-01-15T09:00:00+05:00")
    ended = serve(prepared_store, "--listen", "0.0.0.0:0", "--test-clock", str(clock))
    assert ended.returncode == 2
    assert "loopback" in ended.stderr


def test_a_port_that_is_taken_is_not_shared(gateway: RunningGateway, prepared_store: Path) -> None:
    """A second gateway on the same port ends with words instead of answering half the calls."""
    ended = serve(prepared_store, "--listen", gateway.target)
    assert ended.returncode == 2
    assert "osms: serving on" not in ended.stdout
    assert "osms: " in ended.stderr
    assert "Traceback" not in ended.stderr
