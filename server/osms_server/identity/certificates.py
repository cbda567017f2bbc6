"""TLS with client certificates: what the server shows, whom it trusts, and whom it talks to.

All files are read again when one of them changes, for the next connection: certificates and
authorities are rotated without a restart. Connections that are open stay.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from osms_server import logs
from osms_server.identity.followed_files import FollowedFiles

CLIENT_URI = "osms://client/"
"""What the URI in a client certificate's subject alternative names begins with; then its name."""
CERTIFICATES_KEPT_MAX = 8_192
"""How many certificates of clients are kept parsed."""

_log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What the certificate of a client says."""

    client: str
    """The client that it names; empty: none, or more than one."""
    fingerprint: bytes
    """The SHA-256 of its DER form."""
    expires_at: datetime
    """From when on it is no longer good, also on a connection that is open."""


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """Where the certificates lie, as PEM."""

    certificate: Path
    """The server's own, with those of authorities in between."""
    key: Path
    """Its private key."""
    authorities: Path
    """Who may have signed certificates of clients."""

    def read(self) -> grpc.ServerCertificateConfiguration:
        """Return what is in them.

        Raises OSError if one cannot be read, ValueError if they do not belong together.
        """
        certificate, key = self.certificate.read_bytes(), self.key.read_bytes()
        authorities = self.authorities.read_bytes()
        _check(certificate, key, authorities)
        return grpc.ssl_server_certificate_configuration([(key, certificate)], authorities)


def server_credentials(files: ServerFiles) -> grpc.ServerCredentials:
    """Return credentials that follow the files, and demand a certificate of every client.

    Raises OSError and ValueError as `ServerFiles.read`.
    """
    # Its types do not say so, but None means that nothing has changed. It looks before they are
    # read: what is replaced meanwhile is read again.
    changed: Any = _Following(files).changed
    first = files.read()
    return grpc.dynamic_ssl_server_credentials(first, changed, require_client_authentication=True)


class _Following:
    """Tells gRPC, at each handshake and in its own threads, whether the files have changed."""

    def __init__(self, files: ServerFiles) -> None:
        self._files = files
        self._followed = FollowedFiles(files.certificate, files.key, files.authorities)
        self._lock = threading.Lock()

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what is new; None: nothing, or nothing that could be used."""
        with self._lock:
            if not self._followed.changed():
                return None
        try:
            found = self._files.read()
        except (OSError, ValueError) as exc:
            # As before: a file that is being replaced must not close the door.
            _log.error("certificates", places=logs.places(exc))
            return None
        _log.info("certificates read")
        return found


class ClientCertificates:
    """Reads the certificates that clients show, each once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, ClientCertificate] = OrderedDict()

    def read(self, pem: bytes) -> ClientCertificate:
        """Return what a certificate says, which TLS has verified.

        Raises ValueError if it cannot be read as that of a client.
        """
        found = self._kept.get(pem)
        if found is None:
            try:
                found = read_certificate(pem)
            except Exception as exc:  # of names and extensions nobody foresaw, too
                raise ValueError("It is no certificate of a client.") from exc
            if len(self._kept) >= CERTIFICATES_KEPT_MAX:
                self._kept.popitem(last=False)
            self._kept[pem] = found
        return found


def read_certificate(pem: bytes) -> ClientCertificate:
    """Return what a client's certificate says; raise ValueError if it is none."""
    certificate = x509.load_pem_x509_certificate(pem)
    return ClientCertificate(
        _client_named(certificate),
        sha256(certificate.public_bytes(Encoding.DER)).digest(),
        certificate.not_valid_after_utc,
    )


def _client_named(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    clients = [
        uri.removeprefix(CLIENT_URI)
        for uri in names.get_values_for_type(x509.UniformResourceIdentifier)
        if uri.startswith(CLIENT_URI)
    ]
    return clients[0] if len(clients) == 1 else ""


def _check(certificate: bytes, key: bytes, authorities: bytes) -> None:
    """Raise ValueError unless the three can be used together: gRPC itself would only stop."""
    try:
        shown = x509.load_pem_x509_certificates(certificate)[0]
        private = load_pem_private_key(key, password=None)
        x509.load_pem_x509_certificates(authorities)
    except (ValueError, TypeError) as exc:
        raise ValueError("A certificate or key is not readable PEM.") from exc
    if private.public_key() != shown.public_key():
        raise ValueError("The server's key does not belong to its certificate.")
