"""The folder of keys: one signs receipts and archives, one hides whom a receipt is about.

    NUMBER-DIGEST.pem   an Ed25519 key, by its id. The newest is whole and signs; of older ones only
                        the public part is left, and what they signed stays valid
    person.key          32 random bytes, for ever the same

Nothing in it may be changed by others, and nothing secret be read by them.
"""

import fcntl
import hmac
import os
import re
import secrets
import stat
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from osms.receipts import PublicKeys
from osms_server import logs
from osms_storage.private_files import others_may_read, replace_file

PERSON_KEY = "person.key"
PERSON_KEY_BYTES = 32

_KEY_ID = re.compile(r"(\d{4,9})-[0-9a-f]{8}")
_SEALED = b"osms file\n"
"""Stands before what is signed as a file: it can never be a receipt, which begins otherwise."""

_log = logs.logger(__name__)


class KeysError(ValueError):
    """The folder of keys cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """What the folder held at one moment."""

    key_id: str
    """Of the key that signs."""
    signing: Ed25519PrivateKey = field(repr=False)
    public: PublicKeys
    """All, newest first."""
    person_key: bytes = field(repr=False)

    def person(self, decision_id: str, iin: str) -> str:
        """Return whom a receipt is about, as a keyed hash in base64url.

        The answer's id is hashed along: receipts do not show that they are about the same person,
        so whoever may get one for an IIN cannot find that person in a pile of others.
        """
        digest = hmac.digest(self.person_key, f"{decision_id}\n{iin}".encode(), sha256)
        return urlsafe_b64encode(digest).decode().rstrip("=")

    def sign(self, content: bytes) -> tuple[str, bytes]:
        """Return the id of the key that signs, and its signature of a file's content."""
        return self.key_id, self.signing.sign(_SEALED + content)


def signature_holds(keys: PublicKeys, key_id: str, content: bytes, signature: bytes) -> bool:
    """Tell whether a file's content was signed by a key, which must be one of these."""
    if key_id not in keys:
        return False
    try:
        keys[key_id].verify(signature, _SEALED + content)
    except InvalidSignature:
        return False
    return True


class SigningKeys:
    """The keys of a folder, read again whenever that has changed.

    Raises KeysError at the start; later what was read last stays until the folder is in order.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = _fingerprint(folder)
        self._ring = read_ring(folder)

    @property
    def ring(self) -> KeyRing:
        """The keys as they are now."""
        try:
            seen = _fingerprint(self._folder)
        except KeysError:
            seen = ()
        if seen != self._seen:
            # Also if it fails: the same folder is not tried, nor complained of, again and again.
            self._seen = seen
            try:
                self._ring = read_ring(self._folder)
            except KeysError as exc:
                _log.error("keys", trouble=str(exc))
            else:
                _log.info("keys", newest=self._ring.key_id, keys=len(self._ring.public))
        return self._ring


def read_ring(folder: Path) -> KeyRing:
    """Return the keys of a folder; raise KeysError if they cannot be used as they are."""
    _check_unchanged_by_others(folder)
    keys = _read_keys(folder)
    signing = [(key_id, key) for key_id, key in keys.items() if isinstance(key, Ed25519PrivateKey)]
    if not signing:
        raise KeysError(f"No key in {folder} can sign: `osms keys rotate` makes one.")
    public = {key_id: _public(key) for key_id, key in keys.items()}
    return KeyRing(*signing[0], public, _read_person_key(folder / PERSON_KEY))


def rotate(folder: Path) -> str:
    """Give a folder a new key that signs, and return its id; older ones keep their public part.

    Makes the folder, and the key that hides persons, if there are none. Killed at any moment it
    leaves a folder that can be used, and is simply run again. Raises KeysError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder):
        _check_unchanged_by_others(folder)
        keys = _read_keys(folder)
        person_key = folder / PERSON_KEY
        if keys or person_key.exists():
            _read_person_key(person_key)
        else:
            replace_file(person_key, secrets.token_bytes(PERSON_KEY_BYTES))
        number = 1 + max((_number(key_id) for key_id in keys), default=0)
        key = Ed25519PrivateKey.generate()
        key_id = _key_id(number, key.public_key())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        replace_file(folder / f"{key_id}.pem", pem)
        for older, old in keys.items():
            if isinstance(old, Ed25519PrivateKey):
                pem = _public(old).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                replace_file(folder / f"{older}.pem", pem, mode=0o644)
    return key_id


def _read_keys(folder: Path) -> dict[str, Ed25519PrivateKey | Ed25519PublicKey]:
    """Return the Ed25519 keys by id, newest first."""
    keys = {}
    with _in_words(folder):
        files = {file.stem: file for file in folder.glob("*.pem") if not file.name.startswith(".")}
        for key_id in sorted(files, key=lambda key_id: (_number(key_id), key_id), reverse=True):
            keys[key_id] = _read_key(files[key_id])
    return keys


def _read_key(file: Path) -> Ed25519PrivateKey | Ed25519PublicKey:
    _check_unchanged_by_others(file)
    pem = file.read_bytes()
    private = b"PRIVATE" in pem
    if private:
        _check_unread_by_others(file)
    try:
        key = load_pem_private_key(pem, password=None) if private else load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeysError(f"{file} holds no key that can be read.") from None
    if not isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        raise KeysError(f"{file} holds another kind of key than Ed25519.")
    if file.stem != _key_id(_number(file.stem), _public(key)):
        raise KeysError(f"{file} holds another key than its name says.")
    return key


def _read_person_key(file: Path) -> bytes:
    with _in_words(file):
        if not file.exists():
            raise KeysError(
                f"{file} is missing: bring it back, or no receipt can be told to be about a person."
            )
        _check_unread_by_others(file)
        content = file.read_bytes()
    if len(content) != PERSON_KEY_BYTES:
        raise KeysError(f"{file} must hold {PERSON_KEY_BYTES} bytes.")
    return content


def _public(key: Ed25519PrivateKey | Ed25519PublicKey) -> Ed25519PublicKey:
    return key.public_key() if isinstance(key, Ed25519PrivateKey) else key


def _key_id(number: int, key: Ed25519PublicKey) -> str:
    """Return the id of a key; the number orders keys, the digest tells apart those of folders."""
    digest = sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()
    return f"{number:04d}-{digest[:8]}"


def _number(key_id: str) -> int:
    """Return a key's number; 0 for what is no id."""
    match = _KEY_ID.fullmatch(key_id)
    return int(match[1]) if match else 0


def _check_unchanged_by_others(path: Path) -> None:
    with _in_words(path):
        if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise KeysError(f"Others may change {path}: chmod go-w {path}")


def _check_unread_by_others(file: Path) -> None:
    if others_may_read(file):
        raise KeysError(f"Others may read {file}: chmod 600 {file}")


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise KeysError(f"{path} cannot be read: {exc.strerror}.") from exc


def _fingerprint(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Return what changes with any key or its permissions."""
    with _in_words(folder), os.scandir(folder) as entries:
        found = [(entry.name, entry.stat()) for entry in entries if not entry.name.startswith(".")]
    return tuple(sorted((name, s.st_ino, s.st_mtime_ns, s.st_mode) for name, s in found))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep others from changing the folder at the same time."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
