"""Certificates and tokens as clients show them, and as attackers do.

A client is named by one URI in its certificate, ``osms://client/NAME``, or by the subject of a
token. All keys are made anew, and nothing here is of the gateway: a fault in the one does not hide
itself in the other.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import jwt
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUDIENCE = "osms.v1"
LIFE_S = 300
"""How long a token may live."""
DAY = timedelta(days=1)

TokenKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey
CertificateKey = ec.EllipticCurvePrivateKey


def client_uri(name: str) -> str:
    """Return what stands in the certificate of a client."""
    return f"osms://client/{name}"


@dataclass(frozen=True)
class Identity:
    """A certificate with its key, both as PEM; a client may show it."""

    certificate: bytes
    key: bytes

    @property
    def parsed(self) -> x509.Certificate:
        """Return the certificate, the first of its chain."""
        return x509.load_pem_x509_certificate(self.certificate)

    @property
    def fingerprint(self) -> bytes:
        """Return the SHA-256 of the certificate's DER, by which the gateway knows it."""
        return self.parsed.fingerprint(hashes.SHA256())


class Authority:
    """A certificate authority of its own."""

    def __init__(self) -> None:
        self._authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self.pem = self._authority.cert_pem.bytes()
        """Its certificate: what the other side trusts."""
        self._certificate = x509.load_pem_x509_certificate(self.pem)
        private = self._authority.private_key_pem.bytes()
        loaded = serialization.load_pem_private_key(private, None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self._key = loaded

    def server(self, *hosts: str) -> Identity:
        """Return an identity for a server on these hosts and addresses; none: on loopback."""
        issued = self._authority.issue_cert(*(hosts or ("localhost", "127.0.0.1", "::1")))
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        return Identity(chain, issued.private_key_pem.bytes())

    def client(
        self,
        *names: str,
        uris: Sequence[str] | None = None,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
        valid_from: timedelta = -DAY,
        valid_for: timedelta = 2 * DAY,
    ) -> Identity:
        """Return an identity for a client; several names, or other URIs, make a bad one.

        ``valid_from`` counts from now.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        uris = [client_uri(name) for name in names] if uris is None else uris
        built = _certificate(
            key, uris, usage, datetime.now(UTC) + valid_from, valid_for, self._certificate.subject
        )
        return Identity(_pem(built.sign(self._key, hashes.SHA256())), _private_pem(key))


def self_signed(name: str) -> Identity:
    """Return an identity that nobody but the client itself vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage, since = ExtendedKeyUsageOID.CLIENT_AUTH, datetime.now(UTC) - DAY
    built = _certificate(key, [client_uri(name)], usage, since, 2 * DAY, issuer)
    return Identity(_pem(built.sign(key, hashes.SHA256())), _private_pem(key))


def bad_identities(
    authority: Authority, name: str, other: str
) -> Mapping[str, tuple[Identity | None, bool]]:
    """Return by what is wrong with it what an attacker shows as ``name``, who may not be known.

    With each stands whether TLS itself ends the connection; else it is the gateway that has to
    refuse. ``other`` is a client whom the gateway knows, too, but not by this certificate.
    """
    escaped = f"%{ord(name[0]):x}{name[1:]}"
    return {
        "no certificate": (None, True),
        "wrong authority": (Authority().client(name), True),
        "self-signed": (self_signed(name), True),
        "expired": (authority.client(name, valid_from=-2 * DAY, valid_for=DAY), True),
        "not yet valid": (authority.client(name, valid_from=DAY), True),
        "server's": (authority.client(name, usage=ExtendedKeyUsageOID.SERVER_AUTH), True),
        "swapped name": (authority.client(other), False),
        "two names": (authority.client(name, other), False),
        "no name": (authority.client(uris=[]), False),
        "other scheme": (authority.client(uris=[f"https://client/{name}"]), False),
        "longer path": (authority.client(uris=[f"{client_uri(name)}/{other}"]), False),
        "escaped name": (
            authority.client(escaped),
            False,
        ),
        "other certificate of the same name": (authority.client(name), False),
    }


def _certificate(
    key: CertificateKey,
    uris: Sequence[str],
    usage: x509.ObjectIdentifier,
    since: datetime,
    valid_for: timedelta,
    issuer: x509.Name,
) -> x509.CertificateBuilder:
    # The subject says nothing: a gateway that went by it would be seen at once.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anybody")])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + valid_for)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    if uris:
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return built


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: CertificateKey | TokenKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@dataclass(frozen=True)
class TokenSigner:
    """A key that signs tokens, and the public half that the gateway is given."""

    kid: str
    algorithm: Literal["EdDSA", "ES256"] = "EdDSA"
    key: TokenKey = field(init=False)

    def __post_init__(self) -> None:
        made: TokenKey = (
            Ed25519PrivateKey.generate()
            if self.algorithm == "EdDSA"
            else ec.generate_private_key(ec.SECP256R1())
        )
        object.__setattr__(self, "key", made)

    @property
    def public_pem(self) -> bytes:
        """Return the public key as PEM."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def jwk(self) -> dict[str, str]:
        """Return the public key as a JWK."""
        kind = jwt.get_algorithm_by_name(self.algorithm)
        public: dict[str, str] = json.loads(kind.to_jwk(self.key.public_key()))
        return {**public, "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Return a token; a header replaces what this key would write."""
        headers = {"kid": self.kid, **header}
        return jwt.encode(dict(claims), self.key, self.algorithm, headers)

    def token(self, name: str) -> str:
        """Return a good token of a client."""
        return self.sign(claims_of(name))


def jwks(*signers: TokenSigner) -> str:
    """Return the text of a key set."""
    return json.dumps({"keys": [signer.jwk for signer in signers]})


def claims_of(name: str, **changed: Any) -> dict[str, Any]:
    """Return the claims of a token that was just issued; None takes one away.

    ``iat`` alone moves the whole life of the token.
    """
    issued_at = changed.get("iat") or int(datetime.now(UTC).timestamp())
    claims = {"sub": name, "aud": AUDIENCE, "iat": issued_at, "exp": issued_at + LIFE_S, **changed}
    return {claim: value for claim, value in claims.items() if value is not None}


def bad_tokens(signer: TokenSigner, name: str, stranger: str) -> Mapping[str, str]:
    """Return by what is wrong with it what an attacker shows as ``name``.

    ``stranger`` is nobody whom the gateway knows. One attack is none of these: a token that was
    good, shown again after its life (`claims_of` with ``iat``), or after its key was taken away.
    """
    now = int(datetime.now(UTC).timestamp())
    claims = claims_of(name)
    good = signer.sign(claims)
    header, payload, signature = good.split(".")
    forger = TokenSigner(signer.kid, signer.algorithm)

    def signed(**changed: Any) -> str:
        return signer.sign(claims_of(name, **changed))

    return {
        "no signature": unsigned(claims, "none", signer.kid),
        "no signature, spelled otherwise": unsigned(claims, "NonE", signer.kid),
        "signature cut off": f"{header}.{payload}.",
        "signed by the public key": confused(claims, signer, signer.public_pem),
        "signed by the public key of the key set": confused(
            claims, signer, json.dumps(signer.jwk).encode()
        ),
        "signed by another key under the same id": forger.sign(claims),
        "key brought along": forger.sign(claims, jwk=forger.jwk),
        "unknown key": TokenSigner("another").sign(claims),
        "no key named": unnamed(signer, claims),
        "other claims under the same signature": ".".join(
            (header, _encoded({**claims, "sub": stranger}), signature)
        ),
        "other audience": signed(aud="osms.v2"),
        "no audience": signed(aud=None),
        "no end": signed(exp=None),
        "no issue time": signed(iat=None),
        "no subject": signed(sub=None),
        "lives too long": signed(exp=now + LIFE_S + 60),
        "expired": signed(iat=now - LIFE_S - 120),
        "not yet valid": signed(nbf=now + 120),
        "issued in the future": signed(iat=now + 120),
        "end is no number": signed(exp="never"),
        "other subject": signer.sign(claims_of(stranger)),
        "no token at all": "not.a.token",
        "empty": "",
    }


def unsigned(claims: Mapping[str, Any], algorithm: str, kid: str) -> str:
    """Return a token that says it needs no signature."""
    return f"{_encoded({'alg': algorithm, 'typ': 'JWT', 'kid': kid})}.{_encoded(claims)}."


def confused(claims: Mapping[str, Any], signer: TokenSigner, secret: bytes) -> str:
    """Return a token signed with what everybody knows, as if it were a shared secret."""
    head = _encoded({"alg": "HS256", "typ": "JWT", "kid": signer.kid})
    signing = f"{head}.{_encoded(claims)}"
    return f"{signing}.{_base64(hmac.digest(secret, signing.encode(), hashlib.sha256))}"


def unnamed(signer: TokenSigner, claims: Mapping[str, Any]) -> str:
    """Return a token that does not say which key signed it."""
    return jwt.encode(dict(claims), signer.key, signer.algorithm)


def _encoded(part: Mapping[str, Any]) -> str:
    return _base64(json.dumps(part).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
