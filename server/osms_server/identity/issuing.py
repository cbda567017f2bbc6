"""Issues certificates: for development and tests. The Fund has an authority of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from osms_server.identity.certificates import CLIENT_URI


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its private key: ECDSA on the curve P-256."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def from_pem(cls, certificate: bytes, key: bytes) -> "Issued":
        """Return what was issued before; raise ValueError if it is not that, or not a pair."""
        parsed = x509.load_pem_x509_certificate(certificate)
        private = load_pem_private_key(key, password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise ValueError("The key is not one of an elliptic curve.")
        if private.public_key() != parsed.public_key():
            raise ValueError("The key is not the certificate's.")
        return cls(parsed, private)

    def certificate_pem(self) -> bytes:
        """Return the certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self) -> bytes:
        """Return the private key as PEM, in the clear."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def issue_authority(name: str, *, valid_from: datetime, valid_until: datetime) -> Issued:
    """Return a new authority, which may sign certificates but no other authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(name, key, valid_from, valid_until)
        .issuer_name(_name(name))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )
    return Issued(builder.sign(key, SHA256()), key)


def issue_server(
    authority: Issued, hosts: Sequence[str], *, valid_from: datetime, valid_until: datetime
) -> Issued:
    """Return a certificate of a server that is reached by these names and addresses."""
    return issue_certificate(
        authority,
        hosts[0],
        [_host(host) for host in hosts],
        usages=[ExtendedKeyUsageOID.SERVER_AUTH],
        valid_from=valid_from,
        valid_until=valid_until,
    )


def issue_client(
    authority: Issued, client: str, *, valid_from: datetime, valid_until: datetime
) -> Issued:
    """Return a certificate that names a client."""
    return issue_certificate(
        authority,
        client,
        [x509.UniformResourceIdentifier(CLIENT_URI + client)],
        usages=[ExtendedKeyUsageOID.CLIENT_AUTH],
        valid_from=valid_from,
        valid_until=valid_until,
    )


def issue_certificate(
    authority: Issued,
    name: str,
    alternative_names: Sequence[x509.GeneralName],
    *,
    usages: Sequence[x509.ObjectIdentifier],
    valid_from: datetime,
    valid_until: datetime,
) -> Issued:
    """Return a certificate signed by an authority, with whatever names and usages."""
    key = ec.generate_private_key(ec.SECP256R1())
    of_authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        _builder(name, key, valid_from, valid_until)
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(of_authority, critical=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternative_names), critical=False)
    )
    return Issued(builder.sign(authority.key, SHA256()), key)


def _builder(
    name: str, key: ec.EllipticCurvePrivateKey, valid_from: datetime, valid_until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from)
        .not_valid_after(valid_until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
