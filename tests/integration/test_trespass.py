"""Clients whom the gateway knows get no further than what they were granted."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from osms.v1 import category_service_pb2, core_pb2, payment_service_pb2, roster_service_pb2
from osms.v1 import consumer_service_pb2 as pb
from osms_server.identity import Role
from tests.integration import lookups, registers, rosters
from tests.integration.attacks import end_while_sending
from tests.integration.fortress import Fortress, client
from tests.integration.people import new_iin
from tests.integration.streams import Sender
from tests.integration.wire import DEADLINE_S, Failure, Stubs, failure_of

SENDER = registers.SENDER


@pytest.fixture(scope="module")
def fortress(prepared_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortress]:
    """A gateway with clients who have their own work to do."""
    built = Fortress(tmp_path_factory.mktemp("fortress"))
    clients = [
        *(client(name, Role.MIS) for name in ("clinic-5", "clinic-6", "former-clinic")),
        *(
            client(name, Role.PAYMENT_LOADER, sources=SENDER)
            for name in ("cashier", "former-cashier", "former-sender")
        ),
        client("labour", Role.CATEGORY_SOURCE, sources="labour"),
        client("labour-cashier", Role.PAYMENT_LOADER, sources="labour"),
        client("labour-checker", Role.PAYMENT_LOADER, Role.AUDITOR, sources="labour"),
    ]
    with built.serve(prepared_store, clients):
        yield built


@pytest.fixture(autouse=True)
def good_client(fortress: Fortress) -> Iterator[None]:
    """Somebody who is answered after each attempt."""
    yield
    with fortress.by_token("clinic-6") as stubs:
        assert lookups.status_of(stubs, new_iin()) == "UNKNOWN_CONSUMER"


@pytest.mark.parametrize(
    ("name", "taken", "reason"),
    [
        ("former-sender", "sources", "SOURCE_NOT_ALLOWED"),
        ("former-cashier", "roles", "ROLE_MISSING"),
    ],
)
def test_what_was_taken_from_a_client_is_taken_from_its_streams(
    fortress: Fortress, name: str, taken: str, reason: str
) -> None:
    """A loader that loses its source, or its role, amid a stream: nothing more is taken from it."""
    former = fortress.record(name)
    nothing: dict[str, Any] = {taken: frozenset()}

    def register() -> payment_service_pb2.IngestRegistersRequest:
        return payment_service_pb2.IngestRegistersRequest(
            register=registers.register(registers.row())
        )

    with fortress.by_token(name) as stubs:
        stream = Sender(stubs.payments.IngestRegisters)
        stream.send(register())
        assert next(stream.call).result.outcome == payment_service_pb2.REGISTER_OUTCOME_COMMITTED
        fortress.know(replace(former, **nothing))
        failure = end_while_sending(stream, register)
        assert (failure.status, failure.reason) == (grpc.StatusCode.PERMISSION_DENIED, reason)
        stream.break_off()


def test_a_purpose_that_was_taken_away_is_gone_amid_a_stream(fortress: Fortress) -> None:
    """What a stream began with is what its first message said, not what its client may ask for."""
    former = fortress.record("former-clinic")
    options = pb.LookupOptions(purpose=core_pb2.PURPOSE_RECEPTION)
    item = pb.LookupItem(iin=new_iin())

    def chunk() -> pb.StreamLookupConsumersRequest:
        return pb.StreamLookupConsumersRequest(items=[item])

    first = chunk()
    first.options.CopyFrom(options)
    with fortress.by_token("former-clinic") as stubs:
        stream = Sender(stubs.consumers.StreamLookupConsumers)
        stream.send(first)
        assert len(next(stream.call).results) == 1
        fortress.know(replace(former, purposes=frozenset({"ROSTER"})))
        failure = end_while_sending(stream, chunk)
        assert failure.reason == "PURPOSE_NOT_ALLOWED"
        stream.break_off()


def test_nobody_sends_categories_for_another_source(fortress: Fortress) -> None:
    """Not as its sender, not by the scope of a snapshot, not in a record."""

    def header(**fields: Any) -> category_service_pb2.SyncCategoriesRequest:
        values = {"sender": "labour", "as_of": "2026-01-14", "declared_records": 1, **fields}
        return category_service_pb2.SyncCategoriesRequest(
            header=category_service_pb2.SyncHeader(**values)
        )

    delta, snapshot = category_service_pb2.SYNC_KIND_DELTA, category_service_pb2.SYNC_KIND_SNAPSHOT
    scope = [category_service_pb2.SyncScope(source=source) for source in ("labour", "justice")]
    record = category_service_pb2.CategoryRecord(
        iin=new_iin(), source="justice", assigned_on="2026-01-01"
    )
    with fortress.by_token("labour") as stubs:
        sync = partial(stubs.categories.SyncCategories, timeout=DEADLINE_S)
        for first in (
            header(sender="justice", kind=delta, delta_number=1),
            header(kind=snapshot, scope=scope),
        ):
            failure = failure_of(partial(next, sync(iter([first]))))
            assert failure.status is grpc.StatusCode.PERMISSION_DENIED
            assert (failure.reason, failure.metadata) == (
                "SOURCE_NOT_ALLOWED",
                {"source": "justice"},
            )
        chunk = category_service_pb2.SyncChunk(records=[record])
        rejected, result = sync(
            iter(
                [
                    header(kind=delta, delta_number=1),
                    category_service_pb2.SyncCategoriesRequest(chunk=chunk),
                    category_service_pb2.SyncCategoriesRequest(
                        commit=category_service_pb2.SyncCommit()
                    ),
                ]
            )
        )
        (issue,) = rejected.rejected
        assert issue.issue == category_service_pb2.RECORD_ISSUE_SOURCE
        assert result.result.rejected == 1
    with fortress.by_token("clinic-5") as stubs:
        assert lookups.status_of(stubs, record.iin) == "UNKNOWN_CONSUMER"


def test_nobody_sees_the_roster_of_another(fortress: Fortress) -> None:
    """It is as if there was none, whatever the other's tokens are good for."""
    code, members = rosters.new_code(), [rosters.member(new_iin()) for _ in range(2)]

    def attempts(stubs: Stubs, page: str, resume: str) -> list[Failure]:
        watch = pb.WatchConsumersRequest(roster=code, resume_token=resume)
        return [
            failure_of(lambda: rosters.report(stubs, code)),
            failure_of(lambda: rosters.page(stubs, code, page_size=1, page_token=page)),
            failure_of(lambda: next(stubs.consumers.WatchConsumers(watch, timeout=DEADLINE_S))),
        ]

    with fortress.by_token("clinic-5") as owner, fortress.by_token("clinic-6") as other:
        before = attempts(other, "", "")
        rosters.send(owner, code, members)
        page = rosters.page(owner, code, page_size=1).next_page_token
        watch = owner.consumers.WatchConsumers(
            pb.WatchConsumersRequest(roster=code), timeout=DEADLINE_S
        )
        resume = next(told.resume_token for told in watch if told.resume_token)
        assert page
        assert attempts(other, page, resume) == before == attempts(other, "", "")
        assert [failure.reason for failure in before] == ["ROSTER_NOT_FOUND"] * 3
        # Its own of the same code is its own.
        rosters.send(other, code, members[:1])
        assert len(rosters.on_roster(owner, code)) == 2


def reaching(register: payment_service_pb2.Register) -> Mapping[str, tuple[bool, Any]]:
    """Return calls about what another source has sent, each with whether it would change it."""
    key: Any = {"source": register.source, "reference": register.reference}
    resolution = payment_service_pb2.SuspenseResolution(**key, line_no=2, refund=True)
    payment = payment_service_pb2.PaymentKey(**key, line_no=1, iin=register.rows[0].iin)
    line = payment_service_pb2.ReversalLine(
        line_no=1, payment=payment, amount_tiyn=registers.AMOUNT_TIYN, reason_code="00111"
    )
    reversal: Any = {"reversal_reference": "R-1", "reversed_on": "2026-01-12", "lines": [line]}
    pb2 = payment_service_pb2
    return {
        "GetRegister": (False, pb2.GetRegisterRequest(**key)),
        "ListRegisters": (False, pb2.ListRegistersRequest(source=SENDER)),
        "ListRegisters of all": (False, pb2.ListRegistersRequest()),
        "ListSuspense": (False, pb2.ListSuspenseRequest(source=SENDER)),
        "ListSuspense of all": (False, pb2.ListSuspenseRequest()),
        "ResolveSuspense": (
            True,
            pb2.ResolveSuspenseRequest(resolutions=[resolution], operator_reason="mine now"),
        ),
        "ReversePayments": (True, pb2.ReversePaymentsRequest(source=SENDER, **reversal)),
        "ReversePayments as its own": (
            True,
            pb2.ReversePaymentsRequest(source="labour", **reversal),
        ),
    }


def test_nobody_touches_the_registers_of_another_source(fortress: Fortress) -> None:
    """A loader neither sees nor mends them, whether there are any or not; one who may see
    everything as an auditor still mends nothing.
    """
    sent = registers.register(registers.row(), registers.row(2, iin="x"))
    never_sent = registers.register(registers.row())
    with fortress.by_token("cashier") as stubs:
        registers.ingest_one(stubs, sent)
        before = registers.summary(stubs, sent)
    for name in ("labour-cashier", "labour-checker"):
        with fortress.by_token(name) as stubs:
            for call, (changes, request) in reaching(sent).items():
                method = getattr(stubs.payments, call.partition(" ")[0])
                if name == "labour-checker" and not changes:
                    method(request, timeout=DEADLINE_S)
                    continue
                failure = failure_of(partial(method, request, timeout=DEADLINE_S))
                assert failure.status is grpc.StatusCode.PERMISSION_DENIED, call
                assert failure.reason == "SOURCE_NOT_ALLOWED", call
                _, unknown = reaching(never_sent)[call]
                assert failure == failure_of(partial(method, unknown, timeout=DEADLINE_S)), call
    with fortress.by_token("cashier") as stubs:
        assert registers.summary(stubs, sent) == before


def test_nobody_does_the_work_of_another(fortress: Fortress) -> None:
    """A loader does not look people up, and a clinic sends no registers, categories or rosters of
    others: each is refused before a word of its request is looked at.
    """
    with fortress.by_token("cashier") as stubs:
        assert failure_of(lambda: lookups.look_up(stubs, new_iin())).reason == "ROLE_MISSING"
    register = registers.register(registers.row())
    with fortress.by_token("clinic-5") as stubs:
        failure = failure_of(lambda: registers.ingest_one(stubs, register))
        assert (failure.reason, failure.metadata) == (
            "ROLE_MISSING",
            {"rpc": "IngestRegisters", "roles": "payment_loader"},
        )
    with fortress.by_token("labour") as stubs:
        code = rosters.new_code()
        request = roster_service_pb2.SyncRosterRequest(
            header=roster_service_pb2.RosterHeader(roster=code)
        )
        sync = stubs.rosters.SyncRoster
        failure = failure_of(lambda: list(sync(iter([request]), timeout=DEADLINE_S)))
        assert failure.reason == "ROLE_MISSING"
    with fortress.by_token("cashier") as stubs:
        registers_known = payment_service_pb2.ListRegistersRequest(source=SENDER)
        listed = stubs.payments.ListRegisters(registers_known, timeout=DEADLINE_S).registers
        assert register.reference not in {one.reference for one in listed}
