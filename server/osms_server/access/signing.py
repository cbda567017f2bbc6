"""Signatures of archives: the newest key of a folder makes them, published keys prove them."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_SEALED = b"osms file\n"
"""Stands before what is signed as a file: it can never be taken for anything else."""


class SigningKey(NamedTuple):
    """A private key and its id."""

    key_id: str
    key: Ed25519PrivateKey

    def sign(self, content: bytes) -> tuple[str, bytes]:
        """Return the id of the key, and its signature of a file's content."""
        return self.key_id, self.key.sign(_SEALED + content)


def load_signing_key(folder: Path) -> SigningKey:
    """Return the newest private key of a folder, by its file's name; raise ValueError without one.

    Of older keys only the public part may be left.
    """
    for file in sorted(folder.glob("*.pem"), reverse=True):
        pem = file.read_bytes()
        if b"PRIVATE" in pem:
            key = load_pem_private_key(pem, password=None)
            if isinstance(key, Ed25519PrivateKey):
                return SigningKey(file.stem, key)
    raise ValueError(f"No key in {folder} can sign.")


def published_keys(jwks: str) -> Mapping[str, Ed25519PublicKey]:
    """Return the Ed25519 keys of a JSON Web Key Set by id; raise ValueError if it is none."""
    try:
        return {
            key["kid"]: Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(key["x"] + "=="))
            for key in json.loads(jwks)["keys"]
            if key.get("crv") == "Ed25519"
        }
    except (KeyError, TypeError, ValueError) as exc:
        raise ValueError("The published keys cannot be read.") from exc


def signature_holds(
    keys: Mapping[str, Ed25519PublicKey], key_id: str, content: bytes, signature: bytes
) -> bool:
    """Tell whether a file's content was signed by a key, which must be one of these."""
    if key_id not in keys:
        return False
    try:
        keys[key_id].verify(signature, _SEALED + content)
    except InvalidSignature:
        return False
    return True
