"""A store that is of another release, damaged, or full: said in words, never an answer."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import consumer_service_pb2 as consumer_pb
from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from osms_client import Gateway, Purpose, RetryLaterError
from osms_client.testing import RunningGateway
from osms_server import bootstrap
from osms_server.settings import Settings
from osms_storage.store import Store
from tests.integration import feeds, lookups, registers
from tests.integration.gateways import NOW, serving
from tests.integration.people import new_iin
from tests.integration.wire import DEADLINE_S, Failure, Stubs, connected, failure_of

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
ROWS = 2_000
"""More than fits into what is left of a store's last pages."""


@pytest.fixture(scope="module")
def gateway(
    prepared_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """A gateway on a file that can be damaged; PostgreSQL's outages have tests of their own."""
    with serving(prepared_store, tmp_path_factory.mktemp("gateway")) as running:
        yield running


# --- a store that cannot be served ---------------------------------------------------------------


@pytest.fixture
def idle(prepared_store: Path, tmp_path: Path) -> RunningGateway:
    """A gateway that was not started, on a copy of the prepared store."""
    store = tmp_path / "store.db"
    shutil.copy(prepared_store, store)
    return RunningGateway(tmp_path, store=str(store), clock=NOW)


def refusal(gateway: RunningGateway) -> str:
    """Return what a gateway says that does not start."""
    with pytest.raises(RuntimeError, match="did not start"):
        gateway.start()
    assert gateway.process.returncode == 2
    assert "Traceback" not in gateway.log()
    return gateway.log()


def test_a_store_of_a_newer_release_is_neither_served_nor_migrated(idle: RunningGateway) -> None:
    """The start ends with words and status 2, and so does `init`, which changes nothing."""
    with sqlite3.connect(idle.store) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = Path(idle.store).read_bytes()
    assert "schema 9999" in refusal(idle)
    with pytest.raises(RuntimeError, match="schema 9999"):
        idle.init()
    assert Path(idle.store).read_bytes() == before


def test_a_store_that_was_never_made_is_not_served(idle: RunningGateway) -> None:
    """Without `osms init` the start ends with words that name it."""
    Path(idle.store).unlink()
    assert "osms init" in refusal(idle)


def test_a_file_that_is_no_store_is_not_served(idle: RunningGateway) -> None:
    """Any other file is refused with words, and is not overwritten."""
    Path(idle.store).write_bytes(b"{1:F01K054700AXXX}" * 1_000)
    before = Path(idle.store).read_bytes()
    assert refusal(idle).startswith("osms: ")
    assert Path(idle.store).read_bytes() == before


def test_a_made_store_is_made_again_without_change(idle: RunningGateway) -> None:
    """`osms init` twice is `osms init` once."""
    idle.init()
    with sqlite3.connect(idle.store) as connection:
        assert connection.execute("SELECT COUNT(*) FROM revision").fetchone() == (1,)
    connection.close()


# --- a store that cannot be read for a while -----------------------------------------------------


@contextmanager
def damaged(store: str) -> Iterator[None]:
    """Make the description of one table unreadable, which makes every read of the file fail."""
    connection = sqlite3.connect(store, isolation_level=None)
    try:
        connection.execute("PRAGMA writable_schema=ON")
        (sound,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'ledger'"
        ).fetchone()
        _describe_ledger(connection, "CREATE TABLE ledger(")
        try:
            yield
        finally:
            _describe_ledger(connection, sound)
    finally:
        connection.close()


def _describe_ledger(connection: sqlite3.Connection, sql: str) -> None:
    (version,) = connection.execute("PRAGMA schema_version").fetchone()
    connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'ledger'", (sql,))
    # Every other connection reads the descriptions anew when this number changes.
    connection.execute(f"PRAGMA schema_version={version + 1}")


def health(stubs: Stubs, service: str = "") -> int:
    """Return what the health service says."""
    request = health_pb2.HealthCheckRequest(service=service)
    return int(health_pb2_grpc.HealthStub(stubs.channel).Check(request, timeout=DEADLINE_S).status)


def wait_for_health(stubs: Stubs, wanted: int) -> None:
    """Wait until health says so for the whole and for every service; fail after ten seconds."""
    give_up_at = time.monotonic() + 10
    names = ("", *bootstrap.SERVICES)
    while {health(stubs, name) for name in names} != {wanted}:
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


def calls(stubs: Stubs, iin: str) -> list[Callable[[], object]]:
    """Return one call of every kind that needs the store."""
    batch = consumer_pb.BatchLookupConsumersRequest(
        options=consumer_pb.LookupOptions(purpose=core_pb2.PURPOSE_ROSTER),
        items=[consumer_pb.LookupItem(iin=iin)],
    )
    stream = consumer_pb.StreamLookupConsumersRequest(options=batch.options, items=batch.items)
    explain = consumer_pb.ExplainConsumerRequest(iin=iin, purpose=core_pb2.PURPOSE_BILLING)
    known = core_pb2.KnowledgeTime(revision=1)
    return [
        lambda: lookups.look_up(stubs, iin),
        lambda: lookups.look_up(stubs, iin, known=known),
        lambda: lookups.look_up(stubs, iin, surname="Ахметова"),
        lambda: stubs.consumers.BatchLookupConsumers(batch, timeout=DEADLINE_S),
        lambda: list(stubs.consumers.StreamLookupConsumers(iter([stream]), timeout=DEADLINE_S)),
        lambda: stubs.consumers.ExplainConsumer(explain, timeout=DEADLINE_S),
        lambda: registers.payments(stubs, iin),
        lambda: registers.ingest_one(stubs, registers.register(registers.row())),
        lambda: feeds.send(stubs, feeds.delta(1, []), []),
        lambda: feeds.next_number(stubs),
    ]


def test_an_unreadable_store_is_an_outage_and_never_not_insured(
    gateway: RunningGateway, stubs: Stubs
) -> None:
    """Every call is UNAVAILABLE with RetryInfo, health says so, and all recovers with the store."""
    iin = new_iin()
    feeds.send_delta(stubs, feeds.record(iin))
    assert lookups.status_of(stubs, iin) == "INSURED"
    wait_for_health(stubs, SERVING)
    with damaged(gateway.store):
        for call in calls(stubs, iin):
            failure = failure_of(call)
            assert failure.status is grpc.StatusCode.UNAVAILABLE
            assert failure.reason == "STORE_UNAVAILABLE"
            assert failure.retry_after_s is not None
            assert failure.retry_after_s > 0
        with Gateway(gateway.target) as sdk, pytest.raises(RetryLaterError) as caught:
            sdk.lookup(iin, purpose=Purpose.RECEPTION)
        assert caught.value.reason == "STORE_UNAVAILABLE"
        wait_for_health(stubs, NOT_SERVING)
    assert lookups.status_of(stubs, iin) == "INSURED"
    wait_for_health(stubs, SERVING)
    result = registers.ingest_one(stubs, registers.register(registers.row()))
    assert result.outcome == pb.REGISTER_OUTCOME_COMMITTED
    assert iin not in gateway.log()


# --- a store whose disk is full ------------------------------------------------------------------


class Disk:
    """A gateway in this process whose store may grow only as far as it is told."""

    def __init__(self, store: Store, stubs: Stubs) -> None:
        self.stubs = stubs
        self._store = store

    async def limit(self, pages: int) -> None:
        """Let the store have this many pages, or as many as it has if it has more."""
        async with self._store.writing("SYNC") as unit:
            await unit.connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


@asynccontextmanager
async def disk_of(
    prepared: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Disk]:
    """Serve a copy of the prepared store in this process."""
    shutil.copy(prepared, folder / "store.db")
    (folder / "clock").write_text(NOW.isoformat())
    settings = Settings(
        store=str(folder / "store.db"),
        listen="127.0.0.1:0",
        plain_client="developer",
        test_clock=folder / "clock",
    )
    opened: list[Store] = []
    open_store = bootstrap.open_store

    def keep(settings: Settings, **options: float) -> Store:
        opened.append(open_store(settings, **options))
        return opened[-1]

    monkeypatch.setattr(bootstrap, "open_store", keep)
    async with bootstrap.running_gateway(settings) as gateway:
        with connected(gateway.address) as stubs:
            yield Disk(opened[-1], stubs)


def assert_full(failure: Failure) -> None:
    """Assert that a call failed because there is no room, and may be sent again."""
    assert failure.status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure.reason == "STORE_FULL"
    assert failure.retry_after_s is not None


def test_a_full_disk_applies_nothing_and_goes_on_when_there_is_room(
    prepared_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STORE_FULL with RetryInfo; answers go on, nothing is half there, the same again succeeds."""

    async def run() -> None:
        async with disk_of(prepared_store, tmp_path, monkeypatch) as disk:
            await fill_and_make_room(disk)

    asyncio.run(run())
    command = [sys.executable, "-m", "osms_client.cli", "verify", "ledger"]
    subprocess.run([*command, "--store", str(tmp_path / "store.db")], check=True)


async def fill_and_make_room(disk: Disk) -> None:
    """Send more than there is room for, then give the room and send it again."""
    stubs, ask = disk.stubs, asyncio.to_thread
    large = registers.register(*(registers.row(number) for number in range(1, ROWS + 1)))
    people = [new_iin() for _ in range(ROWS)]
    records = [feeds.record(iin) for iin in people]
    delta = feeds.delta(1, records)
    paid = registers.register(registers.row())
    payer = paid.rows[0].iin
    assert (await ask(registers.ingest_one, stubs, paid)).revision > 0
    status = await ask(lookups.status_of, stubs, payer)

    await disk.limit(1)
    assert_full(await ask(failure_of, lambda: registers.ingest_one(stubs, large)))
    assert_full(await ask(failure_of, lambda: feeds.send(stubs, delta, records)))
    failure = await ask(failure_of, lambda: registers.summary(stubs, large))
    assert failure.reason == "REGISTER_NOT_FOUND"
    for stranger in (large.rows[0].iin, large.rows[-1].iin, people[0], people[-1]):
        assert await ask(lookups.status_of, stubs, stranger) == "UNKNOWN_CONSUMER"
    assert await ask(lookups.status_of, stubs, payer) == status
    assert await ask(feeds.next_number, stubs) == 1

    await disk.limit(1_000_000)
    result = await ask(registers.ingest_one, stubs, large)
    assert (result.outcome, result.accepted.rows) == (pb.REGISTER_OUTCOME_COMMITTED, ROWS)
    synced = await ask(feeds.send, stubs, delta, records)
    assert synced.result.outcome == category_pb.SYNC_OUTCOME_APPLIED
    assert synced.result.changed == ROWS
