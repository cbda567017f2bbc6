"""Nobody gets in who may not, or stays in who may not any more; whoever else asks is answered."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2, payment_service_pb2
from osms_server.bootstrap import running_gateway
from osms_server.identity import Role
from osms_server.identity.tokens import Tokens
from osms_server.settings import Settings
from tests.integration import lookups
from tests.integration.attacks import bearing, end_of, end_while_sending, outcome, tls_channel
from tests.integration.fortress import Fortress, certified, client, eventually
from tests.integration.identities import (
    DAY,
    LIFE_S,
    Authority,
    Identity,
    TokenSigner,
    bad_identities,
    bad_tokens,
    claims_of,
    jwks,
)
from tests.integration.people import new_iin
from tests.integration.streams import Sender
from tests.integration.wire import DEADLINE_S, Stubs

LOOKUP = "/osms.v1.ConsumerService/LookupConsumer"
LIST_SUSPENSE = "/osms.v1.PaymentService/ListSuspense"
QUESTION = pb.LookupConsumerRequest(iin="900101390002", purpose=core_pb2.PURPOSE_RECEPTION)
SUSPENSE = payment_service_pb2.ListSuspenseRequest()
ANSWERED = (grpc.StatusCode.OK, "")
LIVES_S = (3, 6, 12, 24, 48)
"""How long something lives that a test sees end: a slow machine needs longer to see it alive."""
CERTIFIED = ("clinic-5", "clinic-6", "closed", "robbed")
"""Clients with a certificate of their own."""


@pytest.fixture(scope="module")
def identities() -> dict[str, Identity]:
    """What each client shows; filled when the fortress is built."""
    return {}


@pytest.fixture(scope="module")
def successor() -> Authority:
    """Another authority, which comes to be trusted, too."""
    return Authority()


@pytest.fixture(scope="module")
def fortress(
    prepared_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
    identities: dict[str, Identity],
    successor: Authority,
) -> Iterator[Fortress]:
    """A gateway whose watches move often, with the clients of these tests."""
    built = Fortress(tmp_path_factory.mktemp("fortress"))
    identities |= {name: built.authority.client(name) for name in CERTIFIED}
    identities["newcomer"] = successor.client("newcomer")
    clients = [
        *(certified(client(name, Role.MIS), shown) for name, shown in identities.items()),
        client("shut-out", Role.MIS),
        client("fund", Role.FUND_OPERATOR),
    ]
    settings = {"OSMS_CHECKPOINT_EVERY_S": "0.05", "OSMS_TELL_EVERY_S": "0.05"}
    with built.serve(prepared_store, clients, settings):
        yield built


@pytest.fixture(autouse=True)
def good_clients(fortress: Fortress, identities: dict[str, Identity]) -> Iterator[None]:
    """Those who are answered after each attack, by a certificate and by a token."""
    yield
    with fortress.by_certificate(identities["clinic-5"]) as stubs:
        assert lookups.status_of(stubs, new_iin()) == "UNKNOWN_CONSUMER"
    with fortress.by_token("clinic-6") as stubs:
        assert lookups.status_of(stubs, new_iin()) == "UNKNOWN_CONSUMER"


def asked(stubs: Stubs, **metadata: str) -> tuple[grpc.StatusCode, str]:
    """Return what a question comes to: its status, and the code of who is not known."""
    given = tuple(metadata.items())
    status, _, told = outcome(stubs.channel, LOOKUP, QUESTION, given)
    return status, told.get("why", "")


def refused(why: str) -> tuple[grpc.StatusCode, str]:
    """Return what the question of somebody unknown comes to."""
    return grpc.StatusCode.UNAUTHENTICATED, why


def until(stubs: Stubs, told: tuple[grpc.StatusCode, str]) -> None:
    """Ask until the question comes to this."""
    eventually(lambda: asked(stubs) == told, f"never {told}")


def watching(stubs: Stubs) -> Any:
    """Begin a watch, and wait until it is under way."""
    request = pb.WatchConsumersRequest(consumers=pb.ConsumerList(iins=[new_iin()]))
    watch = stubs.consumers.WatchConsumers(request, timeout=DEADLINE_S)
    next(watch)
    return watch


# --- certificates --------------------------------------------------------------------------------


def test_no_bad_certificate_is_answered(fortress: Fortress) -> None:
    """TLS ends the connection, or the gateway says that it knows nobody like that."""
    bad = bad_identities(fortress.authority, "clinic-5", "clinic-6")
    for name, (identity, by_tls) in bad.items():
        with tls_channel(fortress.tls_target, fortress.authority.pem, identity) as channel:
            status, reason, metadata = outcome(channel, LOOKUP, QUESTION)
        if by_tls:
            assert (status, reason) == (grpc.StatusCode.UNAVAILABLE, ""), name
        else:
            assert (status, reason) == (grpc.StatusCode.UNAUTHENTICATED, "CALLER_UNKNOWN"), name
            assert metadata == {"why": "certificate_unknown"}, name


def test_a_token_makes_nobody_of_a_certificate_another(
    fortress: Fortress, identities: dict[str, Identity]
) -> None:
    """Over TLS the certificate counts alone: neither a better token nor a bad one does anything."""
    token = bearing(fortress.signer.token("fund"))
    with fortress.by_certificate(identities["clinic-5"]) as stubs:
        status, reason, _ = outcome(stubs.channel, LIST_SUSPENSE, SUSPENSE, token)
        assert (status, reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_MISSING")
        assert asked(stubs, authorization="Bearer not.a.token") == ANSWERED
    with fortress.by_token("fund") as stubs:
        assert outcome(stubs.channel, LIST_SUSPENSE, SUSPENSE)[0] is grpc.StatusCode.OK


def test_a_disabled_client_is_refused_where_it_is(
    fortress: Fortress, identities: dict[str, Identity]
) -> None:
    """On the connection it has, on a new one, on its watch and amid its stream."""
    with fortress.by_certificate(identities["closed"]) as stubs:
        watch, stream = watching(stubs), Sender(stubs.consumers.StreamLookupConsumers)
        stream.send(chunk(options=pb.LookupOptions(purpose=core_pb2.PURPOSE_ROSTER)))
        next(stream.call)
        assert asked(stubs) == ANSWERED
        fortress.disable("closed")
        until(stubs, refused("client_disabled"))
        for failure in (end_of(watch), end_while_sending(stream, chunk)):
            assert failure.status is grpc.StatusCode.UNAUTHENTICATED
            assert failure.metadata == {"why": "client_disabled"}
        stream.break_off()
        # In this order: what it was told is of before.
        assert asked(stubs) == refused("client_disabled")
    with fortress.by_certificate(identities["closed"]) as stubs:
        assert asked(stubs) == refused("client_disabled")


def chunk(**fields: Any) -> pb.StreamLookupConsumersRequest:
    """Return a message of a stream about somebody."""
    return pb.StreamLookupConsumersRequest(items=[pb.LookupItem(iin=new_iin())], **fields)


def test_a_stolen_certificate_ends(fortress: Fortress, identities: dict[str, Identity]) -> None:
    """After a rotation that keeps nothing, what was shown before is unknown, on streams too, and
    so are the tokens of before; the new certificate and new tokens are good.
    """
    stolen = fortress.signer.sign(claims_of("robbed", iat=int(datetime.now(UTC).timestamp()) - 1))
    new = fortress.authority.client("robbed")
    with ExitStack() as stack:
        thief = stack.enter_context(fortress.by_certificate(identities["robbed"]))
        forger = stack.enter_context(fortress.by_token("robbed", lambda: stolen))
        watches = [watching(thief), watching(forger)]
        fortress.show_only("robbed", new)
        until(thief, refused("certificate_unknown"))
        assert asked(forger) == refused("token_expired")
        ends = [end_of(watch).metadata["why"] for watch in watches]
        assert ends == ["certificate_unknown", "token_expired"]
    with fortress.by_certificate(new) as stubs:
        assert asked(stubs) == ANSWERED
    with fortress.by_token("robbed") as stubs:
        # Tokens count seconds: one of the same second may have been stolen.
        until(stubs, ANSWERED)


def test_a_certificate_ends_while_its_connection_is_open(fortress: Fortress) -> None:
    """Its last second is looked at with every call, and on a watch, not with the handshake."""
    for life_s in LIVES_S:
        lives = timedelta(seconds=life_s)
        identity = fortress.authority.client("brief", valid_from=-DAY, valid_for=DAY + lives)
        fortress.know(certified(client("brief", Role.MIS), identity))
        with fortress.by_certificate(identity) as stubs:
            while asked(stubs) == refused("certificate_unknown"):
                pass  # the gateway is about to look
            if asked(stubs) != ANSWERED:
                continue
            with suppress(grpc.RpcError):
                watch = watching(stubs)
                until(stubs, refused("certificate_expired"))
                assert end_of(watch).metadata == {"why": "certificate_expired"}
                return
    raise AssertionError("it was never good")


# --- files that are changed under a running gateway ----------------------------------------------


def test_authorities_and_the_servers_certificate_are_rotated(
    fortress: Fortress, identities: dict[str, Identity], successor: Authority
) -> None:
    """New connections see the new ones, also the clients' new authority; open ones live on."""
    with ExitStack() as stack:
        old = stack.enter_context(fortress.by_certificate(identities["clinic-5"]))
        assert asked(old) == ANSWERED
        stack.callback(fortress.put_server, fortress.authority.server())
        stack.callback(fortress.authorities.write_bytes, fortress.authority.pem)
        newcomer = partial(
            tls_channel, fortress.tls_target, fortress.authority.pem, identities["newcomer"]
        )
        with newcomer() as channel:
            assert outcome(channel, LOOKUP, QUESTION)[0] is grpc.StatusCode.UNAVAILABLE
        fortress.authorities.write_bytes(fortress.authority.pem + successor.pem)
        for identity in (identities["newcomer"], identities["clinic-6"]):
            with fortress.by_certificate(identity) as stubs:
                assert asked(stubs) == ANSWERED
        fortress.authorities.write_bytes(successor.pem)
        fortress.put_server(successor.server())
        with newcomer() as channel:
            assert outcome(channel, LOOKUP, QUESTION)[0] is grpc.StatusCode.UNAVAILABLE
        for identity, status in (
            (identities["newcomer"], grpc.StatusCode.OK),
            (identities["clinic-6"], grpc.StatusCode.UNAVAILABLE),
        ):
            with tls_channel(fortress.tls_target, successor.pem, identity) as channel:
                assert outcome(channel, LOOKUP, QUESTION)[0] is status
        assert asked(old) == ANSWERED


def test_a_broken_certificate_file_changes_nothing(
    fortress: Fortress, identities: dict[str, Identity]
) -> None:
    """Garbage, half a file, none, or another's key: the door stays as it was."""
    files = (fortress.certificate, fortress.key, fortress.authorities)
    for file in files:
        whole = file.read_bytes()
        for broken in (b"", b"garbage", whole[: len(whole) // 2], fortress.authority.server().key):
            file.write_bytes(broken)
            with fortress.by_certificate(identities["clinic-5"]) as stubs:
                assert asked(stubs) == ANSWERED, (file.name, broken[:20])
        file.unlink()
        with fortress.by_certificate(identities["clinic-5"]) as stubs:
            assert asked(stubs) == ANSWERED, file.name
        file.write_bytes(whole)
    assert "certificates" in fortress.gateway.log()


def test_keys_of_tokens_are_rotated(fortress: Fortress) -> None:
    """A key that was added signs from then on, one that was taken away does not any more, and a
    broken file changes nothing.
    """
    new = TokenSigner("2027", "ES256")
    with (
        fortress.by_token("clinic-5") as old,
        fortress.by_token("clinic-5", lambda: new.token("clinic-5")) as renewed,
    ):
        assert (asked(old), asked(renewed)) == (ANSWERED, refused("token_invalid"))
        fortress.token_keys.write_text(jwks(fortress.signer, new))
        until(renewed, ANSWERED)
        assert asked(old) == ANSWERED
        fortress.token_keys.write_text(jwks(new))
        until(old, refused("token_invalid"))
        for number, broken in enumerate(('{"keys": []}', jwks(new)[:40]), 1):
            fortress.token_keys.write_text(broken)
            while fortress.gateway.log().count('"event": "token keys"') < number:
                assert asked(renewed) == ANSWERED
            assert asked(renewed) == ANSWERED
        fortress.token_keys.write_text(jwks(fortress.signer))
        until(old, ANSWERED)
        assert asked(renewed) == refused("token_invalid")


# --- tokens --------------------------------------------------------------------------------------


def test_no_bad_token_is_answered(fortress: Fortress) -> None:
    """Whatever is wrong with it, nothing else is looked at."""
    with grpc.insecure_channel(fortress.plain_target) as channel:
        for name, token in bad_tokens(fortress.signer, "clinic-5", "nobody").items():
            status, reason, _ = outcome(channel, LOOKUP, QUESTION, bearing(token))
            assert (status, reason) == (grpc.StatusCode.UNAUTHENTICATED, "CALLER_UNKNOWN"), name


@pytest.mark.parametrize("keys", ["oct", "private"])
def test_no_secret_is_taken_for_a_public_key(tmp_path: Path, keys: str) -> None:
    """A file of shared secrets or of private keys stops the start, in words."""
    secret = {"kty": "oct", "k": "AAAA"} if keys == "oct" else {"d": "AAAA"}
    broken = tmp_path / "tokens.jwks"
    broken.write_text(json.dumps({"keys": [{**TokenSigner("2026").jwk, **secret}]}))
    with pytest.raises(ValueError, match="only public keys"):
        Tokens(broken, "osms.v1")


def test_a_good_token_in_bad_words_is_not_taken(fortress: Fortress) -> None:
    """There is one way to show a token; without one, or with garbage, nobody calls."""
    token = fortress.signer.token("clinic-5")
    headers: Mapping[str, Mapping[str, str]] = {
        "none": {},
        "empty": {"authorization": ""},
        "scheme alone": {"authorization": "Bearer"},
        "no scheme": {"authorization": token},
        "other scheme": {"authorization": f"Basic {token}"},
        "two spaces": {"authorization": f"Bearer  {token}"},
        "more behind it": {"authorization": f"Bearer {token} {token}"},
        "dots": {"authorization": f"Bearer {'.' * 1_000}"},
        "too long": {"authorization": f"Bearer {'A' * 5_000}"},
        "other header": {"proxy-authorization": f"Bearer {token}", "x-client": "clinic-5"},
    }
    with grpc.insecure_channel(fortress.plain_target) as channel:
        for name, given in headers.items():
            metadata = tuple(given.items())
            status, reason, _ = outcome(channel, LOOKUP, QUESTION, metadata)
            assert (status, reason) == (grpc.StatusCode.UNAUTHENTICATED, "CALLER_UNKNOWN"), name
        bad_first = (("authorization", "Bearer x"), *bearing(token))
        assert outcome(channel, LOOKUP, QUESTION, bad_first)[0] is grpc.StatusCode.UNAUTHENTICATED
        assert outcome(channel, LOOKUP, QUESTION, bearing(token))[0] is grpc.StatusCode.OK


def test_a_token_is_not_good_beyond_its_life(fortress: Fortress) -> None:
    """Not even one that was taken before; a watch that began with it goes on."""
    for life_s in LIVES_S:
        issued_at = int(datetime.now(UTC).timestamp()) - LIFE_S + life_s
        token = fortress.signer.sign(claims_of("clinic-5", iat=issued_at))
        with fortress.by_token("clinic-5", partial(str, token)) as stubs:
            if asked(stubs) != ANSWERED:
                continue
            with suppress(grpc.RpcError):
                watch = watching(stubs)
                until(stubs, refused("token_expired"))
                for _ in range(30):
                    next(watch)
                return
    raise AssertionError("it was never good")


def test_tokens_of_a_disabled_client_are_refused(fortress: Fortress) -> None:
    """Those of before, new ones, and a watch."""
    with fortress.by_token("shut-out") as stubs:
        watch = watching(stubs)
        fortress.disable("shut-out")
        until(stubs, refused("client_disabled"))
        assert end_of(watch).metadata == {"why": "client_disabled"}


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "[::]", "192.0.2.1", "[2001:db8::1]", "example.org", "127.0.0.1.example.org"],
)
async def test_plain_text_is_spoken_on_loopback_only(fortress: Fortress, host: str) -> None:
    """A gateway that would speak it elsewhere does not start, with TLS on its other door or not."""
    known: dict[str, Any] = {"store": fortress.store, "token_keys": fortress.token_keys}
    tls: dict[str, Any] = {
        "certificate": fortress.certificate,
        "certificate_key": fortress.key,
        "client_authorities": fortress.authorities,
    }
    for settings in (
        Settings(listen=f"{host}:0", **known),
        Settings(listen="127.0.0.1:0", plain_listen=f"{host}:0", **tls, **known),
    ):
        with pytest.raises(ValueError, match="on loopback only"):
            async with running_gateway(settings):
                pass
