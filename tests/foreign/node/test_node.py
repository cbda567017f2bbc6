"""A client that is not ours: @grpc/grpc-js on Node, which knows only the .proto files."""

import json
import subprocess
from pathlib import Path
from typing import Any

import google.rpc
import pytest

from osms_client.testing import running_gateway
from tests.integration.people import new_iin, new_reference, wrong_check_digit

HERE = Path(__file__).parent
CONTRACT = HERE.parents[2] / "proto"
GOOGLE = Path(google.rpc.__path__[0]).parents[1]
RUN_S = 60.0


@pytest.fixture(scope="module")
def iin() -> str:
    """A person nothing is known of before."""
    return new_iin()


@pytest.fixture(scope="module")
def found(iin: str) -> Any:
    """What the client prints after it has asked, paid, and asked again."""
    with running_gateway() as gateway:
        asked = {
            "target": gateway.target,
            "includes": [str(CONTRACT), str(GOOGLE)],
            "iin": iin,
            "wrong": wrong_check_digit(iin),
            "reference": new_reference(),
        }
        ended = subprocess.run(
            ["node", str(HERE / "client.mjs")],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_it_loads_the_contract(found: Any) -> None:
    """The .proto files need nothing that another language's tools would not have."""
    assert set(found["calls"]) == {
        "CategoryService",
        "ConsumerService",
        "PaymentService",
        "RosterService",
    }
    assert "LookupConsumer" in found["calls"]["ConsumerService"]


def test_it_sends_a_register_and_sees_it_count(found: Any, iin: str) -> None:
    """Before, nobody knew the person; the register is committed once; after, the month is seen."""
    assert found["before"]["status"] == "ELIGIBILITY_STATUS_UNKNOWN_CONSUMER"
    first, second = (answer["result"] for answer in found["registers"])
    assert first["outcome"] == "REGISTER_OUTCOME_COMMITTED"
    assert second["outcome"] == "REGISTER_OUTCOME_ALREADY_COMMITTED"
    assert first["accepted"] == {"rows": "1", "amount_tiyn": "425000"}
    assert second["revision"] == first["revision"]
    after = found["after"]
    assert (after["iin"], after["status"]) == (iin, "ELIGIBILITY_STATUS_NOT_INSURED")
    assert after["grounds"] == ["GROUND_ARREARS"]
    assert int(after["revision"]) >= int(first["revision"])
    assert after["text"] != found["before"]["text"]


def test_it_asks_on_a_stream(found: Any, iin: str) -> None:
    """Each message is answered by one, in order, with a result for each item in its place."""
    first, second = found["stream"]
    assert [result["result"] for result in first["results"]] == ["eligibility", "error"]
    assert first["results"][1]["error"]["reason"] == "ERROR_REASON_IIN_INVALID"
    assert second["results"][0]["eligibility"]["iin"] == iin


def test_it_reads_the_details_of_an_error(found: Any) -> None:
    """The trailer decodes as google.rpc messages: reason, metadata, and every violation."""
    error = found["error"]
    assert error["code"] == error["status"] == 3
    info = error["details"]["google.rpc.ErrorInfo"]
    assert (info["reason"], info["domain"]) == ("INVALID_REQUEST", "osms.v1")
    assert info["metadata"] == {"field_violations": "2"}
    violations = error["details"]["google.rpc.BadRequest"]["field_violations"]
    assert {violation["field"] for violation in violations} == {"iin", "service_date"}
