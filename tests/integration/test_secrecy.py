"""Markers planted in every input come out nowhere but where they belong."""

import asyncio
import base64
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from sqlalchemy import update

from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as payment_pb
from osms.v1 import roster_service_pb2 as roster_pb
from osms_client.testing import RunningGateway
from osms_storage.clock import system_clock
from osms_storage.schema import ledger
from osms_storage.store import Store
from tests.integration import feeds, lookups, registers, rosters
from tests.integration.gateways import NOW
from tests.integration.people import new_iin, wrong_check_digit
from tests.integration.wire import DEADLINE_S, Stubs, connected
from tests.postgres import Postgres

SECRETS = {
    name: f"planted-{name.replace('_', '-')}"
    for name in (
        "surname",
        "given_name",
        "patronymic",
        "payer_name",
        "document",
        "case_reference",
        "removal_reason",
        "operator_reason",
        "iin_text",
        "period_text",
        "day_text",
        "category_text",
        "birth_date",
    )
}
"""What is planted in texts, by where."""
RESTRICTED = ("serviceman", "law_enforcement", "special_state_body", "reservist_training")
MEMBER = "polyclinic-of-secrets"


@dataclass
class Harvest:
    """All that came out of a gateway for whoever it was not meant."""

    iins: list[str] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def person(self) -> str:
        """Return the IIN of somebody whose number is to be found nowhere."""
        self.iins.append(new_iin())
        return self.iins[-1]

    def hear(self, call: Callable[..., Any], *arguments: Any, **fields: Any) -> None:
        """Keep how a call is refused; what it answers is its caller's."""
        try:
            answer = call(*arguments, **fields)
            if not isinstance(answer, Message):
                list(answer)
        except grpc.RpcError as error:
            ended = cast(grpc.Call, error)
            self.said.append((ended.details() or "").encode())
            for _, value in ended.trailing_metadata() or ():
                self.said.append(value if isinstance(value, bytes) else str(value).encode())

    def markers(self) -> list[bytes]:
        """Return everything that is looked for, numbers in the ways in which they are kept, too."""
        packed = [struct.pack(order, int(iin)) for iin in self.iins for order in ("<Q", ">Q")]
        texts = (*self.iins, *map(wrong_check_digit, self.iins), *SECRETS.values(), *RESTRICTED)
        return [*(text.encode() for text in texts), *packed]

    def found_in(self, *places: bytes) -> set[bytes]:
        """Return the markers that stand in any of these."""
        return {marker for marker in self.markers() if any(marker in place for place in places)}


def plant_payments(stubs: Stubs, harvest: Harvest) -> None:
    """Send registers, good and bad, corrections and reversals, full of markers."""
    iin, bad = harvest.person(), wrong_check_digit(harvest.person())
    names = {name: SECRETS[name] for name in ("surname", "given_name", "patronymic", "document")}
    payer = core_pb2.Payer(bin="160940025485", name=SECRETS["payer_name"])
    rows = [
        registers.row(1, iin, payer=payer, **names),
        registers.row(2, bad, **names),
        registers.row(3, SECRETS["iin_text"], **names),
        registers.row(4, iin, period=SECRETS["period_text"], **names),
        registers.row(5, iin, birth_date=SECRETS["birth_date"], **names),
    ]
    register = registers.register(*rows, payer=payer)
    registers.ingest_one(stubs, register)
    own = str(registers.payments(stubs, iin))
    assert all(SECRETS[name] in own for name in ("surname", "given_name", "payer_name"))
    other = registers.changed(register, payer=core_pb2.Payer(name=f"{SECRETS['payer_name']} 2"))
    wrong = [
        other,
        registers.changed(register, reference=f"{register.reference}x", received_on="2026-01-32"),
        registers.changed(other, reference="y", declared=registers.totals(rows[:2])),
    ]
    for item in wrong:
        harvest.hear(registers.ingest, stubs, item)
    resolution = payment_pb.SuspenseResolution(
        source=register.source, reference=register.reference, line_no=2, correction=rows[1]
    )
    for reason in (SECRETS["operator_reason"], SECRETS["operator_reason"] * 40):
        request = payment_pb.ResolveSuspenseRequest(
            resolutions=[resolution], operator_reason=reason
        )
        harvest.hear(stubs.payments.ResolveSuspense, request)
    line = payment_pb.ReversalLine(
        line_no=1,
        payment=payment_pb.PaymentKey(source=register.source, line_no=2, iin=bad),
        amount_tiyn=-1,
        reason_code="00111",
    )
    for day in ("2026-01-14", SECRETS["day_text"]):
        reversal = payment_pb.ReversePaymentsRequest(
            source=register.source, reversal_reference="r", reversed_on=day, lines=[line]
        )
        harvest.hear(stubs.payments.ReversePayments, reversal)
    for number in (iin, bad):
        page = payment_pb.ListPaymentsRequest(iin=number, page_size=1, page_token="")
        harvest.hear(stubs.payments.ListPayments, page)
    pages = stubs.payments.ListSuspense(payment_pb.ListSuspenseRequest(page_size=1))
    harvest.tokens.append(pages.next_page_token)


def plant_categories(stubs: Stubs, harvest: Harvest) -> list[str]:
    """Send syncs with restricted codes, reasons and wrong records; return who is on which feed."""
    soldier, pensioner = harvest.person(), harvest.person()
    removed = {"removed_on": "2026-01-20", "removal_reason": SECRETS["removal_reason"]}
    service = [
        feeds.record(soldier, category=code, **removed) for code in ("serviceman", RESTRICTED[3])
    ]
    feeds.send_delta(stubs, *service, sender="services")
    mistaken = [
        feeds.record(pensioner, **removed),
        feeds.record(wrong_check_digit(soldier)),
        feeds.record(SECRETS["iin_text"]),
        feeds.record(soldier, category=SECRETS["category_text"]),
        feeds.record(soldier, category="serviceman"),
        feeds.record(soldier, category="serviceman", source="services"),
        feeds.record(soldier, assigned_on=SECRETS["day_text"]),
        feeds.record(soldier, removed_on="2026-01-20", removal_reason="r" * 101),
    ]
    rejected = feeds.send_delta(stubs, *mistaken).rejected
    assert [item.issue for item in rejected] == [
        category_pb.RECORD_ISSUE_IIN,
        category_pb.RECORD_ISSUE_IIN,
        category_pb.RECORD_ISSUE_CATEGORY,
        category_pb.RECORD_ISSUE_CATEGORY,
        category_pb.RECORD_ISSUE_SOURCE,
        category_pb.RECORD_ISSUE_ASSIGNED_ON,
        category_pb.RECORD_ISSUE_REMOVAL,
    ]
    harvest.said += [str(item).encode() for item in rejected]
    number = feeds.next_number(stubs) - 1
    for header in (
        feeds.delta(number, service),
        feeds.delta(number + 5, service),
        feeds.delta(number + 1, service, declared_records=1),
        feeds.delta(number + 1, service, as_of=SECRETS["day_text"]),
    ):
        harvest.hear(feeds.send, stubs, header, service)
    release = category_pb.ReleaseHeldSnapshotRequest(
        run_id=10**9, operator_reason=SECRETS["operator_reason"]
    )
    harvest.hear(stubs.categories.ReleaseHeldSnapshot, release)
    return [soldier, pensioner]


def plant_questions(stubs: Stubs, harvest: Harvest, asked: list[str]) -> None:
    """Ask with markers in every field, wrong in every way."""
    person = harvest.person()
    for iin in (person, wrong_check_digit(person), SECRETS["iin_text"], *asked):
        for wrong in (
            {},
            {"service_date": SECRETS["day_text"]},
            {"service_date": "1999-01-01", "surname": SECRETS["surname"] * 50},
            {"case_reference": f"{SECRETS['case_reference']} {person}"},
            {"case_reference": SECRETS["case_reference"], "surname": SECRETS["surname"]},
            {"birth_date": SECRETS["birth_date"]},
            {"known": core_pb2.KnowledgeTime(revision=10**9)},
            {"purpose": core_pb2.PURPOSE_UNSPECIFIED},
        ):
            request = lookups.question(iin, **cast(dict[str, Any], wrong))
            harvest.hear(stubs.consumers.LookupConsumer, request)
        explain = pb.ExplainConsumerRequest(iin=iin, first_month=SECRETS["period_text"])
        harvest.hear(stubs.consumers.ExplainConsumer, explain)
        assignments = category_pb.ListAssignmentsRequest(iin=iin)
        harvest.hear(stubs.categories.ListAssignments, assignments)
        watch = pb.WatchConsumersRequest(
            consumers=pb.ConsumerList(iins=[iin]), resume_token=SECRETS["iin_text"]
        )
        harvest.hear(stubs.consumers.WatchConsumers, watch)
    items = [
        pb.LookupItem(iin=wrong_check_digit(person)),
        pb.LookupItem(iin=SECRETS["iin_text"], case_reference=SECRETS["case_reference"]),
        pb.LookupItem(iin=person, case_reference=person, birth_date=SECRETS["birth_date"]),
    ]
    batch = pb.BatchLookupConsumersRequest(
        options=pb.LookupOptions(purpose=core_pb2.PURPOSE_BILLING), items=items
    )
    answer = stubs.consumers.BatchLookupConsumers(batch, timeout=DEADLINE_S)
    assert all(result.HasField("error") for result in answer.results)
    harvest.said.append(answer.SerializeToString())


def plant_rosters(stubs: Stubs, harvest: Harvest, people: list[str]) -> None:
    """Send lists with wrong lines, and look at what is counted and listed of them."""
    lines = [
        *map(rosters.member, people),
        rosters.member(wrong_check_digit(people[0])),
        rosters.member(SECRETS["iin_text"]),
        rosters.member(people[1], attached_on=SECRETS["day_text"]),
    ]
    harvest.said.append(rosters.send(stubs, MEMBER, lines).SerializeToString())
    harvest.hear(rosters.send, stubs, MEMBER, lines, declared_members=1)
    harvest.hear(rosters.send, stubs, MEMBER, lines, as_of=SECRETS["day_text"])
    harvest.said.append(rosters.report(stubs, MEMBER).SerializeToString())
    page = rosters.page(stubs, MEMBER, page_size=1)
    harvest.tokens.append(page.next_page_token)
    listed = roster_pb.ListRosterMembersResponse()
    for token in ("", page.next_page_token):
        listed = rosters.page(stubs, MEMBER, page_size=1, page_token=token)
        for entry in listed.members:
            entry.eligibility.iin = ""
        harvest.said.append(listed.SerializeToString())


def plant_watch(stubs: Stubs, harvest: Harvest) -> None:
    """Watch people while markers reach them; all but their own numbers is looked through."""
    iins = [harvest.person(), harvest.person()]
    request = pb.WatchConsumersRequest(consumers=pb.ConsumerList(iins=iins))
    watch = stubs.consumers.WatchConsumers(request, timeout=DEADLINE_S)
    events = iter(watch)
    next(events)
    reason = {"removed_on": "2026-05-01", "removal_reason": SECRETS["removal_reason"]}
    for iin, sender, code in zip(
        iins, ("services", "labour"), ("serviceman", "pension"), strict=True
    ):
        feeds.send_delta(stubs, feeds.record(iin, category=code, **reason), sender=sender)
    changes: list[pb.ConsumerChange] = []
    for event in events:
        harvest.tokens.append(event.resume_token)
        changes += event.changes.changes
        if len(changes) == len(iins):
            break
    watch.cancel()
    for change in changes:
        change.iin, change.revision = "", 0
        harvest.said.append(change.SerializeToString())
    assert changes[0] == changes[1]


def others_hear(stubs: Stubs) -> Iterator[bytes]:
    """Yield what somebody else is told by all that is open to him."""
    channel = stubs.channel
    yield lookups.look_up(stubs, new_iin()).SerializeToString()
    for listed in (
        stubs.categories.ListSources(category_pb.ListSourcesRequest()),
        stubs.categories.ListCategories(category_pb.ListCategoriesRequest()),
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()),
    ):
        yield cast(Message, listed).SerializeToString()
    names = reflection_pb2.ServerReflectionRequest
    requests = [names(list_services=""), names(file_containing_symbol="osms.v1.ConsumerService")]
    reflected = reflection_pb2_grpc.ServerReflectionStub(channel)
    for response in reflected.ServerReflectionInfo(iter(requests), timeout=DEADLINE_S):
        yield response.SerializeToString()


async def damage(store: str, iins: list[str]) -> None:
    """Plant a defect: ledgers that cannot be read."""
    async with Store(store, clock=system_clock) as opened, opened.writing("REBUILD") as unit:
        await unit.connection.execute(
            update(ledger).where(ledger.c.iin.in_(list(map(int, iins)))).values(spans=b"\x01")
        )


def processes(gateway: RunningGateway) -> Iterator[bytes]:
    """Yield the arguments and the environment of a gateway and its workers."""
    parent = gateway.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    assert children
    for pid in (str(parent), *children):
        for name in ("cmdline", "environ"):
            yield Path("/proc", pid, name).read_bytes()


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningGateway]:
    """A gateway of two workers, on each engine in turn."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            prepared: Path = request.getfixturevalue("prepared_store")
            store = str(shutil.copy(prepared, tmp_path / "store.db"))
        else:
            server: Postgres = request.getfixturevalue("postgres")
            name = server.create(request.getfixturevalue("prepared_database"))
            stack.callback(server.drop, name)
            store = server.url(name)
        running = RunningGateway(tmp_path, store=store, clock=NOW, arguments=("--workers", "2"))
        running.start()
        stack.callback(running.stop)
        yield running


def test_what_was_planted_in_any_input_comes_out_nowhere(gateway: RunningGateway) -> None:
    """Not in the log, processes, errors, tokens, counts, events, or what others are told."""
    harvest = Harvest()
    with connected(gateway.target) as stubs:
        plant_payments(stubs, harvest)
        asked = plant_categories(stubs, harvest)
        plant_questions(stubs, harvest, asked)
        plant_rosters(stubs, harvest, asked)
        plant_watch(stubs, harvest)
        asyncio.run(damage(gateway.store, asked))
        before = len(harvest.said)
        plant_questions(stubs, harvest, asked)
        assert any(b"incident" in said for said in harvest.said[before:])
        harvest.said += others_hear(stubs)
        said_by_command = ask_by_command(gateway, harvest)
    tokens = [base64.urlsafe_b64decode(token + "==") for token in harvest.tokens if token]
    assert tokens
    log = gateway.log().encode()
    assert b"incident" in log
    for place in (*harvest.said, *tokens, *processes(gateway), log, said_by_command):
        assert not harvest.found_in(place), place.decode(errors="replace")
    assert b"Traceback" not in log
    assert not re.search(rb"900101[3-5]\d{5}", log)


def ask_by_command(gateway: RunningGateway, harvest: Harvest) -> bytes:
    """Return what the command says of a person whose number it is given wrong."""
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "osms_client.cli", "check", "--target", gateway.target),
            wrong_check_digit(harvest.iins[0]),
        ],
        capture_output=True,
        check=False,
    )
    assert finished.returncode == 2
    return finished.stdout + finished.stderr
