"""The identities of attackers are as bad as they say, and good ones are good."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import grpc
import jwt
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID
from google.protobuf.empty_pb2 import Empty

from tests.integration.attacks import outcome, tls_channel
from tests.integration.identities import (
    AUDIENCE,
    LIFE_S,
    Authority,
    Identity,
    TokenSigner,
    bad_identities,
    bad_tokens,
    claims_of,
    jwks,
)


class LivesTooLongError(Exception):
    """A token's life is longer than allowed."""


METHOD = "/osms.tests.Door/Knock"
AUTHORITY = Authority()
BAD_IDENTITIES = bad_identities(AUTHORITY, "clinic-5", "clinic-6")
ALGORITHMS: tuple[Literal["EdDSA", "ES256"], ...] = ("EdDSA", "ES256")
REFUSALS: Mapping[str, type[Exception]] = {
    "no signature": jwt.InvalidAlgorithmError,
    "no signature, spelled otherwise": jwt.InvalidAlgorithmError,
    "signature cut off": jwt.InvalidSignatureError,
    "signed by the public key": jwt.InvalidAlgorithmError,
    "signed by the public key of the key set": jwt.InvalidAlgorithmError,
    "signed by another key under the same id": jwt.InvalidSignatureError,
    "key brought along": jwt.InvalidSignatureError,
    "unknown key": KeyError,
    "no key named": KeyError,
    "other claims under the same signature": jwt.InvalidSignatureError,
    "other audience": jwt.InvalidAudienceError,
    "no audience": jwt.MissingRequiredClaimError,
    "no end": jwt.MissingRequiredClaimError,
    "no issue time": jwt.MissingRequiredClaimError,
    "no subject": jwt.MissingRequiredClaimError,
    "lives too long": LivesTooLongError,
    "expired": jwt.ExpiredSignatureError,
    "not yet valid": jwt.ImmatureSignatureError,
    "issued in the future": jwt.ImmatureSignatureError,
    "end is no number": jwt.DecodeError,
    "no token at all": jwt.DecodeError,
    "empty": jwt.DecodeError,
}
"""Why a careful reader takes none of them."""


def uris(identity: Identity) -> list[str]:
    """Return the URIs that a certificate names."""
    try:
        names = identity.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)


@pytest_asyncio.fixture
async def door() -> AsyncIterator[str]:
    """A server that requires a certificate of AUTHORITY, and looks no further; its target."""

    async def knock(request: bytes, context: Any) -> bytes:
        return b""

    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Knock": grpc.unary_unary_rpc_method_handler(knock)
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("osms.tests.Door", handlers),)
    )
    own = AUTHORITY.server()
    port = server.add_secure_port(
        "127.0.0.1:0",
        grpc.ssl_server_credentials(
            [(own.key, own.certificate)], AUTHORITY.pem, require_client_auth=True
        ),
    )
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def knock(target: str, identity: Identity | None) -> grpc.StatusCode:
    """Return what a call with this identity comes to."""

    def call() -> grpc.StatusCode:
        with tls_channel(target, AUTHORITY.pem, identity) as channel:
            return outcome(channel, METHOD, Empty())[0]

    return await asyncio.to_thread(call)


async def test_a_good_certificate_opens_a_connection(door: str) -> None:
    """It names one client, and nothing else is asked of it."""
    good = AUTHORITY.client("clinic-5")
    assert uris(good) == ["osms://client/clinic-5"]
    assert await knock(door, good) is grpc.StatusCode.OK


async def test_tls_refuses_what_no_gateway_needs_to_look_at(door: str) -> None:
    """Certificates of others, of other times and for other uses never reach a handler; the rest
    do, so that the gateway itself has to refuse them.
    """
    found = {name: await knock(door, bad) for name, (bad, _) in BAD_IDENTITIES.items()}
    assert found == {
        name: grpc.StatusCode.UNAVAILABLE if by_tls else grpc.StatusCode.OK
        for name, (_, by_tls) in BAD_IDENTITIES.items()
    }


def test_bad_certificates_are_bad_in_one_way_each() -> None:
    """What TLS refuses names the client rightly; what it lets pass is signed rightly."""
    now = datetime.now(UTC)
    for name, (identity, by_tls) in BAD_IDENTITIES.items():
        if identity is None:
            continue
        found = identity.parsed
        usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        faults = {
            "names": uris(identity) != ["osms://client/clinic-5"],
            "time": not found.not_valid_before_utc < now < found.not_valid_after_utc,
            "usage": list(usage) != [ExtendedKeyUsageOID.CLIENT_AUTH],
            "issuer": not issued_by_authority(found),
        }
        assert sum(faults.values()) == (name != "other certificate of the same name"), name
        assert by_tls or not (faults["time"] or faults["usage"] or faults["issuer"]), name


def issued_by_authority(certificate: x509.Certificate) -> bool:
    """Tell whether AUTHORITY signed a certificate."""
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(AUTHORITY.pem))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def accepted(token: str, signer: TokenSigner) -> Mapping[str, Any]:
    """Return the claims of a token as a careful reader takes them, from the key set's text."""
    keys = jwt.PyJWKSet.from_json(jwks(signer))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    required = ["sub", "aud", "iat", "exp"]
    claims: dict[str, Any] = jwt.decode(
        token, key, [signer.algorithm], audience=AUDIENCE, options={"require": required}
    )
    if claims["exp"] - claims["iat"] > LIFE_S:
        raise LivesTooLongError
    return claims


@pytest.fixture(params=ALGORITHMS)
def signer(request: pytest.FixtureRequest) -> TokenSigner:
    """A key of each kind."""
    return TokenSigner("2026", request.param)


def test_a_good_token_is_read_with_the_published_keys(signer: TokenSigner) -> None:
    """Nothing secret is published, and the subject is the client."""
    assert accepted(signer.token("clinic-5"), signer)["sub"] == "clinic-5"
    assert "d" not in json.loads(jwks(signer))["keys"][0]


def test_bad_tokens_are_bad_in_the_way_they_say(signer: TokenSigner) -> None:
    """A careful reader takes none, each for its own reason; that of another subject is good."""
    bad = dict(bad_tokens(signer, "clinic-5", "nobody"))
    assert accepted(bad.pop("other subject"), signer)["sub"] == "nobody"
    assert bad.keys() == REFUSALS.keys()
    for name, token in bad.items():
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the class is compared
            accepted(token, signer)
        assert caught.type is REFUSALS[name], name


def test_a_careless_reader_takes_forged_tokens(signer: TokenSigner) -> None:
    """The attacks are real: who believes what the header says of the key is deceived."""
    bad = bad_tokens(signer, "clinic-5", "nobody")
    careless = jwt.decode(bad["no signature"], options={"verify_signature": False})
    assert careless["sub"] == "clinic-5"
    header, payload, signature = bad["signed by the public key"].split(".")
    signed = hmac.digest(signer.public_pem, f"{header}.{payload}".encode(), "sha256")
    assert base64.urlsafe_b64encode(signed).decode().rstrip("=") == signature
    brought = bad["key brought along"]
    key = jwt.PyJWK(jwt.get_unverified_header(brought)["jwk"])
    assert jwt.decode(brought, key, [signer.algorithm], audience=AUDIENCE)["sub"] == "clinic-5"


def test_a_token_can_be_of_another_time_or_of_an_old_key() -> None:
    """One that was good is shown again after its life, and after its key was taken away."""
    old, new = TokenSigner("2025"), TokenSigner("2026")
    past = int(datetime.now(UTC).timestamp()) - LIFE_S - 60
    with pytest.raises(jwt.ExpiredSignatureError):
        accepted(new.sign(claims_of("clinic-5", iat=past)), new)
    with pytest.raises(KeyError):
        accepted(old.token("clinic-5"), new)
