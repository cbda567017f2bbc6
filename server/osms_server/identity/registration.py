"""What an operator makes of a client: checked changes of its record. Nothing is granted unsaid."""

import getpass
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from osms.v1 import core_pb2
from osms_server.identity.callers import Role
from osms_server.identity.certificates import CLIENT_URI, read_certificate
from osms_server.quotas import CLASSES
from osms_storage.clients import ClientRecord

PURPOSES: Final = frozenset(
    name.removeprefix("PURPOSE_")
    for name, number in core_pb2.Purpose.items()
    if number != core_pb2.PURPOSE_UNSPECIFIED
)
"""What a client may be allowed to ask for."""
HIDDEN_DAYS_MAX = 3_650
"""For how long at most a person is not shown an access; nothing is hidden for ever."""
_NAME = re.compile(r"[a-z0-9._-]{1,64}")


def operator() -> str:
    """Return the user of the operating system by whom this process runs."""
    try:
        import pwd  # not everywhere
    except ImportError:
        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def new_client(name: str) -> ClientRecord:
    """Return a client that may do nothing. Raises ValueError for a name that is none."""
    if not _NAME.fullmatch(name):
        raise ValueError("A client's name is 1 to 64 of a-z, 0-9, '.', '_', '-'.")
    nothing: frozenset[str] = frozenset()
    return ClientRecord(name, nothing, nothing, nothing, "", 0)


def granted(
    client: ClientRecord,
    *,
    known_sources: Collection[str],
    roles: Iterable[Role] | None = None,
    sources: Iterable[str] | None = None,
    purposes: Iterable[str] | None = None,
    quota: str | None = None,
    hidden_days: int | None = None,
) -> ClientRecord:
    """Return a client with other rights; what is None stays as it is.

    Raises ValueError for what does not exist.
    """
    changed = replace(
        client,
        roles=client.roles if roles is None else frozenset(map(str, roles)),
        sources=client.sources if sources is None else frozenset(sources),
        purposes=client.purposes if purposes is None else frozenset(purposes),
        quota=client.quota if quota is None else quota,
        hidden_days=client.hidden_days if hidden_days is None else hidden_days,
    )
    for what, named, known in (
        ("source", changed.sources, known_sources),
        ("purpose", changed.purposes, PURPOSES),
        ("class of quotas", {changed.quota} - {""}, CLASSES),
    ):
        for one in sorted(named - frozenset(known)):
            raise ValueError(f"There is no {what} {one}; there are {', '.join(sorted(known))}.")
    if not 0 <= changed.hidden_days <= HIDDEN_DAYS_MAX:
        raise ValueError(f"Accesses are hidden for 0 to {HIDDEN_DAYS_MAX} days.")
    return changed


def rotated(
    client: ClientRecord,
    certificates: Mapping[bytes, datetime],
    *,
    now: datetime,
    keep_old_for: timedelta,
) -> ClientRecord:
    """Return a client with these certificates, and the old ones for a while.

    Where nothing old is kept, nor are tokens that were issued before now. Otherwise they end by
    themselves, long before the certificates do (see tokens.TOKEN_LIFE_MAX_S).
    """
    until = now + keep_old_for
    old = {
        fingerprint: until if ends_at is None else min(ends_at, until)
        for fingerprint, ends_at in client.certificates.items()
    }
    return replace(
        client,
        certificates={
            **{fingerprint: ends_at for fingerprint, ends_at in old.items() if ends_at > now},
            **certificates,
        },
        tokens_from=client.tokens_from if keep_old_for else now,
    )


def disabled(client: ClientRecord, now: datetime) -> ClientRecord:
    """Return a client that is refused from now on; enabled again, it needs new tokens."""
    return replace(client, disabled_at=now, tokens_from=now)


def enabled(client: ClientRecord) -> ClientRecord:
    """Return a client that is not refused any more."""
    return replace(client, disabled_at=None)


def read_certificates(
    files: Iterable[Path], client: str, now: datetime
) -> Mapping[bytes, datetime]:
    """Return certificates of a client: SHA-256 of the DER form -> when it expires.

    Each file is PEM; its first certificate counts. Raises OSError for one that cannot be read,
    ValueError for one that this client could not show.
    """
    found = {}
    for file in files:
        pem = file.read_bytes()
        try:
            parsed = x509.load_pem_x509_certificate(pem)
            certificate = read_certificate(pem)
            flaw = _flaw(parsed, now)
        except ValueError as exc:
            raise ValueError(f"{file}: there is no readable certificate in it.") from exc
        if certificate.client != client:
            raise ValueError(f"{file}: its one URI must be {CLIENT_URI}{client}.")
        if flaw:
            raise ValueError(f"{file}: {flaw}")
        found[certificate.fingerprint] = certificate.expires_at
    return found


def _flaw(certificate: x509.Certificate, now: datetime) -> str:
    """Return why nobody could show this certificate now; empty: one can."""
    extensions = certificate.extensions
    try:
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        if constraints.ca:
            return "it is an authority's, not a client's."
    except x509.ExtensionNotFound:
        pass  # without them it is nobody's authority
    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return "it does not say that it is a client's."
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
        return "it does not say that it is a client's."
    if now < certificate.not_valid_before_utc:
        return f"it is not good before {certificate.not_valid_before_utc.isoformat()}."
    if certificate.not_valid_after_utc <= now:
        return f"it was good until {certificate.not_valid_after_utc.isoformat()}."
    return ""
