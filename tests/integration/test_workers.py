"""Several workers behind one port: they share the calls, and replace each other unnoticed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import cast

import grpc
import pytest

from osms.v1 import payment_service_pb2 as pb
from osms.v1.consumer_service_pb2_grpc import ConsumerServiceStub
from osms_client import Gateway, OsmsError, Purpose
from osms_client.testing import PLAIN_CLIENT, RunningGateway
from tests.integration import lookups, registers
from tests.integration.gateways import NOW
from tests.integration.people import new_iin
from tests.integration.streams import Sender, halves
from tests.integration.wire import DEADLINE_S, connected
from tests.postgres import Postgres

WORKERS = 2
AGE_S = "1"
"""The least age of connections: a rolling restart waits for it."""
CONNECTIONS = 24
"""So many that both workers get some."""
STOP_S = 10.0


@contextmanager
def several(store: str, folder: Path, **environment: str) -> Iterator[RunningGateway]:
    """Serve a store by several workers until the end of the context."""
    gateway = RunningGateway(
        folder,
        store=store,
        clock=NOW,
        arguments=("--workers", str(WORKERS)),
        environment={"OSMS_CONNECTION_AGE_S": AGE_S, **environment},
    )
    gateway.start()
    try:
        yield gateway
    finally:
        if gateway.process.poll() is None:
            gateway.stop()
        assert "Traceback" not in gateway.log()


@pytest.fixture(scope="module")
def gateway(
    prepared_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """A gateway of several workers on uvloop; it outlives the loss of one."""
    folder = tmp_path_factory.mktemp("workers")
    store = str(shutil.copy(prepared_store, folder / "store.db"))
    with several(store, folder, OSMS_UVLOOP="true") as running:
        yield running


@pytest.fixture(scope="module")
def database_gateway(
    postgres: Postgres, prepared_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """A gateway of several workers on PostgreSQL; its last test ends it."""
    url = postgres.url(postgres.create(prepared_database))
    with several(url, tmp_path_factory.mktemp("workers")) as running:
        yield running


def workers_of(gateway: RunningGateway) -> set[int]:
    """Return the process ids of all workers."""
    parent = gateway.process.pid
    return set(map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()))


def has_connections(pid: int, target: str) -> bool:
    """Tell whether a process has connections on the port of a target."""
    port = int(target.rpartition(":")[2])
    sockets = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "01" and int(local.rpartition(":")[2], 16) == port:
                sockets.add(f"socket:[{inode}]")
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if os.readlink(file) in sockets:
                return True
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that is about to happen."""
    give_up_at = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def runs(pid: int) -> bool:
    """Tell whether a process has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Callers:
    """Clients that call without pause: on one connection, on ever new ones, and by the SDK."""

    def __init__(self, target: str) -> None:
        self.answered = 0
        self.failures: Counter[object] = Counter()
        self._target = target
        self._iin = new_iin()
        self._question = lookups.question(self._iin)
        self._ended = threading.Event()

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Call until the end of the context."""
        works = [self._on_one_connection] * 3 + [self._on_new_ones, self._by_the_sdk]
        with ThreadPoolExecutor(len(works)) as pool:
            calling = [pool.submit(work) for work in works]
            try:
                wait_until(lambda: self.answered > 100)
                yield
            finally:
                self._ended.set()
        for work in calling:
            work.result()

    def goes_on(self) -> None:
        """Wait until more calls were answered."""
        before = self.answered
        wait_until(lambda: self.answered > before + 100)

    def _on_one_connection(self) -> None:
        with self._connected() as consumers:
            self._call_on(lambda: consumers.LookupConsumer(self._question, timeout=DEADLINE_S))

    def _on_new_ones(self) -> None:
        def call() -> object:
            with self._connected() as consumers:
                return consumers.LookupConsumer(self._question, timeout=DEADLINE_S)

        self._call_on(call)

    @contextmanager
    def _connected(self) -> Iterator[ConsumerServiceStub]:
        # As gRPC comes: it retries nothing but what never left the client.
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self._target, options) as channel:
            yield ConsumerServiceStub(channel)

    def _by_the_sdk(self) -> None:
        with Gateway(self._target) as sdk:
            self._call_on(lambda: sdk.lookup(self._iin, purpose=Purpose.RECEPTION))

    def _call_on(self, call: Callable[[], object]) -> None:
        while not self._ended.is_set():
            try:
                call()
            except grpc.RpcError as error:
                self.failures[cast(grpc.Call, error).code()] += 1
            except OsmsError as error:
                self.failures[error.status] += 1
            else:
                self.answered += 1


def test_connections_spread_over_the_workers(gateway: RunningGateway) -> None:
    """Every worker gets some of many connections, and each is answered."""
    assert len(workers_of(gateway)) == WORKERS
    assert all_get_connections(gateway)


def all_get_connections(gateway: RunningGateway) -> bool:
    """Call on many connections, and tell whether every worker has got some."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(gateway.target)) for _ in range(CONNECTIONS)]
        for stubs in clients:
            lookups.look_up(stubs, new_iin())
        return all(has_connections(pid, gateway.target) for pid in workers_of(gateway))


@pytest.mark.parametrize("engine", ["gateway", "database_gateway"])
def test_what_one_worker_took_all_workers_tell(engine: str, request: pytest.FixtureRequest) -> None:
    """With its revision a payment is seen on every connection, whichever worker answers there."""
    shared: RunningGateway = request.getfixturevalue(engine)
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(shared.target)) for _ in range(CONNECTIONS)]
        for stubs in clients[::6]:
            sent = registers.register(registers.row())
            revision = registers.ingest_one(stubs, sent).revision
            for other in clients:
                answer = lookups.look_up(other, sent.rows[0].iin, at_least_revision=revision)
                assert answer.revision >= revision


def test_a_rolling_restart_fails_no_call(gateway: RunningGateway) -> None:
    """SIGHUP replaces every worker, and neither old nor new connections see an error."""
    old = workers_of(gateway)
    callers = Callers(gateway.target)
    with callers.calling():
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "workers renewed" in gateway.log())
        callers.goes_on()
    assert not callers.failures
    assert len(workers_of(gateway)) == WORKERS
    assert not workers_of(gateway) & old


def test_a_worker_that_is_killed_is_started_again(gateway: RunningGateway) -> None:
    """Its calls are UNAVAILABLE and nothing else, and the others go on."""
    old = workers_of(gateway)
    callers = Callers(gateway.target)
    with callers.calling():
        os.kill(min(old), signal.SIGKILL)
        callers.goes_on()
        wait_until(lambda: len(workers_of(gateway) - {min(old)}) == WORKERS)
        callers.goes_on()
    assert set(callers.failures) <= {grpc.StatusCode.UNAVAILABLE}
    wait_until(lambda: all_get_connections(gateway))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_of_several_workers_is_not_shared_with_others(
    gateway: RunningGateway, workers: str
) -> None:
    """A second gateway ends with words, however many workers it was to have."""
    ended = serve(gateway.store, "--listen", gateway.target, "--workers", workers)
    assert ended.returncode == 2
    assert "is the port taken?" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_several_workers_refuse_a_port_that_is_taken(
    file_gateway: RunningGateway,
) -> None:
    """They do not squeeze in beside a gateway of one process."""
    ended = serve(file_gateway.store, "--listen", file_gateway.target, "--workers", "2")
    assert ended.returncode == 2
    assert "is the port taken?" in ended.stderr


def test_workers_that_cannot_start_end_the_command_with_words(tmp_path: Path) -> None:
    """What hinders them is said once."""
    ended = serve(str(tmp_path / "none.db"), "--listen", "127.0.0.1:0", "--workers", "2")
    assert ended.returncode == 2
    assert ended.stderr.count("osms init") == 1
    assert "Traceback" not in ended.stderr


def serve(store: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Try to serve, where that cannot succeed."""
    command = [sys.executable, "-m", "osms_client.cli", "serve", "--store", store, *arguments]
    return subprocess.run(
        command,
        env={**os.environ, "OSMS_PLAIN_CLIENT": PLAIN_CLIENT},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_stopping_workers_finish_what_they_began(database_gateway: RunningGateway) -> None:
    """After SIGTERM registers on their way to every worker are kept, and the status is 0."""
    process = database_gateway.process
    with ExitStack() as stack:
        streams = []
        for _ in range(8):
            first, rest = halves(registers.register(registers.row(1), registers.row(2)))
            stubs = stack.enter_context(connected(database_gateway.target))
            stream = Sender(stubs.payments.IngestRegisters)
            stream.send(pb.IngestRegistersRequest(register=registers.register(registers.row())))
            next(stream.call)
            stream.send(first)
            streams.append((stream, rest))
        since = time.monotonic()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        for stream, rest in streams:
            stream.send(rest)
        for stream, _ in streams:
            (answer,) = stream.end()
            assert answer.result.outcome == pb.REGISTER_OUTCOME_COMMITTED
        assert process.wait(STOP_S) == 0
        assert time.monotonic() - since < STOP_S


def test_workers_end_when_their_parent_is_killed(prepared_store: Path, tmp_path: Path) -> None:
    """Nobody would start them again or stop them, and the port becomes free."""
    store = str(shutil.copy(prepared_store, tmp_path / "store.db"))
    with several(store, tmp_path) as gateway:
        workers = workers_of(gateway)
        gateway.process.kill()
        gateway.process.wait()
        wait_until(lambda: not any(map(runs, workers)))
        host, port = gateway.target.split(":")
        socket.create_server((host, int(port))).close()
