"""A client that is not ours: grpcurl, written in Go, which learns the contract by reflection."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from osms_client.testing import RunningGateway
from tests.integration import feeds, registers
from tests.integration.people import new_iin, new_reference, wrong_check_digit
from tests.integration.wire import DEADLINE_S, Stubs

GRPCURL = Path(sys.executable).with_name("grpcurl")
FIRST_STATUS = 64
"""grpcurl ends with this plus the number of the gRPC status."""


@dataclass(frozen=True)
class Ended:
    """How grpcurl ended."""

    status: int
    out: str
    err: str

    @property
    def answers(self) -> list[Any]:
        """The messages it printed."""
        decoder, text, found = json.JSONDecoder(), self.out.strip(), []
        while text:
            message, end = decoder.raw_decode(text)
            found.append(message)
            text = text[end:].lstrip()
        return found


def grpcurl(gateway: RunningGateway, *command: str, send: list[Any] | None = None) -> Ended:
    """Run grpcurl; a call sends these messages."""
    arguments = [str(GRPCURL), "-plaintext", "-format-error"]
    if send is not None:
        arguments += ["-d", "@"]
    ended = subprocess.run(
        [*arguments, gateway.target, *command],
        input="\n".join(json.dumps(message) for message in send or ()),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="module")
def gateway(file_gateway: RunningGateway) -> RunningGateway:
    """The wire is the same over every store."""
    return file_gateway


def test_it_lists_the_services_and_their_calls(gateway: RunningGateway) -> None:
    """Nobody has to hand out the contract to look at it."""
    services = grpcurl(gateway, "list").out.split()
    assert {
        "osms.v1.AccessService",
        "osms.v1.CategoryService",
        "osms.v1.ConsumerService",
        "osms.v1.PaymentService",
        "osms.v1.RosterService",
        "grpc.health.v1.Health",
    } <= set(services)
    described = grpcurl(gateway, "describe", "osms.v1.Eligibility").out
    assert "repeated .osms.v1.Ground grounds = 6;" in described


def test_it_looks_up_a_person(gateway: RunningGateway, stubs: Stubs) -> None:
    """A question in JSON gets the answer with its names."""
    iin = new_iin()
    feeds.send_delta(stubs, feeds.record(iin))
    question = {"iin": iin, "purpose": "PURPOSE_RECEPTION", "language": "LANGUAGE_EN"}
    ended = grpcurl(gateway, "osms.v1.ConsumerService/LookupConsumer", send=[question])
    (answer,) = ended.answers
    eligibility = answer["eligibility"]
    assert eligibility["iin"] == iin
    assert eligibility["status"] == "ELIGIBILITY_STATUS_INSURED"
    assert eligibility["grounds"] == ["GROUND_BUDGET_PAID", "GROUND_SETTLED_MONTHS"]
    assert eligibility["funding_source"] == "FUNDING_SOURCE_OSMS_AND_GOBMP"
    assert eligibility["text"].isascii()


def test_it_sends_registers_on_a_stream(gateway: RunningGateway, stubs: Stubs) -> None:
    """Two messages are two registers, and each is answered; the second is the first again."""
    iin = new_iin()
    register: dict[str, Any] = {
        "source": registers.SENDER,
        "reference": new_reference(),
        "received_on": "2026-01-10",
        "purpose_code": "122",
        "declared": {"people": 1, "documents": 1, "amount_tiyn": "425000"},
        "rows": [{"line_no": 1, "iin": iin, "period": "2025-12", "amount_tiyn": "425000"}],
    }
    call = "osms.v1.PaymentService/IngestRegisters"
    ended = grpcurl(gateway, call, send=[{"register": register}] * 2)
    first, second = (answer["result"] for answer in ended.answers)
    assert first["outcome"] == "REGISTER_OUTCOME_COMMITTED"
    assert second["outcome"] == "REGISTER_OUTCOME_ALREADY_COMMITTED"
    assert first["accepted"] == second["accepted"] == {"rows": "1", "amount_tiyn": "425000"}
    (payment,) = registers.payments(stubs, iin)
    assert payment.reference == register["reference"]
    assert payment.amount_tiyn == registers.AMOUNT_TIYN
    assert payment.revision == int(first["revision"])


def test_it_reads_the_details_of_an_error(gateway: RunningGateway) -> None:
    """Status, reason and violations arrive as google.rpc messages that any client can read."""
    question = {"iin": wrong_check_digit(new_iin()), "purpose": "PURPOSE_RECEPTION"}
    ended = grpcurl(gateway, "osms.v1.ConsumerService/LookupConsumer", send=[question])
    assert ended.status == FIRST_STATUS + 3
    error = json.loads(ended.err)
    assert error["code"] == 3
    details = {detail["@type"].rpartition(".")[2]: detail for detail in error["details"]}
    assert details["ErrorInfo"]["reason"] == "IIN_INVALID"
    assert details["ErrorInfo"]["domain"] == "osms.v1"
    assert details["ErrorInfo"]["metadata"] == {"field": "iin"}
    assert details["BadRequest"]["field_violations"][0]["field"] == "iin"
