"""Receipts as the SDK and the commands handle them."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from osms.receipts import sign_receipt, write_keys
from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms_client import (
    InvalidAnswerError,
    Purpose,
    ReceiptCheck,
    ReceiptError,
    ReceiptKeyError,
    ReceiptKeys,
    ReceiptStatement,
    ReceiptVerdict,
    Status,
)
from tests.unit.client.commands import osms
from tests.unit.client.fake import IIN, FakeGateway, Sdk, eligibility

KEY, KEY_ID = Ed25519PrivateKey.generate(), "0001-0a1b2c3d"
JWKS = write_keys({KEY_ID: KEY.public_key()})
DECIDED_AT = datetime(2026, 1, 15, 4, tzinfo=UTC)
SAID = ReceiptStatement(
    decision_id="d-1",
    client="clinic-7",
    person="p",
    service_date=date(2026, 1, 15),
    status=Status.INSURED,
    ruleset="2026.1",
    revision=7,
    decided_at=DECIDED_AT,
    purpose=Purpose.BILLING,
)


def message() -> pb.ReceiptStatement:
    """Return a statement as it is sent."""
    said = pb.ReceiptStatement(
        decision_id="d-1",
        client="clinic-7",
        person="p",
        service_date="2026-01-15",
        status=core_pb2.ELIGIBILITY_STATUS_INSURED,
        ruleset="2026.1",
        revision=7,
        purpose=core_pb2.PURPOSE_BILLING,
    )
    said.decided_at.FromDatetime(DECIDED_AT)
    return said


RECEIPT = sign_receipt(message(), KEY_ID, KEY)


def test_a_receipt_is_asked_for_and_arrives(fake: FakeGateway, sdk: Sdk) -> None:
    """Only who asks for a receipt gets one."""
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=eligibility(receipt="r")))
    assert sdk.call("lookup", IIN, purpose=Purpose.BILLING, issue_receipt=True).receipt == "r"
    sdk.call("lookup", IIN, purpose=Purpose.BILLING)
    assert [request.issue_receipt for request in fake.asked] == [True, False]


@pytest.mark.parametrize(
    ("answer", "check"),
    [
        (
            {"verdict": pb.RECEIPT_VERDICT_GENUINE, "statement": message()},
            ReceiptCheck(verdict=ReceiptVerdict.GENUINE, statement=SAID),
        ),
        (
            {"verdict": pb.RECEIPT_VERDICT_OTHER_PERSON},
            ReceiptCheck(verdict=ReceiptVerdict.OTHER_PERSON, statement=None),
        ),
    ],
    ids=["genuine", "other person"],
)
def test_a_receipt_is_checked_by_the_gateway(
    fake: FakeGateway, sdk: Sdk, answer: dict[str, Any], check: ReceiptCheck
) -> None:
    """Its verdict comes back, with what the receipt says where that may be told."""
    fake.answers("VerifyReceipt", pb.VerifyReceiptResponse(**answer))
    assert sdk.call("verify_receipt", RECEIPT, IIN) == check
    assert fake.asked == [pb.VerifyReceiptRequest(receipt=RECEIPT, iin=IIN)]


def test_a_check_without_a_verdict_is_no_answer(fake: FakeGateway, sdk: Sdk) -> None:
    """An empty reply never looks like any verdict."""
    fake.answers("VerifyReceipt", pb.VerifyReceiptResponse())
    with pytest.raises(InvalidAnswerError):
        sdk.call("verify_receipt", RECEIPT, IIN)


def test_a_receipt_is_verified_with_published_keys(fake: FakeGateway, sdk: Sdk) -> None:
    """Who keeps the keys needs no gateway to know what a receipt says."""
    fake.answers("ListReceiptKeys", pb.ListReceiptKeysResponse(jwks=JWKS))
    keys = ReceiptKeys(sdk.call("receipt_keys"))
    assert keys.verify(RECEIPT) == SAID
    assert keys.verify(f"{RECEIPT}\n") == SAID


def test_what_is_not_genuine_raises(fake: FakeGateway) -> None:
    """One error for each thing to do: get newer keys, or do not accept it."""
    keys = ReceiptKeys(JWKS)
    with pytest.raises(ReceiptKeyError, match="may be newer"):
        keys.verify(sign_receipt(message(), "0002-0a1b2c3d", KEY))
    with pytest.raises(ReceiptError, match="signature is wrong") as refused:
        keys.verify(sign_receipt(message(), KEY_ID, Ed25519PrivateKey.generate()))
    assert not isinstance(refused.value, ReceiptKeyError)
    with pytest.raises(ValueError, match="no set of public keys"):
        ReceiptKeys("{}")


def test_without_the_extra_it_says_what_is_missing() -> None:
    """The base install has neither PyJWT nor cryptography."""
    program = (
        "import sys; sys.modules['jwt'] = None\n"
        "import osms_client\n"
        "try: osms_client.ReceiptKeys('{}')\n"
        "except ImportError as missing: print(missing)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install 'osms-gateway[receipts]'" in ended.stdout


def test_check_prints_a_receipt_in_one_line(fake: FakeGateway) -> None:
    """It can be copied from the terminal, however long it is."""
    answer = pb.LookupConsumerResponse(eligibility=eligibility(receipt=RECEIPT))
    fake.answers("LookupConsumer", answer)
    assert RECEIPT in osms(fake, "check", IIN, "--receipt").output.splitlines()
    assert fake.asked[0].issue_receipt
    assert json.loads(osms(fake, "check", IIN, "--receipt", "--json").output)["receipt"] == RECEIPT


def test_receipt_verify_prints_what_it_says(fake: FakeGateway, tmp_path: Path) -> None:
    """A receipt is given as its text or as a file, and no gateway is asked."""
    fake.answers("ListReceiptKeys", pb.ListReceiptKeysResponse(jwks=JWKS))
    jwks, file = tmp_path / "keys.json", tmp_path / "receipt"
    jwks.write_text(osms(fake, "receipt", "keys").output, encoding="utf-8")
    file.write_text(RECEIPT + "\n", encoding="utf-8")
    fake.asked.clear()
    for given in (RECEIPT, file):
        result = osms(fake, "receipt", "verify", given, "--jwks", jwks)
        assert result.exit_code == 0, result.output
        said = json.loads(result.output)
        assert (said["status"], said["service_date"]) == ("INSURED", "2026-01-15")
    assert not fake.asked


@pytest.mark.parametrize(
    ("receipt", "jwks", "status", "said"),
    [
        (RECEIPT[:-4] + "AAAA", JWKS, 1, "signature is wrong"),
        ("no receipt", JWKS, 1, "no receipt"),
        (sign_receipt(message(), "0002-0a1b2c3d", KEY), JWKS, 2, "may be newer"),
        (RECEIPT, "{}", 2, "no set of public keys"),
    ],
    ids=["changed", "text", "newer key", "no keys"],
)
def test_receipt_verify_fails_in_words(
    fake: FakeGateway, tmp_path: Path, receipt: str, jwks: str, status: int, said: str
) -> None:
    """Not genuine ends with 1, not verified with 2, and each says why."""
    keys = tmp_path / "keys.json"
    keys.write_text(jwks, encoding="utf-8")
    result = osms(fake, "receipt", "verify", receipt, "--jwks", keys)
    assert result.exit_code == status
    assert said in result.output


def test_a_file_of_something_else_is_no_receipt(fake: FakeGateway, tmp_path: Path) -> None:
    """Whatever its bytes, and however many: it is not genuine, not an error of the command."""
    keys, file = tmp_path / "keys.json", tmp_path / "scan.pdf"
    keys.write_text(JWKS, encoding="utf-8")
    for content in (b"", b"\xc5\x00\xff" * 1_000_000):
        file.write_bytes(content)
        assert osms(fake, "receipt", "verify", file, "--jwks", keys).exit_code == 1
