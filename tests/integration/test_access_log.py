"""Who was told of whom is in the log, whatever happens to the gateway; if not, nobody is told."""

import random
import resource
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from osms.v1 import (
    access_service_pb2,
    category_service_pb2,
    core_pb2,
)
from osms.v1 import consumer_service_pb2 as pb
from osms_client import (
    Access,
    AccessKind,
    Eligibility,
    Purpose,
    RosterHeader,
    RosterMember,
    UnansweredError,
)
from osms_server.bootstrap import running_gateway
from osms_server.identity import Role
from osms_server.settings import Settings
from tests.integration import lookups, registers, rosters
from tests.integration.fortress import Fortress, accesses, client, eventually
from tests.integration.gateways import NOW
from tests.integration.people import new_iin
from tests.integration.streams import Sender
from tests.integration.test_at_rest import osms
from tests.integration.wire import DEADLINE_S, Failure, Stubs, failure_of

DAY = date(2026, 1, 15)
HIDDEN_DAYS = 30
ASKERS = 3
"""How many threads ask one by one, and how many in batches, and in streams."""
KILLED_AFTER_ANSWERS = (30, 300)
PEOPLE = 20


@pytest.fixture(scope="module")
def fortress(prepared_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortress]:
    """A gateway with some who ask, and with those who see who asked."""
    built = Fortress(tmp_path_factory.mktemp("fortress"))
    clients = (
        client("clinic", Role.MIS),
        client("network", Role.MIS),
        client("investigator", Role.FUND_OPERATOR, hidden_days=HIDDEN_DAYS),
        client("portal", Role.CONSUMER_PORTAL),
        client("auditor", Role.AUDITOR),
        client("cashier", Role.PAYMENT_LOADER, sources=registers.SENDER),
    )
    with built.serve(prepared_store, clients):
        yield built


@pytest.fixture(scope="module")
def people(fortress: Fortress) -> list[str]:
    """People whom the gateway knows: who asks about strangers only is taken for a guesser."""
    rows = [registers.row(number) for number in range(1, PEOPLE + 1)]
    with fortress.by_token("cashier") as stubs:
        registers.ingest_one(stubs, registers.register(*rows))
    return [row.iin for row in rows]


def looks_at(fortress: Fortress, name: str, iin: str) -> list[Access]:
    """Return what a client is shown of who looked at a person, questions like this one aside."""
    purpose = Purpose.SELF_SERVICE if name == "portal" else Purpose.AUDIT
    with fortress.sdk(name) as sdk:
        listed = list(sdk.list_accesses(iin, purpose=purpose, page_size=1_000))
    return [one for one in listed if one.kind is not AccessKind.ACCESSES]


def until_found(fortress: Fortress, iin: str, decision_ids: set[str]) -> None:
    """Wait until an auditor is shown answers about a person."""

    def are_found() -> bool:
        return decision_ids <= {one.decision_id for one in looks_at(fortress, "auditor", iin)}

    eventually(are_found, "what was answered is not in the log")


def verified(store: str, **settings: str) -> tuple[int, str]:
    """Return the exit status of `osms verify access-log`, and what it prints."""
    ended = osms("verify", "access-log", "--store", store, **settings)
    return ended.exit_code, ended.output


# --- who is found --------------------------------------------------------------------------------


def test_every_answer_is_found_by_person(fortress: Fortress) -> None:
    """Of each client and kind, with what was answered; investigations by an auditor at once, and by
    the person after their delay. The log they stand in is whole.
    """
    person, other = new_iin(), new_iin()
    with fortress.sdk("clinic") as sdk:
        desk = sdk.lookup(person, service_date=DAY, purpose=Purpose.RECEPTION, case_reference="K-7")
        told = {("clinic", AccessKind.LOOKUP, desk.decision_id)}
        explained = sdk.explain(person, service_date=DAY, purpose=Purpose.RECEPTION)
        told.add(("clinic", AccessKind.EXPLAIN, explained.eligibility.decision_id))
    with fortress.sdk("network") as sdk:
        for kind, answers in (
            (AccessKind.BATCH, sdk.lookup_many([other, "bad", person], purpose=Purpose.ROSTER)),
            (AccessKind.STREAM, sdk.lookup_stream([person, other], purpose=Purpose.ROSTER)),
        ):
            told |= {
                ("network", kind, answer.decision_id)
                for answer in answers
                if isinstance(answer, Eligibility) and answer.iin == person
            }
        code = rosters.new_code()
        members = [RosterMember(iin=iin, attached_on="2025-01-01") for iin in (person, other)]
        sdk.sync_roster(RosterHeader(roster=code, as_of=DAY, declared_members=2), members)
        sdk.roster_report(code)
        list(sdk.list_roster_members(code))
        next(sdk.watch(roster=code))
    with fortress.sdk("investigator") as sdk:
        hidden = sdk.lookup(person, purpose=Purpose.AUDIT)
        list(sdk.list_payments(person))
    kinds = {("clinic", kind) for kind in (AccessKind.LOOKUP, AccessKind.EXPLAIN)} | {
        ("network", kind)
        for kind in (
            AccessKind.BATCH,
            AccessKind.STREAM,
            AccessKind.ROSTER_REPORT,
            AccessKind.ROSTER_LIST,
            AccessKind.WATCH,
        )
    }
    secret = {("investigator", kind) for kind in (AccessKind.LOOKUP, AccessKind.PAYMENTS)}
    shown = _until_shown(fortress, "auditor", person, kinds | secret)
    assert told <= {(one.client, one.kind, one.decision_id) for one in shown}
    assert hidden.decision_id in {one.decision_id for one in shown}
    (first,) = [one for one in shown if one.decision_id == desk.decision_id]
    assert (first.purpose, first.case_reference, first.service_date, first.status) == (
        Purpose.RECEPTION,
        "K-7",
        DAY,
        desk.status,
    )
    _until_shown(fortress, "portal", person, kinds)
    _until_shown(fortress, "auditor", other, {one for one in kinds if one[0] == "network"})
    fortress.gateway.set_clock(NOW + timedelta(days=HIDDEN_DAYS, hours=1))
    _until_shown(fortress, "portal", person, kinds | secret)
    fortress.gateway.set_clock(NOW)
    status, words = verified(fortress.store)
    assert (status, "0 findings" in words) == (0, True), words


def _until_shown(
    fortress: Fortress, name: str, iin: str, kinds: set[tuple[str, AccessKind]]
) -> list[Access]:
    """Return what a client is shown, once it is of these clients and kinds, and of no others."""
    shown: list[Access] = []

    def are_shown() -> bool:
        shown[:] = looks_at(fortress, name, iin)
        found = {(one.client, one.kind) for one in shown}
        assert found <= kinds
        return found == kinds

    eventually(are_shown, f"{name} is not shown all")
    return shown


# --- the gateway is killed -----------------------------------------------------------------------


@dataclass
class Answers:
    """What clients have received, by many threads."""

    received: dict[str, set[str]] = field(default_factory=dict)
    """Decision ids by person."""
    wrong: list[BaseException] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, answer: object) -> None:
        """Take an answer as soon as it is there."""
        assert isinstance(answer, Eligibility)
        with self._lock:
            self.received.setdefault(answer.iin, set()).add(answer.decision_id)

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self.received.values()))


@contextmanager
def asking(fortress: Fortress, people: list[str], answers: Answers) -> Iterator[None]:
    """Let clients ask without a pause until they are not answered any more."""

    def ask(ways: Callable[..., Iterator[object]]) -> None:
        try:
            with fortress.sdk("clinic") as sdk:
                while True:
                    for answer in ways(sdk):
                        answers.take(answer)
        except UnansweredError:
            return
        except BaseException as error:
            answers.wrong.append(error)

    def one_by_one(sdk: Any) -> Iterator[object]:
        for iin in people:
            yield sdk.lookup(iin, purpose=Purpose.RECEPTION)

    def in_batches(sdk: Any) -> Iterator[object]:
        yield from sdk.lookup_many(people, purpose=Purpose.ROSTER)

    def in_streams(sdk: Any) -> Iterator[object]:
        yield from sdk.lookup_stream(people * 3, purpose=Purpose.ROSTER, chunk_items=7)

    ways = (one_by_one, in_batches, in_streams) * ASKERS
    threads = [threading.Thread(target=ask, args=(way,)) for way in ways]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def test_no_answer_is_missing_after_a_kill(fortress: Fortress, people: list[str]) -> None:
    """Killed at a random moment under load and started again, the gateway knows of every answer
    that any client has received, and its log is whole.
    """
    seed = random.randrange(1_000_000)
    enough = random.Random(seed).randint(*KILLED_AFTER_ANSWERS)
    answers = Answers()
    with asking(fortress, people, answers):
        try:
            eventually(lambda: len(answers) >= enough, "nobody is answered")
        finally:
            fortress.gateway.process.kill()
            fortress.gateway.process.wait()
    # No channel is open: the next process may be made.
    fortress.gateway.start()
    assert not answers.wrong, seed
    for iin, received in answers.received.items():
        until_found(fortress, iin, received)
    status, words = verified(fortress.store)
    assert status == 0, (seed, words)


# --- the log cannot be written -------------------------------------------------------------------


@contextmanager
def unwritable(fortress: Fortress, how: str) -> Iterator[None]:
    """Let the gateway's log be one that cannot be written for a while."""
    if how == "no room":
        pid = fortress.gateway.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        return
    folder = Path(f"{fortress.store}-access")
    shutil.rmtree(folder)
    folder.touch()
    try:
        yield
    finally:
        folder.unlink()


def refusals(fortress: Fortress, iin: str, code: str) -> Iterator[Failure]:
    """Ask everything that is an answer about somebody; yield how each is refused."""

    def first(stream: Sender, message: Any) -> Any:
        stream.send(message)
        try:
            return next(stream.call)
        finally:
            stream.break_off()

    item = pb.LookupItem(iin=iin)
    options = pb.LookupOptions(purpose=core_pb2.PURPOSE_ROSTER)
    batch = pb.BatchLookupConsumersRequest(options=options, items=[item])
    part = pb.StreamLookupConsumersRequest(options=options, items=[item])
    explain = pb.ExplainConsumerRequest(iin=iin, purpose=core_pb2.PURPOSE_RECEPTION)
    watch = pb.WatchConsumersRequest(consumers=pb.ConsumerList(iins=[iin]))
    limit: dict[str, Any] = {"timeout": DEADLINE_S}
    with fortress.by_token("clinic") as stubs:
        consumers = stubs.consumers
        yield failure_of(lambda: lookups.look_up(stubs, iin))
        yield failure_of(lambda: consumers.BatchLookupConsumers(batch, **limit))
        yield failure_of(lambda: first(Sender(consumers.StreamLookupConsumers), part))
        yield failure_of(lambda: consumers.ExplainConsumer(explain, **limit))
        yield failure_of(lambda: next(consumers.WatchConsumers(watch, **limit)))
        yield failure_of(lambda: rosters.report(stubs, code))
        yield failure_of(lambda: rosters.page(stubs, code))
    spans = category_service_pb2.ListAssignmentsRequest(iin=iin)
    with fortress.by_token("portal") as stubs:
        yield failure_of(lambda: registers.payments(stubs, iin))
        yield failure_of(lambda: stubs.categories.ListAssignments(spans, **limit))
        looked = access_service_pb2.ListAccessesRequest(
            iin=iin, purpose=core_pb2.PURPOSE_SELF_SERVICE
        )
        yield failure_of(lambda: accesses(stubs).ListAccesses(looked, **limit))


@pytest.mark.parametrize("how", ["another file in its place", "no room"])
def test_without_a_log_nobody_is_told_anything(
    fortress: Fortress, people: list[str], how: str
) -> None:
    """Whatever the answer and whoever asks, it is refused and may be asked again; as soon as the
    log can be written, all is answered, and found.
    """
    code = rosters.new_code()
    with fortress.by_token("clinic") as stubs:
        rosters.send(stubs, code, [rosters.member(people[0])])
        with unwritable(fortress, how):
            for failure in refusals(fortress, people[0], code):
                assert (failure.status, failure.reason) == (
                    grpc.StatusCode.UNAVAILABLE,
                    "ACCESS_LOG_UNAVAILABLE",
                )
                assert failure.retry_after_s
        answered = _until_answered(stubs, people[0])
    until_found(fortress, people[0], {answered})


def _until_answered(stubs: Stubs, iin: str) -> str:
    """Return the decision id of the first answer."""
    found: list[str] = []

    def is_answered() -> bool:
        try:
            found.append(lookups.look_up(stubs, iin).decision_id)
        except grpc.RpcError:
            return False
        return True

    eventually(is_answered, "nobody is answered any more")
    return found[-1]


async def test_a_gateway_without_a_log_does_not_start(fortress: Fortress, tmp_path: Path) -> None:
    """A file where its folder should be is an error in words, not a gateway that answers nobody."""
    (tmp_path / "log").touch()
    settings = Settings(
        store=fortress.store, listen="127.0.0.1:0", plain_client="x", access_log=tmp_path / "log"
    )
    with pytest.raises(FileExistsError):
        async with running_gateway(settings):
            pass


# --- the log is tampered with --------------------------------------------------------------------

CHANGE = "UPDATE access_record SET body = {} WHERE chain_id = ? AND number = ?"
TAMPERING = (
    ("changed", CHANGE.format("CAST(body || x'00' AS BLOB)")),
    ("changed", CHANGE.format("body || x'00'")),  # a text, by the rules of SQLite
    ("missing", "DELETE FROM access_record WHERE chain_id = ? AND number = ?"),
)


@pytest.mark.parametrize(("fault", "tampering"), TAMPERING, ids=["bytes", "text", "missing"])
def test_a_changed_log_is_found_out(
    fortress: Fortress, people: list[str], tmp_path: Path, fault: str, tampering: str
) -> None:
    """`osms verify access-log` ends with 1, and says in which chain and at which record."""
    with fortress.by_token("clinic") as stubs:
        for _ in range(5):
            answered = lookups.look_up(stubs, people[0]).decision_id
    until_found(fortress, people[0], {answered})
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(fortress.store)) as served, closing(sqlite3.connect(copy)) as own:
        served.backup(own)
    aside = {"OSMS_ACCESS_LOG": str(tmp_path)}
    assert verified(str(copy), **aside)[0] == 0
    with closing(sqlite3.connect(copy)) as own, own:
        chain_id, writer, number = own.execute(
            "SELECT id, writer, number FROM access_chain ORDER BY number DESC LIMIT 1"
        ).fetchone()
        assert number > 3
        own.execute(tampering, (chain_id, number - 2))
    status, words = verified(str(copy), **aside)
    assert (status, f"{writer} record {number - 2}: {fault}" in words) == (1, True), words
