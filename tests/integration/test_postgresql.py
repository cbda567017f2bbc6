"""A PostgreSQL that goes away and comes back."""

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from osms.v1 import payment_service_pb2 as pb
from osms_client import Gateway, Purpose, RetryLaterError, Status
from osms_client.testing import RunningGateway
from tests.integration import registers
from tests.integration.gateways import NOW, prepare_store
from tests.integration.people import new_iin
from tests.integration.wire import DEADLINE_S, connected
from tests.postgres import Postgres, running_postgres

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A PostgreSQL of this test's own, which it may stop; its commits reach the disk."""
    with running_postgres(fsync=True) as running:
        yield running


def wait_for_health(target: str, wanted: "health_pb2.HealthCheckResponse.ServingStatus") -> None:
    """Wait until the gateway's health is what is wanted."""
    give_up_at = time.monotonic() + DEADLINE_S
    with grpc.insecure_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while stub.Check(health_pb2.HealthCheckRequest()).status != wanted:
            assert time.monotonic() < give_up_at
            time.sleep(0.1)


def commit(target: str, iin: str) -> "pb.RegisterResult":
    """Commit a register that pays for a person."""
    request = pb.IngestRegistersRequest(register=registers.register(registers.row(iin=iin)))
    with connected(target) as stubs:
        (response,) = stubs.payments.IngestRegisters(iter([request]), timeout=DEADLINE_S)
    return response.result


def test_an_outage_of_the_database_is_no_answer_and_passes(
    server: Postgres, tmp_path: Path
) -> None:
    """While the database is away nobody is answered; what was acknowledged is there again after."""
    url = server.url(server.create())
    prepare_store(tmp_path, url)
    gateway = RunningGateway(tmp_path, store=url, clock=NOW)
    gateway.start()
    try:
        iin = new_iin()
        assert commit(gateway.target, iin).outcome == pb.REGISTER_OUTCOME_COMMITTED
        server.stop("immediate")
        wait_for_health(gateway.target, NOT_SERVING)
        with Gateway(gateway.target) as sdk, pytest.raises(RetryLaterError):
            sdk.lookup(iin, purpose=Purpose.RECEPTION)
        server.start()
        wait_for_health(gateway.target, SERVING)
        with Gateway(gateway.target) as sdk:
            answer = sdk.lookup(iin, purpose=Purpose.RECEPTION)
        assert answer.status is Status.NOT_INSURED
        assert commit(gateway.target, new_iin()).outcome == pb.REGISTER_OUTCOME_COMMITTED
    finally:
        gateway.stop()


def test_a_gateway_starts_before_its_database_and_waits(server: Postgres, tmp_path: Path) -> None:
    """A database that cannot be reached does not stop the start: health says NOT_SERVING."""
    url = server.url(server.create())
    prepare_store(tmp_path, url)
    server.stop()
    gateway = RunningGateway(tmp_path, store=url, clock=NOW)
    gateway.start()
    try:
        wait_for_health(gateway.target, NOT_SERVING)
        server.start()
        wait_for_health(gateway.target, SERVING)
        assert commit(gateway.target, new_iin()).outcome == pb.REGISTER_OUTCOME_COMMITTED
    finally:
        gateway.stop()
