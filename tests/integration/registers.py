"""Registers on the wire whose totals are right unless a test makes them wrong."""

from collections.abc import Iterable
from typing import Any

from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from tests.integration.people import new_iin, new_reference
from tests.integration.wire import DEADLINE_S, Stubs, failure_of

AMOUNT_TIYN = 425_000
SENDER = "state_corporation"
PAYER = core_pb2.Payer(bin="160940025485", name="ТОО «Береке»")


def row(line_no: int = 1, iin: str | None = None, **fields: Any) -> pb.PaymentRow:
    """Return a row for a new person and December 2025 unless told otherwise."""
    values: dict[str, Any] = {"period": "2025-12", "amount_tiyn": AMOUNT_TIYN, **fields}
    return pb.PaymentRow(line_no=line_no, iin=new_iin() if iin is None else iin, **values)


def register(*rows: pb.PaymentRow, **fields: Any) -> pb.Register:
    """Return a register of these rows with their totals and a new reference."""
    values: dict[str, Any] = {
        "source": SENDER,
        "reference": new_reference(),
        "received_on": "2026-01-10",
        "payer": PAYER,
        "purpose_code": "122",
        "declared": totals(rows),
        **fields,
    }
    return pb.Register(rows=rows, **values)


def totals(rows: Iterable[pb.PaymentRow]) -> pb.RegisterTotals:
    """Return the control totals of rows."""
    rows = list(rows)
    return pb.RegisterTotals(
        people=len({row.iin for row in rows}),
        documents=len({row.document for row in rows}),
        amount_tiyn=sum(row.amount_tiyn for row in rows),
    )


def changed(register: pb.Register, **fields: Any) -> pb.Register:
    """Return a copy of a register with some fields of its header replaced."""
    copy = pb.Register()
    copy.CopyFrom(register)
    for name in fields:
        copy.ClearField(name)  # type: ignore[arg-type] # a name of the contract
    copy.MergeFrom(pb.Register(**fields))
    return copy


def ingest(stubs: Stubs, *registers: pb.Register) -> list[pb.RegisterResult]:
    """Send registers on one stream and return their results."""
    requests = [pb.IngestRegistersRequest(register=register) for register in registers]
    answers = stubs.payments.IngestRegisters(iter(requests), timeout=DEADLINE_S)
    return [answer.result for answer in answers]


def ingest_one(stubs: Stubs, register: pb.Register) -> pb.RegisterResult:
    """Send one register and return its result."""
    (result,) = ingest(stubs, register)
    return result


def summary(stubs: Stubs, register: pb.Register) -> pb.RegisterSummary:
    """Return how a register stands now."""
    request = pb.GetRegisterRequest(source=register.source, reference=register.reference)
    return stubs.payments.GetRegister(request, timeout=DEADLINE_S).register


def payments(stubs: Stubs, iin: str) -> list[pb.Payment]:
    """Return the payments for one person."""
    request = pb.ListPaymentsRequest(iin=iin)
    return list(stubs.payments.ListPayments(request, timeout=DEADLINE_S).payments)


def full_row(line_no: int = 1) -> pb.PaymentRow:
    """Return a row with every field set."""
    return row(
        line_no,
        document="000017",
        surname="Ахметова",
        given_name="Айгүл",
        patronymic="Серікқызы",
        birth_date="1990-01-01",
        purpose_code="121",
        payer=core_pb2.Payer(bin="160440007161", name="ЖК Ахметов"),
    )


def assert_never_sent(stubs: Stubs, register: pb.Register) -> None:
    """Assert that nothing of a register is in the store, nor its people."""
    failure = failure_of(lambda: summary(stubs, register))
    assert failure.reason == "REGISTER_NOT_FOUND"
    for row in register.rows:
        if len(row.iin) == 12:
            assert not payments(stubs, row.iin)
