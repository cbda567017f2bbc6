"""What makes a receipt genuine: whatever is changed in one, it is refused."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from osms.receipts import (
    RECEIPT_TYPE,
    ReceiptInvalidError,
    ReceiptKeyUnknownError,
    read_receipt,
    sign_receipt,
)
from osms.v1 import core_pb2
from osms.v1.consumer_service_pb2 import ReceiptStatement
from osms_server.errors import Reason, RequestError
from osms_server.identity import Caller, acting_as
from osms_server.inquiry import Inquiry
from osms_server.keys import SigningKeys, rotate
from osms_server.receipts import Receipts
from osms_storage.clock import system_clock

KEY, KEY_ID = Ed25519PrivateKey.generate(), "0001-0a1b2c3d"
KEYS = {KEY_ID: KEY.public_key()}
IIN = "900101390002"


def statement(**fields: Any) -> ReceiptStatement:
    """Return what a receipt may say."""
    said = ReceiptStatement(
        decision_id="abcdef01234500000001",
        client="clinic-7",
        person="c" * 43,
        service_date="2026-01-15",
        status=core_pb2.ELIGIBILITY_STATUS_INSURED,
        ruleset="2026-01-01-0123456789ab",
        revision=1_041,
        purpose=core_pb2.PURPOSE_BILLING,
    )
    said.decided_at.seconds = 1_768_450_000
    said.MergeFrom(ReceiptStatement(**fields))
    return said


RECEIPT = sign_receipt(statement(), KEY_ID, KEY)


def encoded(content: Any) -> str:
    """Return a part of a receipt."""
    return urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def decoded(part: str) -> Any:
    """Return what a part of a receipt holds."""
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@given(
    st.builds(
        statement,
        client=st.text(max_size=64),
        status=st.sampled_from(core_pb2.EligibilityStatus.values()[1:]),
        purpose=st.sampled_from(core_pb2.Purpose.values()[1:]),
        revision=st.integers(1, 2**63 - 1),
    )
)
def test_a_receipt_says_what_was_signed(said: ReceiptStatement) -> None:
    """Every field comes back, whatever it holds."""
    assert read_receipt(sign_receipt(said, KEY_ID, KEY), KEYS) == said


def test_a_receipt_has_the_claims_of_the_contract() -> None:
    """Any library of JSON Web Tokens reads it: names and values are those of the contract."""
    header, claims, _ = RECEIPT.split(".")
    assert decoded(header) == {"alg": "EdDSA", "kid": KEY_ID, "typ": "osms-receipt+jwt"}
    assert decoded(claims) == {
        "jti": "abcdef01234500000001",
        "sub": "clinic-7",
        "person": "c" * 43,
        "service_date": "2026-01-15",
        "status": "INSURED",
        "ruleset": "2026-01-01-0123456789ab",
        "revision": 1_041,
        "iat": 1_768_450_000,
        "purpose": "BILLING",
    }


@given(st.integers(0, len(RECEIPT) - 1), st.characters(min_codepoint=1, max_codepoint=0x2FF))
def test_a_receipt_with_any_other_character_is_refused(place: int, character: str) -> None:
    """No character of a receipt can be another, the last bits of the signature included."""
    if RECEIPT[place] == character:
        return
    with pytest.raises(ReceiptInvalidError):
        read_receipt(RECEIPT[:place] + character + RECEIPT[place + 1 :], KEYS)


@pytest.mark.parametrize("bit", [0, 5])
def test_a_receipt_with_any_byte_flipped_is_refused(bit: int) -> None:
    """Each of its characters counts, wherever it stands."""
    for place in range(len(RECEIPT)):
        flipped = RECEIPT[:place] + chr(ord(RECEIPT[place]) ^ 1 << bit) + RECEIPT[place + 1 :]
        with pytest.raises(ReceiptInvalidError):
            read_receipt(flipped, KEYS)


@given(st.integers(0, len(RECEIPT)), st.text("\n= !.A", min_size=1, max_size=3))
def test_a_receipt_with_anything_between_is_refused(place: int, more: str) -> None:
    """A receipt has one text: nothing can be put into it or after it."""
    with pytest.raises(ReceiptInvalidError):
        read_receipt(RECEIPT[:place] + more + RECEIPT[place:], KEYS)


def with_claims(**changed: Any) -> str:
    """Return the receipt with other claims under the same signature."""
    header, claims, signature = RECEIPT.split(".")
    return f"{header}.{encoded({**decoded(claims), **changed})}.{signature}"


def signed(algorithm: str, key: Any, **header: Any) -> str:
    """Return the claims of the receipt signed in another way."""
    content = json.dumps(decoded(RECEIPT.split(".")[1])).encode()
    changed = {"kid": KEY_ID, "typ": RECEIPT_TYPE, **header}
    return jwt.PyJWS().encode(content, key, algorithm, changed)


def with_swapped_signature() -> str:
    """Return the receipt with the signature of another one."""
    other = sign_receipt(statement(revision=1_042), KEY_ID, KEY)
    return ".".join((*RECEIPT.split(".")[:2], other.split(".")[2]))


PEM = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
FORGERIES = {
    "a changed status": lambda: with_claims(status="NOT_INSURED"),
    "a changed day": lambda: with_claims(service_date="2026-01-16"),
    "another receipt's signature": with_swapped_signature,
    "no signature": lambda: RECEIPT.rpartition(".")[0] + ".",
    "algorithm none": lambda: signed("none", None),
    "the public key as a shared secret": lambda: signed("HS256", PEM),
    "another type": lambda: signed("EdDSA", KEY, typ="JWT"),
    "no type": lambda: signed("EdDSA", KEY, typ=""),
    "a critical extension": lambda: signed("EdDSA", KEY, crit=["exp"]),
    "a key sent along": lambda: signed("EdDSA", Ed25519PrivateKey.generate(), jwk={}),
    "another key under the same id": lambda: signed("EdDSA", Ed25519PrivateKey.generate()),
    "nothing": lambda: "",
    "no parts": lambda: "receipt",
    "empty parts": lambda: "..",
    "deep nesting": lambda: urlsafe_b64encode(b"[" * 3_000).decode() + ".AAAA.AAAA",
    "too long": lambda: RECEIPT + "A" * 4_096,
    "letters of other alphabets": lambda: "Ж.Ж.Ж",
    "half a surrogate": lambda: "\ud800.\ud800.\ud800",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forgery_is_refused(forge: Callable[[], str]) -> None:
    """Whatever is not signed as a receipt by a key of the gateway is none."""
    with pytest.raises(ReceiptInvalidError) as refused:
        read_receipt(forge(), KEYS)
    assert not isinstance(refused.value, ReceiptKeyUnknownError)


def test_an_unknown_key_is_told_apart() -> None:
    """It may be a newer one: whoever verifies gets the keys anew."""
    with pytest.raises(ReceiptKeyUnknownError):
        read_receipt(RECEIPT, {"0002-00000000": KEY.public_key()})


def test_claims_of_a_later_release_are_not_guessed() -> None:
    """A genuine receipt with a status that is not known here is refused, in words."""
    claims = {**decoded(RECEIPT.split(".")[1]), "status": "HALF_INSURED"}
    newer = jwt.PyJWS().encode(
        json.dumps(claims).encode(), KEY, "EdDSA", {"kid": KEY_ID, "typ": RECEIPT_TYPE}
    )
    with pytest.raises(ReceiptInvalidError, match="newer program"):
        read_receipt(newer, KEYS)


@pytest.fixture
def receipts(tmp_path: Path) -> Receipts:
    """Receipts of a gateway with a fresh folder of keys."""
    rotate(tmp_path / "keys")
    return Receipts(SigningKeys(tmp_path / "keys"), cast(Inquiry, None), system_clock)


def issued(receipts: Receipts, decision_id: str, iin: str = IIN) -> ReceiptStatement:
    """Return what the receipt of an answer says."""
    answer = core_pb2.Eligibility(
        iin=iin,
        decision_id=decision_id,
        service_date="2026-01-15",
        status=core_pb2.ELIGIBILITY_STATUS_INSURED,
        grounds=[core_pb2.GROUND_BUDGET_PAID],
    )
    ring = receipts.ring()
    receipts.issue(answer, core_pb2.PURPOSE_BILLING, ring)
    assert iin not in answer.receipt
    return read_receipt(answer.receipt, ring.public)


def test_a_receipt_names_the_client_that_asked(receipts: Receipts) -> None:
    """Who calls is in it."""
    with acting_as(Caller("clinic-7")):
        assert issued(receipts, "1").client == "clinic-7"


def test_receipts_do_not_show_that_they_are_about_the_same_person(receipts: Receipts) -> None:
    """Who may get a receipt for an IIN cannot find that person among other receipts."""
    with acting_as(Caller("clinic-7")):
        persons = {issued(receipts, str(number)).person for number in range(20)}
    assert len(persons) == 20
    assert {len(person) for person in persons} == {43}


def test_a_gateway_without_keys_refuses_receipts() -> None:
    """It says that it offers none, instead of calling receipts not genuine."""
    with pytest.raises(RequestError) as refused:
        Receipts(None, cast(Inquiry, None), system_clock).published()
    assert refused.value.reason == Reason.ERROR_REASON_RECEIPTS_NOT_OFFERED
