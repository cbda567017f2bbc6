"""What a receipt is: a signed statement of one answer, and the public keys it is verified with.

Shared by the gateway and the SDK, so that both take the same receipts for genuine. It needs PyJWT
and cryptography, of the extra `receipts`: import it only where receipts are signed or verified.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm

from osms.v1 import core_pb2
from osms.v1.consumer_service_pb2 import ReceiptStatement

RECEIPT_TYPE = "osms-receipt+jwt"
"""Says what is signed, so that nothing else that the same key signs passes for a receipt."""
RECEIPT_CHARACTERS_MAX = 4_096

PublicKeys = Mapping[str, Ed25519PublicKey]
"""By key id, newest first."""

_ALGORITHM = "EdDSA"
_STATUS, _PURPOSE = "ELIGIBILITY_STATUS_", "PURPOSE_"
_signatures = jwt.PyJWS([_ALGORITHM])


class ReceiptInvalidError(ValueError):
    """A text is no receipt, was changed, or was signed by another key than it names."""


class ReceiptKeyUnknownError(ReceiptInvalidError):
    """A receipt names a key that is not among those it is verified with."""


def sign_receipt(statement: ReceiptStatement, key_id: str, key: Ed25519PrivateKey) -> str:
    """Return a statement as a receipt."""
    claims = {
        "jti": statement.decision_id,
        "sub": statement.client,
        "person": statement.person,
        "service_date": statement.service_date,
        "status": core_pb2.EligibilityStatus.Name(statement.status).removeprefix(_STATUS),
        "ruleset": statement.ruleset,
        "revision": statement.revision,
        "iat": statement.decided_at.seconds,
        "purpose": core_pb2.Purpose.Name(statement.purpose).removeprefix(_PURPOSE),
    }
    content = json.dumps(claims, ensure_ascii=False, separators=(",", ":")).encode()
    return _signatures.encode(content, key, _ALGORITHM, _header(key_id))


def read_receipt(receipt: str, keys: PublicKeys) -> ReceiptStatement:
    """Return what a receipt says, once its signature is verified.

    Raises ReceiptKeyUnknownError if it names none of these keys, ReceiptInvalidError whatever else
    is wrong with it.
    """
    if len(receipt) > RECEIPT_CHARACTERS_MAX or not all(map(_canonical, receipt.split("."))):
        raise ReceiptInvalidError("This is no receipt.")
    try:
        header = _signatures.get_unverified_header(receipt)
    except (jwt.InvalidTokenError, ValueError, RecursionError) as exc:
        raise ReceiptInvalidError("This is no receipt.") from exc
    key_id = header.get("kid")
    # Whole: no other algorithm, and nothing that would change how the rest is read.
    if not isinstance(key_id, str) or header != _header(key_id):
        raise ReceiptInvalidError("This is signed, but it is no receipt.")
    if key_id not in keys:
        raise ReceiptKeyUnknownError("The receipt names a key that is not known here.")
    try:
        content = _signatures.decode_complete(receipt, keys[key_id], [_ALGORITHM])["payload"]
    except jwt.InvalidTokenError as exc:
        raise ReceiptInvalidError("The receipt was changed: its signature is wrong.") from exc
    return _statement(json.loads(content))


def _header(key_id: str) -> dict[str, Any]:
    return {"alg": _ALGORITHM, "kid": key_id, "typ": RECEIPT_TYPE}


def _canonical(part: str) -> bool:
    """Tell whether a part is written in the one way for its bytes.

    A decoder may pass over foreign characters and over the bits that fill the last one, and then
    a receipt would have several texts.
    """
    try:
        content = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return False
    return urlsafe_b64encode(content).decode().rstrip("=") == part


def _statement(claims: dict[str, Any]) -> ReceiptStatement:
    """Return the claims of a receipt, whose signature is right, as a message."""
    try:
        statement = ReceiptStatement(
            decision_id=claims["jti"],
            client=claims["sub"],
            person=claims["person"],
            service_date=claims["service_date"],
            status=core_pb2.EligibilityStatus.Value(_STATUS + claims["status"]),
            ruleset=claims["ruleset"],
            revision=claims["revision"],
            purpose=core_pb2.Purpose.Value(_PURPOSE + claims["purpose"]),
        )
        statement.decided_at.seconds = claims["iat"]
    except (KeyError, TypeError, ValueError) as exc:
        raise ReceiptInvalidError("The receipt says what only a newer program can read.") from exc
    return statement


def write_keys(keys: PublicKeys) -> str:
    """Return public keys as a JSON Web Key Set, in their order."""
    written = [
        {**OKPAlgorithm.to_jwk(key, as_dict=True), "alg": _ALGORITHM, "use": "sig", "kid": key_id}
        for key_id, key in keys.items()
    ]
    return json.dumps({"keys": written}, indent=2)


def read_keys(jwks: str) -> dict[str, Ed25519PublicKey]:
    """Return the keys of a JSON Web Key Set, in their order.

    Raises ValueError if it is none, or holds anything but Ed25519 public keys with their ids.
    """
    keys = {}
    try:
        for written in json.loads(jwks)["keys"]:
            key = OKPAlgorithm.from_jwk(written)
            if not isinstance(key, Ed25519PublicKey):
                raise ValueError("not an Ed25519 public key")
            keys[str(written["kid"])] = key
    except (jwt.InvalidKeyError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ValueError("This is no set of public keys of receipts (a JWKS).") from exc
    return keys
