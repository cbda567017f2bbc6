"""A gateway with both doors, an authority and a key of a test's own, and clients of every kind.

Clients come over TLS with their certificate, or over the plain door with a token. None has more
than a test needs: nothing is granted by default.
"""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import grpc

from osms.v1.access_service_pb2_grpc import AccessServiceStub
from osms.v1.category_service_pb2_grpc import CategoryServiceStub
from osms.v1.consumer_service_pb2_grpc import ConsumerServiceStub
from osms.v1.payment_service_pb2_grpc import PaymentServiceStub
from osms.v1.roster_service_pb2_grpc import RosterServiceStub
from osms_client import Gateway, bearer_tokens
from osms_client.testing import RunningGateway
from osms_server.identity import Role
from osms_server.identity.registration import disabled, new_client, rotated
from osms_storage.clients import ClientAction, ClientRecord, find_client, write_client
from osms_storage.store import Store
from tests.integration.attacks import tls_channel
from tests.integration.gateways import serving_store
from tests.integration.identities import Authority, Identity, TokenSigner, jwks
from tests.integration.wire import Stubs

PATIENCE_S = 20.0
"""What the gateway notices by itself, it notices well before."""
_PLAIN = "osms: plain text on "


def client(
    name: str,
    *roles: Role,
    sources: str = "",
    purposes: str = "RECEPTION ROSTER SELF_SERVICE AUDIT",
    hidden_days: int = 0,
) -> ClientRecord:
    """Return a client whose quota is no hindrance."""
    return replace(
        new_client(name),
        roles=frozenset(map(str, roles)),
        sources=frozenset(sources.split()),
        purposes=frozenset(purposes.split()),
        quota="national",
        hidden_days=hidden_days,
    )


class Fortress:
    """A running gateway and the keys to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = str(folder / "store.db")
        self.authority = Authority()
        """Signs what clients and the server show."""
        self.signer = TokenSigner("2026")
        """Signs tokens."""
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        self.authorities, self.token_keys = folder / "authorities.pem", folder / "tokens.jwks"
        self._gateway: RunningGateway | None = None
        self.put_server(self.authority.server())
        self.authorities.write_bytes(self.authority.pem)
        self.token_keys.write_text(jwks(self.signer))

    @property
    def gateway(self) -> RunningGateway:
        """The gateway itself."""
        assert self._gateway is not None
        return self._gateway

    @property
    def tls_target(self) -> str:
        """Where TLS is spoken."""
        return self.gateway.target

    @property
    def plain_target(self) -> str:
        """Where plain text is."""
        for line in self.gateway.log().splitlines():
            if line.startswith(_PLAIN):
                return line.removeprefix(_PLAIN)
        raise AssertionError("there is no plain door")

    def put_server(self, identity: Identity) -> None:
        """Let the server show this from now on."""
        self.key.write_bytes(identity.key)
        self.certificate.write_bytes(identity.certificate)

    @contextmanager
    def serve(
        self,
        prepared: Path,
        clients: Iterable[ClientRecord],
        settings: Mapping[str, str] | None = None,
    ) -> Iterator[None]:
        """Serve a copy of a prepared store, to which these clients were added."""
        shutil.copy(prepared, self.store)
        self.know(*clients)
        doors = {
            "OSMS_CERTIFICATE": str(self.certificate),
            "OSMS_CERTIFICATE_KEY": str(self.key),
            "OSMS_CLIENT_AUTHORITIES": str(self.authorities),
            "OSMS_PLAIN_LISTEN": "127.0.0.1:0",
            "OSMS_PLAIN_CLIENT": "",
            "OSMS_TOKEN_KEYS": str(self.token_keys),
        }
        with serving_store(
            self.store, self.folder, settings={**doors, **(settings or {})}
        ) as self._gateway:
            yield

    # --- clients ---------------------------------------------------------------------------------

    def know(self, *clients: ClientRecord) -> None:
        """Let the store know clients from now on; the gateway looks about every half second."""

        async def write() -> None:
            async with Store(self.store) as store, store.writing("CLIENT") as unit:
                for one in clients:
                    await write_client(
                        unit.connection,
                        one,
                        ClientAction.CHANGE,
                        changed_at=datetime.now(UTC),
                        changed_by="test",
                    )

        asyncio.run(write())

    def record(self, name: str) -> ClientRecord:
        """Return a client as it stands in the store."""

        async def read() -> ClientRecord | None:
            async with Store(self.store) as store, store.reading() as connection:
                return await find_client(connection, name)

        found = asyncio.run(read())
        assert found is not None
        return found

    def disable(self, name: str) -> None:
        """Refuse a client from now on."""
        self.know(disabled(self.record(name), datetime.now(UTC)))

    def show_only(self, name: str, identity: Identity) -> None:
        """Let a client show this and nothing else, as after a theft."""
        shown = {identity.fingerprint: identity.parsed.not_valid_after_utc}
        now = datetime.now(UTC)
        self.know(rotated(self.record(name), shown, now=now, keep_old_for=now - now))

    # --- connections -----------------------------------------------------------------------------

    @contextmanager
    def by_token(self, name: str, token: Callable[[], str] | None = None) -> Iterator[Stubs]:
        """Connect to the plain door as a client, with a good token or another."""
        credentials = bearer_tokens(token or (lambda: self.signer.token(name)))
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        with grpc.secure_channel(self.plain_target, credentials, options) as channel:
            yield _stubs(channel)

    def sdk(self, name: str) -> Gateway:
        """Return the SDK of a client that comes by tokens, to be opened."""
        tokens = bearer_tokens(lambda: self.signer.token(name))
        return Gateway(self.plain_target, credentials=tokens)

    @contextmanager
    def by_certificate(self, identity: Identity) -> Iterator[Stubs]:
        """Connect to the door with TLS by a certificate."""
        with tls_channel(self.tls_target, self.authority.pem, identity) as channel:
            yield _stubs(channel)


def certified(client: ClientRecord, *identities: Identity) -> ClientRecord:
    """Return a client that may show these, too."""
    shown = {one.fingerprint: one.parsed.not_valid_after_utc for one in identities}
    return replace(client, certificates={**client.certificates, **shown})


def accesses(stubs: Stubs) -> AccessServiceStub:
    """Return the service of accesses on a connection."""
    return AccessServiceStub(stubs.channel)


def eventually(true: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < give_up_at, what
        time.sleep(0.05)


def _stubs(channel: grpc.Channel) -> Stubs:
    return Stubs(
        channel,
        ConsumerServiceStub(channel),
        PaymentServiceStub(channel),
        CategoryServiceStub(channel),
        RosterServiceStub(channel),
    )
