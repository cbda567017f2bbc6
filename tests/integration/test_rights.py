"""Who may call what: each role may do what the contract's table says, and nothing else."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import osms.v1
from osms.v1 import core_pb2
from osms_server.identity import Role
from osms_server.identity.rights import RIGHTS
from tests.integration import registers
from tests.integration.fortress import Fortress, client
from tests.integration.people import new_iin, wrong_check_digit
from tests.integration.wire import DEADLINE_S, failure_of, read_failure

TABLE = """
                         mis  payment_  category_  fund_      consumer_  auditor  admin
                              loader    source     operator   portal
  LookupConsumer          x    .         .          x          x          .        .
  BatchLookupConsumers    x    .         .          x          .          .        .
  StreamLookupConsumers   x    .         .          x          .          .        .
  ExplainConsumer         x    .         .          x          x          .        .
  WatchConsumers          x    .         .          x          x          .        .
  VerifyReceipt           x    .         .          x          x          x        .
  ListReceiptKeys         x    x         x          x          x          x        x
  IngestRegisters         .    x         .          .          .          .        .
  GetRegister             .    x         .          x          .          x        .
  ListRegisters           .    x         .          x          .          x        .
  ListSuspense            .    x         .          x          .          .        .
  ResolveSuspense         .    x         .          x          .          .        .
  ReversePayments         .    x         .          x          .          .        .
  ListPayments            .    .         .          x          x          .        .
  SyncCategories          .    .         x          .          .          .        .
  ReleaseHeldSnapshot     .    .         .          x          .          .        .
  ListSources             x    x         x          x          x          x        x
  ListCategories          x    x         x          x          x          x        x
  ListAssignments         .    .         .          x          x          .        .
  SyncRoster              x    .         .          x          .          .        .
  GetRosterReport         x    .         .          x          .          .        .
  ListRosterMembers       x    .         .          x          .          .        .
  ListAccesses            .    .         .          .          x          x        .
  VerifyAccessLog         .    .         .          .          .          x        x
"""
"""Written from what each client is there for, not from the code: x may call, . may not."""
COLUMNS = (
    Role.MIS,
    Role.PAYMENT_LOADER,
    Role.CATEGORY_SOURCE,
    Role.FUND_OPERATOR,
    Role.CONSUMER_PORTAL,
    Role.AUDITOR,
    Role.ADMIN,
)
NOBODY = "nothing"
"""A client that was added, and granted nothing."""


def read_table() -> Mapping[str, frozenset[Role]]:
    """Return the roles of each RPC."""
    rows = {}
    for line in TABLE.strip().splitlines()[2:]:
        rpc, *marks = line.split()
        assert len(marks) == len(COLUMNS), rpc
        assert {*marks} <= {"x", "."}, rpc
        rows[rpc] = frozenset(
            role for role, mark in zip(COLUMNS, marks, strict=True) if mark == "x"
        )
    return rows


def all_rpcs() -> Mapping[str, MethodDescriptor]:
    """Return every RPC of the contract, found in the generated code itself."""
    found = {}
    for module in pkgutil.iter_modules(osms.v1.__path__):
        if module.name.endswith("_pb2"):
            descriptor = importlib.import_module(f"osms.v1.{module.name}").DESCRIPTOR
            for service in descriptor.services_by_name.values():
                for method in service.methods:
                    assert method.name not in found, "the table names RPCs alone"
                    found[method.name] = method
    return found


RPCS = all_rpcs()


def call(channel: grpc.Channel, rpc: str, *requests: Message | bytes) -> Any:
    """Begin a call whose answers are not read; what it is sent may be no message at all."""
    service = RPCS[rpc].containing_service.full_name
    method: Any = channel.stream_stream(f"/{service}/{rpc}")
    sent = (one if isinstance(one, bytes) else one.SerializeToString() for one in requests)
    return method(sent, timeout=DEADLINE_S)


def reason_of(channel: grpc.Channel, rpc: str) -> tuple[grpc.StatusCode, str]:
    """Return what an empty request comes to: the status, and the reason of an error."""
    begun = call(channel, rpc, b"")
    try:
        for _ in begun:
            pass
    except grpc.RpcError as error:
        failure = read_failure(cast("grpc.Call", error))
        return failure.status, failure.reason
    return grpc.StatusCode.OK, ""


def whole_refusal(channel: grpc.Channel, rpc: str, request: Message | bytes) -> tuple[Any, ...]:
    """Return all that a refused client gets to read."""
    begun = call(channel, rpc, request)
    with pytest.raises(grpc.RpcError):
        next(begun)
    return (begun.code(), begun.details(), begun.initial_metadata(), begun.trailing_metadata())


@pytest.fixture(scope="module")
def fortress(prepared_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortress]:
    """A gateway with a client of each role alone, each for every purpose and source."""
    built = Fortress(tmp_path_factory.mktemp("fortress"))
    everything = "state_corporation labour"
    clients = (
        *(client(role, role, sources=everything) for role in COLUMNS),
        client(NOBODY, sources=everything),
        client("reception", Role.MIS, purposes="RECEPTION"),
    )
    with built.serve(prepared_store, clients):
        yield built


@pytest.fixture(scope="module")
def paid(fortress: Fortress) -> str:
    """A person whom the gateway knows."""
    row = registers.row()
    with fortress.by_token(Role.PAYMENT_LOADER) as stubs:
        registers.ingest_one(stubs, registers.register(row))
    return row.iin


def test_every_rpc_stands_in_the_table_and_in_the_code() -> None:
    """One that was added to the contract alone is served to nobody, and fails here."""
    table = read_table()
    assert table.keys() == RPCS.keys()
    assert {*COLUMNS} == {*Role}
    coded = {name.rpartition("/")[2]: roles for name, roles in RIGHTS.items()}
    assert coded == table
    assert RIGHTS.keys() == {
        f"{method.containing_service.full_name}/{name}" for name, method in RPCS.items()
    }


@pytest.mark.parametrize("role", [*COLUMNS, None], ids=str)
def test_each_role_calls_what_it_may_and_nothing_else(
    fortress: Fortress, role: Role | None
) -> None:
    """Over a real socket, every RPC; a client without a role may call nothing."""
    found = {}
    with fortress.by_token(role or NOBODY) as stubs:
        for rpc in RPCS:
            status, reason = reason_of(stubs.channel, rpc)
            assert status not in (
                grpc.StatusCode.UNAUTHENTICATED,
                grpc.StatusCode.UNIMPLEMENTED,
                grpc.StatusCode.INTERNAL,
                grpc.StatusCode.UNKNOWN,
            ), rpc
            found[rpc] = reason != "ROLE_MISSING"
            assert (status is grpc.StatusCode.PERMISSION_DENIED) >= (not found[rpc]), rpc
    assert found == {rpc: role in roles for rpc, roles in read_table().items()}


def requests_about(rpc: str, iins: Mapping[str, str]) -> Mapping[str, Message | bytes]:
    """Return requests of an RPC about people of different kinds, and some that are none."""
    kind = GetMessageClass(RPCS[rpc].input_type)
    found: dict[str, Message | bytes] = {"empty": b"", "no message": b"\xff\xff\xff"}
    for name, iin in iins.items():
        request: Any = kind()
        if "iin" in kind.DESCRIPTOR.fields_by_name:
            request.iin = iin
        if "purpose" in kind.DESCRIPTOR.fields_by_name:
            request.purpose = core_pb2.PURPOSE_RECEPTION
        if "options" in kind.DESCRIPTOR.fields_by_name:
            request.options.purpose = core_pb2.PURPOSE_RECEPTION
            request.items.add(iin=iin)
        if "consumers" in kind.DESCRIPTOR.fields_by_name:
            request.consumers.iins.append(iin)
        if rpc == "ReversePayments":
            request.lines.add().payment.iin = iin
        found[name] = request
    return found


def test_a_refusal_tells_nothing_about_anybody(fortress: Fortress, paid: str) -> None:
    """Of a known person, an unknown one, a wrong number, and of nothing that could be read: status,
    words, details and metadata are the same, byte by byte.
    """
    iins = {"known": paid, "unknown": new_iin(), "wrong": wrong_check_digit(paid), "none": "x"}
    with fortress.by_token(NOBODY) as stubs:
        for rpc in RPCS:
            refusals = {
                name: whole_refusal(stubs.channel, rpc, request)
                for name, request in requests_about(rpc, iins).items()
            }
            assert len({*refusals.values()}) == 1, (rpc, refusals)


ASKING = (
    "LookupConsumer",
    "BatchLookupConsumers",
    "StreamLookupConsumers",
    "ExplainConsumer",
    "ListAccesses",
)


@pytest.mark.parametrize("rpc", ASKING)
def test_so_does_the_refusal_of_a_purpose(fortress: Fortress, paid: str, rpc: str) -> None:
    """Whoever may call, but not for that purpose, learns nothing about anybody either."""
    iins = {"known": paid, "unknown": new_iin(), "wrong": wrong_check_digit(paid), "none": "x"}
    refusals = set()
    role = Role.AUDITOR if rpc == "ListAccesses" else Role.MIS
    with fortress.by_token(role) as stubs:
        for iin in iins:
            request: Any = requests_about(rpc, iins)[iin]
            options = getattr(request, "options", request)
            options.purpose = core_pb2.PURPOSE_ADMISSION
            refusals.add(whole_refusal(stubs.channel, rpc, request))
            failure = failure_of(partial(next, call(stubs.channel, rpc, request)))
            assert failure.status is grpc.StatusCode.PERMISSION_DENIED
            assert failure.reason == "PURPOSE_NOT_ALLOWED"
            assert failure.metadata == {"purpose": "ADMISSION"}
    assert len(refusals) == 1


def test_rosters_are_reported_on_for_that_purpose_alone(fortress: Fortress) -> None:
    """Reports and lists are answers for the purpose ROSTER, though no request states it."""
    with fortress.by_token("reception") as stubs:
        for rpc in ("GetRosterReport", "ListRosterMembers"):
            failure = failure_of(partial(next, call(stubs.channel, rpc, b"")))
            assert (failure.reason, failure.metadata) == (
                "PURPOSE_NOT_ALLOWED",
                {"purpose": "ROSTER"},
            )
