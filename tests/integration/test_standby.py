"""A leader and a standby that lag, go away, and change their parts."""

import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from osms.v1 import consumer_service_pb2 as consumer_pb
from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from osms_client.testing import RunningGateway
from tests.integration import registers, rosters
from tests.integration.gateways import NOW, prepare_store
from tests.integration.lookups import look_up, question
from tests.integration.people import new_iin
from tests.integration.wire import DEADLINE_S, Stubs, connected, failure_of
from tests.postgres import Postgres, running_postgres, running_standby

AGE_MAX_S = 1.0
PASSWORD = "kept-from-every-log"
POLL_S = 0.02
SERVING = health_pb2.HealthCheckResponse.SERVING


@dataclass(frozen=True)
class Pair:
    """A leader, its standby, and a database in both."""

    leader: Postgres
    standby: Postgres
    database: str

    @property
    def url(self) -> str:
        """The store's URL."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self.standby, self.leader))
        return f"postgresql://postgres:{PASSWORD}@{hosts}/{self.database}"

    def wait_until_caught_up(self) -> None:
        """Wait until the standby has all that the leader has."""
        reached = self.leader.sql("SELECT pg_current_wal_lsn()").strip()
        behind = f"SELECT pg_last_wal_replay_lsn() < '{reached}'"
        wait_until(lambda: self.standby.sql(behind).strip() == "f")

    @contextmanager
    def lagging(self) -> Iterator[None]:
        """Let the standby stand still."""
        self.wait_until_caught_up()
        self.standby.sql("SELECT pg_wal_replay_pause()")
        paused = "SELECT pg_get_wal_replay_pause_state()"
        wait_until(lambda: self.standby.sql(paused).strip() == "paused")
        try:
            yield
        finally:
            self.standby.sql("SELECT pg_wal_replay_resume()")


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fail if it never does."""
    give_up_at = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(POLL_S)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A leader and a standby of these tests' own: they are stopped, and started again."""
    with running_postgres() as leader:
        database = leader.create()
        prepare_store(tmp_path_factory.mktemp("prepared"), leader.url(database))
        with running_standby(leader) as standby:
            yield Pair(leader, standby, database)


@contextmanager
def serving(url: str, folder: Path, age_max_s: float = AGE_MAX_S) -> Iterator[Stubs]:
    """Serve a store whose answers may be so old."""
    (folder / "osms.toml").write_text(f"standby_age_max_s = {age_max_s}\n")
    gateway = RunningGateway(folder, store=url, clock=NOW)
    with chdir(folder):
        gateway.start()
    try:
        with connected(gateway.target) as stubs:
            yield stubs
    finally:
        gateway.stop()
        assert PASSWORD not in gateway.log()


@pytest.fixture(scope="module")
def gateway(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubs]:
    """A gateway on the pair, which all goes by."""
    with serving(pair.url, tmp_path_factory.mktemp("gateway")) as opened:
        yield opened


@pytest.fixture
def stubs(pair: Pair, gateway: Stubs) -> Stubs:
    """The gateway when it reads the standby, which has all."""
    wait_until(lambda: reads_the_standby(pair, gateway))
    pair.wait_until_caught_up()
    return gateway


def reads_the_standby(pair: Pair, stubs: Stubs) -> bool:
    """Return whether a gateway tells what only the leader knows a moment later."""
    iin = new_iin()
    with pair.lagging():
        commit(stubs, iin)
        return not known(look_up(stubs, iin))


def commit(stubs: Stubs, iin: str) -> pb.RegisterResult:
    """Commit a register that pays for a person."""
    result = registers.ingest_one(stubs, registers.register(registers.row(iin=iin)))
    assert result.outcome == pb.REGISTER_OUTCOME_COMMITTED
    return result


def health(stubs: Stubs) -> "health_pb2.HealthCheckResponse.ServingStatus":
    """Return the gateway's health."""
    stub = health_pb2_grpc.HealthStub(stubs.channel)
    return stub.Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE_S).status


def known(answer: core_pb2.Eligibility) -> bool:
    """Return whether anything is known of a person."""
    return answer.status != core_pb2.ELIGIBILITY_STATUS_UNKNOWN_CONSUMER


def wait_until_written(stubs: Stubs) -> None:
    """Write until it is taken."""

    def written() -> bool:
        try:
            commit(stubs, new_iin())
        except grpc.RpcError:
            return False
        return True

    wait_until(written)


@contextmanager
def asked_all_the_while(stubs: Stubs) -> Iterator[None]:
    """Ask about a person again and again; what is asked twice, as clients do, is answered."""
    failures: list[grpc.RpcError] = []
    over = Event()

    def ask() -> None:
        while not over.is_set():
            iin = new_iin()
            try:
                look_up(stubs, iin)
            except grpc.RpcError:
                # What was under way on the server that went.
                try:
                    look_up(stubs, iin)
                except grpc.RpcError as error:
                    failures.append(error)

    thread = Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not failures


def test_an_answer_of_a_standby_is_not_older_than_was_set(pair: Pair, stubs: Stubs) -> None:
    """A standby that stands still is read, with its revision, until what it lacks is too old."""
    iin = new_iin()
    with pair.lagging():
        result = commit(stubs, iin)
        committed_at = asked_at = time.monotonic()
        old = look_up(stubs, iin)
        assert not known(old)
        assert old.revision == result.revision - 1
        assert not registers.payments(stubs, iin)
        while not known(look_up(stubs, iin)):
            assert asked_at < committed_at + AGE_MAX_S
            asked_at = time.monotonic()
        for _ in range(20):
            assert look_up(stubs, iin).revision == result.revision
        assert registers.payments(stubs, iin)


def test_a_revision_that_is_asked_for_is_read_of_the_leader(pair: Pair, stubs: Stubs) -> None:
    """What a caller knows to be there is answered at once, whatever a standby lacks."""
    iin = new_iin()
    with pair.lagging():
        sent = registers.register(registers.row(iin=iin))
        result = registers.ingest_one(stubs, sent)
        assert known(look_up(stubs, iin, at_least_revision=result.revision))
        then = core_pb2.KnowledgeTime(revision=result.revision)
        assert known(look_up(stubs, iin, known=then))
        explained = consumer_pb.ExplainConsumerRequest(
            iin=iin, known=then, purpose=core_pb2.PURPOSE_RECEPTION
        )
        answer = stubs.consumers.ExplainConsumer(explained, timeout=DEADLINE_S)
        assert any(month.payments for month in answer.months)
        assert registers.summary(stubs, sent).reference == sent.reference
        code = rosters.new_code()
        rosters.send(stubs, code, [rosters.member(iin)])
        assert rosters.on_roster(stubs, code) == [iin]


def test_without_a_leader_reads_go_on_and_writes_are_refused(pair: Pair, stubs: Stubs) -> None:
    """The standby answers, old or not, and the leader is written again when it is back."""
    iin = new_iin()
    commit(stubs, iin)
    pair.wait_until_caught_up()
    with asked_all_the_while(stubs), pair.leader.killed():
        assert known(look_up(stubs, iin))
        failure = failure_of(lambda: commit(stubs, new_iin()))
        assert failure.status is grpc.StatusCode.UNAVAILABLE
        assert failure.reason == "STORE_UNAVAILABLE"
        assert registers.payments(stubs, iin)
        gone_at = time.monotonic()
        while time.monotonic() < gone_at + 2 * AGE_MAX_S:
            assert known(look_up(stubs, iin))
            assert health(stubs) == SERVING
        pair.leader.start()
        wait_until_written(stubs)


def test_a_revision_that_only_a_lost_leader_had_is_not_answered_without(
    pair: Pair, stubs: Stubs
) -> None:
    """Who asks for an answer after a payment never gets one from before it."""
    iin = new_iin()
    with pair.lagging():
        result = commit(stubs, iin)
        assert known(look_up(stubs, iin, at_least_revision=result.revision))
        with pair.leader.killed():
            asked = question(iin, at_least_revision=result.revision)
            failure = failure_of(lambda: stubs.consumers.LookupConsumer(asked, timeout=1.0))
            assert failure.reason == "REVISION_NOT_REACHED"
    wait_until_written(stubs)


@pytest.mark.parametrize("part", ["leader", "standby"])  # it reads the leader after
def test_a_server_that_falls_silent_is_passed_over(pair: Pair, stubs: Stubs, part: str) -> None:
    """Where a server takes what is sent and says nothing, the other answers."""
    iin = new_iin()
    commit(stubs, iin)
    pair.wait_until_caught_up()
    server: Postgres = getattr(pair, part)
    with server.frozen():
        # As long as nothing is due, a silent leader is not missed.
        silent_at = time.monotonic()
        while time.monotonic() < silent_at + AGE_MAX_S:
            assert known(look_up(stubs, iin))
        assert registers.payments(stubs, iin)


def test_standbys_may_be_left_alone(pair: Pair, tmp_path: Path) -> None:
    """With an age of 0 only the leader is read."""
    iin = new_iin()
    with pair.lagging(), serving(pair.url, tmp_path, age_max_s=0) as stubs:
        commit(stubs, iin)
        assert known(look_up(stubs, iin))
        assert registers.payments(stubs, iin)


def test_a_standby_may_go(pair: Pair, tmp_path: Path) -> None:
    """Nobody who asks sees that the standby was killed: the leader answers."""
    iin = new_iin()
    with serving(pair.url, tmp_path) as stubs:
        wait_until(lambda: reads_the_standby(pair, stubs))
        with asked_all_the_while(stubs), pair.standby.killed():
            result = commit(stubs, iin)
            assert known(look_up(stubs, iin, at_least_revision=result.revision))
            assert health(stubs) == SERVING


def test_a_gateway_starts_without_a_leader(pair: Pair, tmp_path: Path) -> None:
    """It answers of the standby, and writes as soon as there is a leader."""
    pair.wait_until_caught_up()
    with pair.leader.killed(), serving(pair.url, tmp_path) as stubs:
        assert not known(look_up(stubs, new_iin()))
        pair.leader.start()
        wait_until_written(stubs)


def test_a_standby_that_is_promoted_is_written(pair: Pair, tmp_path: Path) -> None:
    """The gateway follows to the new leader without a restart, and loses no read on the way."""
    iin = new_iin()
    with running_standby(pair.leader) as heir:
        followed = Pair(pair.leader, heir, pair.database)
        with serving(followed.url, tmp_path) as stubs:
            wait_until(lambda: reads_the_standby(followed, stubs))
            followed.wait_until_caught_up()
            with asked_all_the_while(stubs), pair.leader.killed():
                heir.sql("SELECT pg_promote()")
                wait_until_written(stubs)
                result = commit(stubs, iin)
                answer = look_up(stubs, iin, at_least_revision=result.revision)
                assert answer.revision == result.revision
