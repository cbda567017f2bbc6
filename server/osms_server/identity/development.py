"""Development identities: an authority, a server's certificate, clients of every role, and keys.

`osms init --development FOLDER` makes them and adds the clients to the store, which must have no
others: whoever has the folder may do everything. Running it again keeps what is good, makes anew
what is missing or ends soon, and lets the store know. All files are for their owner alone:

    ca.pem, ca.key    the authority: signs all certificates below
    server/           certificate.pem and key.pem of a server on localhost, 127.0.0.1 and ::1
    clients/NAME/     certificate.pem and key.pem of a client of DEVELOPMENT_CLIENTS, and
                      authorities.pem, by which it knows the server: the identity that the SDK loads
    tokens.jwks       the public key by which tokens are verified, for `token_keys`
    tokens.key        its private key, Ed25519, by which a proxy would sign them
    receipts/         the keys that receipts are signed with, for `keys`
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import OKPAlgorithm

from osms_server.identity import issuing
from osms_server.identity.callers import Role
from osms_server.identity.certificates import read_certificate
from osms_server.identity.issuing import Issued
from osms_server.identity.registration import new_client, operator
from osms_server.keys import rotate
from osms_storage.clients import ClientAction, ClientRecord, read_clients, write_client
from osms_storage.private_files import others_may_read, replace_file
from osms_storage.store import Store

GOOD_FOR = timedelta(days=365)
RENEWED_BEFORE = timedelta(days=30)
"""What ends sooner is made anew."""
BACKDATED_BY = timedelta(hours=1)
"""For machines whose clocks are behind."""
HOSTS = ("localhost", "127.0.0.1", "::1")
CERTIFICATE, KEY = "certificate.pem", "key.pem"
_AUTHORITY = "OSMS development authority"


def _client(
    name: str, *roles: Role, sources: str = "", purposes: str = "", quota: str = "national"
) -> ClientRecord:
    return replace(
        new_client(name),
        roles=frozenset(map(str, roles)),
        sources=frozenset(sources.split()),
        purposes=frozenset(purposes.split()),
        quota=quota,
    )


_MINISTRIES = (
    "education science_higher_education justice labour health internal_affairs legal_statistics"
)
"""Codes of the seven state sources, which the State Corporation speaks for, too."""
_ALL_PURPOSES = "RECEPTION ADMISSION PLANNED_ADMISSION BILLING ROSTER SELF_SERVICE AUDIT"
DEVELOPMENT_CLIENTS: Final[Mapping[str, ClientRecord]] = {
    client.name: client
    for client in (
        _client("clinic", Role.MIS, purposes="RECEPTION BILLING ROSTER", quota="clinic"),
        _client("hospital", Role.MIS, purposes="RECEPTION ADMISSION BILLING", quota="network"),
        _client("hospitalisation-portal", Role.MIS, purposes="PLANNED_ADMISSION"),
        _client(
            "state-corporation",
            Role.PAYMENT_LOADER,
            Role.CATEGORY_SOURCE,
            sources=f"state_corporation {_MINISTRIES}",
        ),
        *(
            _client(code.replace("_", "-"), Role.CATEGORY_SOURCE, sources=code)
            for code in f"{_MINISTRIES} services".split()
        ),
        _client("fund", Role.FUND_OPERATOR, purposes="RECEPTION BILLING ROSTER AUDIT"),
        _client("portal", Role.CONSUMER_PORTAL, purposes="SELF_SERVICE"),
        _client("auditor", Role.AUDITOR, purposes="AUDIT", quota="desk"),
        _client("admin", Role.ADMIN, quota="desk"),
        # Nearly everything, for one who tries things out without TLS: see `plain_client`.
        _client(
            "developer",
            *(set(Role) - {Role.FUND_OPERATOR}),
            sources=f"state_corporation {_MINISTRIES} services",
            purposes=_ALL_PURPOSES,
        ),
    )
}
"""Clients of every role and for every source, by name; without certificates."""


def development_settings(folder: Path) -> Mapping[str, Path]:
    """Return the settings of a gateway that speaks TLS with what lies in a folder."""
    certificate, key = folder / "server" / CERTIFICATE, folder / "server" / KEY
    return {
        "certificate": certificate,
        "certificate_key": key,
        "client_authorities": folder / "ca.pem",
        "token_keys": folder / "tokens.jwks",
        "keys": folder / "receipts",
    }


async def init_development(store: Store, folder: Path, now: datetime) -> None:
    """Make what is missing in a folder, and let a store know the clients and their certificates.

    Raises OSError where that cannot be done; ValueError if others may enter the folder, or the
    store has clients of its own.
    """
    async with store.deciding() as connection:
        _refuse_strangers(await read_clients(connection))
    certificates = make_identities(folder, now)
    async with store.writing("CLIENT") as unit:
        known = await read_clients(unit.connection)
        _refuse_strangers(known)
        for name, pem in certificates.items():
            shown = read_certificate(pem)
            client = known.get(name, DEVELOPMENT_CLIENTS[name])
            if shown.fingerprint not in client.certificates:
                certified = {**client.certificates, shown.fingerprint: shown.expires_at}
                await write_client(
                    unit.connection,
                    replace(client, certificates=certified),
                    ClientAction.ROTATE if name in known else ClientAction.ADD,
                    changed_at=now,
                    changed_by=operator(),
                )


def _refuse_strangers(known: Mapping[str, ClientRecord]) -> None:
    if strangers := sorted(known.keys() - DEVELOPMENT_CLIENTS.keys()):
        raise ValueError(
            f"The store has clients of its own, such as {strangers[0]}: development identities are"
            " for stores without, as who has their keys may do everything."
        )


def make_identities(folder: Path, now: datetime) -> Mapping[str, bytes]:
    """Make what is missing in a folder; return the PEM certificate of each client, by name.

    Raises OSError where that cannot be done, ValueError if others may enter the folder.
    """
    _make_private(folder)
    _make_private(folder / "clients")
    valid_from = now - BACKDATED_BY
    authority = _kept_or_made(
        (folder / "ca.pem", folder / "ca.key"),
        lambda kept: _good(kept, kept, now),
        lambda: issuing.issue_authority(
            _AUTHORITY, valid_from=valid_from, valid_until=now + GOOD_FOR
        ),
    )
    until = authority.certificate.not_valid_after_utc
    _kept_or_made(
        _identity(folder / "server"),
        lambda kept: _good(kept, authority, now),
        lambda: issuing.issue_server(authority, HOSTS, valid_from=valid_from, valid_until=until),
    )
    certificates = {}
    for name in DEVELOPMENT_CLIENTS:
        issued = _kept_or_made(
            _identity(folder / "clients" / name),
            lambda kept: _good(kept, authority, now),
            partial(
                issuing.issue_client, authority, name, valid_from=valid_from, valid_until=until
            ),
        )
        certificates[name] = issued.certificate_pem()
        replace_file(folder / "clients" / name / "authorities.pem", authority.certificate_pem())
    _keep_or_make_token_key(folder / "tokens.key", folder / "tokens.jwks")
    if not (folder / "receipts").exists():
        rotate(folder / "receipts")
    return certificates


def _identity(folder: Path) -> tuple[Path, Path]:
    """Return the files of a certificate and its key in a folder of their own."""
    _make_private(folder)
    return folder / CERTIFICATE, folder / KEY


def _kept_or_made(
    files: tuple[Path, Path], good: Callable[[Issued], bool], make: Callable[[], Issued]
) -> Issued:
    """Return the certificate and key of two files; made anew if they are missing or not good."""
    certificate, key = files
    try:
        kept = Issued.from_pem(certificate.read_bytes(), key.read_bytes())
        if good(kept):
            return kept
    except (FileNotFoundError, ValueError, TypeError):
        pass  # a half of it is as good as nothing
    made = make()
    replace_file(key, made.key_pem())
    replace_file(certificate, made.certificate_pem())
    return made


def _good(issued: Issued, authority: Issued, now: datetime) -> bool:
    """Return whether an authority has issued this, and it is good for a while."""
    certificate = issued.certificate
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    last = certificate.not_valid_after_utc - RENEWED_BEFORE
    return certificate.not_valid_before_utc <= now <= last


def _keep_or_make_token_key(private: Path, public: Path) -> None:
    if private.exists() and public.exists():
        return
    key = Ed25519PrivateKey.generate()
    replace_file(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    shown = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    key_set = {"keys": [{**shown, "alg": "EdDSA", "use": "sig", "kid": key_id(shown)}]}
    replace_file(public, json.dumps(key_set, indent=2).encode())


def key_id(shown: Mapping[str, str]) -> str:
    """Return the thumbprint of a public key of the type OKP, by RFC 7638 and 8037."""
    members = {name: shown[name] for name in ("crv", "kty", "x")}
    digest = sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if others_may_read(folder):
        raise ValueError(f"Others may enter {folder}, where keys are to lie: chmod 700 it.")
