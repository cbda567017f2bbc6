"""The folder of development identities: who can read it, what is in it, and running again."""

import json
import shutil
import stat
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography import x509
from cryptography.x509 import verification

from osms_seeds import reference
from osms_server.identity import Role, issuing
from osms_server.identity.certificates import ServerFiles, read_certificate, server_credentials
from osms_server.identity.development import (
    DEVELOPMENT_CLIENTS,
    GOOD_FOR,
    HOSTS,
    init_development,
    make_identities,
)
from osms_server.identity.registration import PURPOSES, granted, new_client
from osms_server.identity.tokens import Tokens
from osms_server.quotas import CLASSES
from osms_storage.clients import ClientAction, ClientRecord, read_clients, write_client
from osms_storage.migrations import migrate
from osms_storage.store import Store

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of today, which no test changes."""
    folder = tmp_path_factory.mktemp("identities") / "made"
    make_identities(folder, datetime.now(UTC))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_all_is_for_the_owner_alone(made: Path) -> None:
    """Folders are 0700, files 0600, and nothing half-written is left."""
    for path in (made, *made.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    clients = {
        f"clients/{name}/{file}.pem"
        for name in DEVELOPMENT_CLIENTS
        for file in ("certificate", "key", "authorities")
    }
    others = {
        "ca.pem",
        "ca.key",
        "server/certificate.pem",
        "server/key.pem",
        "tokens.jwks",
        "tokens.key",
    }
    found = {name for name in contents(made) if not name.startswith("receipts/")}
    assert found == clients | others


def test_a_folder_that_others_may_enter_gets_no_keys(tmp_path: Path) -> None:
    """It is said what to do; nothing was written."""
    tmp_path.chmod(0o755)
    with pytest.raises(ValueError, match="chmod 700"):
        make_identities(tmp_path, NOW)
    assert not [*tmp_path.iterdir()]


def test_each_certificate_names_its_client(made: Path) -> None:
    """By one URI; the server's names the hosts it is reached by."""
    for name in DEVELOPMENT_CLIENTS:
        assert (
            read_certificate((made / f"clients/{name}/certificate.pem").read_bytes()).client == name
        )
    server = x509.load_pem_x509_certificate((made / "server/certificate.pem").read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    assert {*names.get_values_for_type(x509.DNSName), *addresses} == {*HOSTS}


def test_a_chain_is_good_for_what_it_is_for_and_for_nothing_else(made: Path) -> None:
    """By the rules of X.509: a client's is no server's, and the other way round."""
    authority, server, client = (
        x509.load_pem_x509_certificate((made / file).read_bytes())
        for file in ("ca.pem", "server/certificate.pem", "clients/clinic/certificate.pem")
    )
    policy = verification.PolicyBuilder().store(verification.Store([authority]))
    serves = policy.build_server_verifier(x509.DNSName("localhost"))
    asks = policy.build_client_verifier()
    serves.verify(server, [])
    asks.verify(client, [])
    with pytest.raises(verification.VerificationError):
        serves.verify(client, [])
    with pytest.raises(verification.VerificationError):
        asks.verify(server, [])


def test_the_clients_have_every_role_every_source_and_every_purpose() -> None:
    """What they are granted exists, so that a development store can be used whole."""
    sources = reference.documents()["source"]
    clients = DEVELOPMENT_CLIENTS.values()
    for client in clients:
        assert granted(client, known_sources=sources) == client
    assert {role for client in clients for role in client.roles} == {*Role}
    assert {source for client in clients for source in client.sources} == {*sources}
    assert {purpose for client in clients for purpose in client.purposes} == PURPOSES
    assert {client.quota for client in clients} == {*CLASSES}


def test_running_again_keeps_what_is_good(tmp_path: Path) -> None:
    """What is missing, spoilt or of another authority is made anew, and nothing else."""
    folder = tmp_path / "made"
    shown = make_identities(folder, NOW)
    before = contents(folder)
    assert make_identities(folder, NOW + GOOD_FOR - timedelta(days=31)) == shown
    assert contents(folder) == before
    (folder / "clients/clinic/key.pem").unlink()
    (folder / "clients/fund/certificate.pem").write_bytes(b"spoilt")
    shutil.copy(folder / "clients/portal/key.pem", folder / "clients/auditor/key.pem")
    (folder / "server/key.pem").write_bytes((folder / "tokens.key").read_bytes())
    make_identities(folder, NOW)
    after = contents(folder)
    differing = {name.rpartition("/")[0] for name in before if before[name] != after[name]}
    assert differing == {"clients/clinic", "clients/fund", "clients/auditor", "server"}


def test_what_ends_soon_is_made_anew(tmp_path: Path) -> None:
    """With a new authority, as the old one ends, too; keys of tokens do not end."""
    folder = tmp_path / "made"
    before = make_identities(folder, NOW)
    tokens = (folder / "tokens.jwks").read_bytes()
    later = NOW + GOOD_FOR - timedelta(days=29)
    after = make_identities(folder, later)
    assert not {*before.values()} & {*after.values()}
    for pem in after.values():
        assert read_certificate(pem).expires_at == later + GOOD_FOR
    assert (folder / "tokens.jwks").read_bytes() == tokens


def test_tokens_of_the_key_are_taken(made: Path) -> None:
    """The public set is one that the gateway reads, and holds nothing private."""
    shown = json.loads((made / "tokens.jwks").read_text())["keys"][0]
    assert "d" not in shown
    claims = {
        "sub": "clinic",
        "aud": "osms.v1",
        "iat": datetime.now(UTC),
        "exp": datetime.now(UTC) + timedelta(minutes=5),
    }
    key = (made / "tokens.key").read_bytes()
    token = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": shown["kid"]})
    assert Tokens(made / "tokens.jwks", "osms.v1").read(token).client == "clinic"


async def test_a_client_and_a_server_meet_by_them(made: Path) -> None:
    """TLS as gRPC speaks it takes both, and the server sees whom it talks to."""
    files = ServerFiles(made / "server/certificate.pem", made / "server/key.pem", made / "ca.pem")
    shown: list[bytes] = []

    async def answer(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        shown.extend(context.auth_context()["x509_pem_cert"])
        return request

    server = grpc.aio.server()
    handlers: dict[str, Any] = {"Ask": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", handlers),))
    port = server.add_secure_port("127.0.0.1:0", server_credentials(files))
    await server.start()
    try:
        credentials = grpc.ssl_channel_credentials(
            (made / "ca.pem").read_bytes(),
            (made / "clients/hospital/key.pem").read_bytes(),
            (made / "clients/hospital/certificate.pem").read_bytes(),
        )
        for host in ("localhost", "127.0.0.1"):
            async with grpc.aio.secure_channel(f"{host}:{port}", credentials) as channel:
                ask: Any = channel.unary_unary("/test/Ask")
                assert await ask(b"hello", timeout=30) == b"hello"
    finally:
        await server.stop(None)
    assert {read_certificate(pem).client for pem in shown} == {"hospital"}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store that knows nobody."""
    path = str(tmp_path / "store.db")
    await migrate(path)
    async with Store(path) as opened:
        yield opened


async def clients(store: Store) -> Mapping[str, ClientRecord]:
    """Return the clients of a store."""
    async with store.reading() as connection:
        return await read_clients(connection)


async def test_a_store_knows_the_clients_and_their_newest_certificates(
    store: Store, tmp_path: Path
) -> None:
    """Once; what an operator has changed since stays."""
    folder = tmp_path / "made"
    await init_development(store, folder, NOW)
    made = await clients(store)
    for name, client in made.items():
        shown = read_certificate((folder / f"clients/{name}/certificate.pem").read_bytes())
        assert client.certificates == {shown.fingerprint: shown.expires_at}
        assert replace(client, certificates={}) == DEVELOPMENT_CLIENTS[name]
    assert made.keys() == DEVELOPMENT_CLIENTS.keys()
    async with store.writing("TEST") as unit:
        kept = replace(made["clinic"], quota="desk")
        await write_client(
            unit.connection, kept, ClientAction.CHANGE, changed_at=NOW, changed_by="aliya"
        )
    await init_development(store, folder, NOW)
    assert await clients(store) == {**made, "clinic": kept}
    shutil.rmtree(folder)
    await init_development(store, folder, NOW)
    after = (await clients(store))["clinic"]
    assert (after.quota, len(after.certificates)) == ("desk", 2)


async def test_a_store_with_clients_of_its_own_gets_no_development_identities(
    store: Store, tmp_path: Path
) -> None:
    """Who has such a folder may do everything; not even the folder is made."""
    async with store.writing("TEST") as unit:
        await write_client(
            unit.connection,
            new_client("real"),
            ClientAction.ADD,
            changed_at=NOW,
            changed_by="aliya",
        )
    with pytest.raises(ValueError, match="real"):
        await init_development(store, tmp_path / "made", NOW)
    assert (await clients(store)).keys() == {"real"}
    assert not (tmp_path / "made").exists()


def test_an_authority_signs_no_others() -> None:
    """And a key that is not its own is noticed."""
    until = NOW + timedelta(days=1)
    authority = issuing.issue_authority("test", valid_from=NOW, valid_until=until)
    constraints = authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.path_length) == (True, 0)
    other = issuing.issue_authority("other", valid_from=NOW, valid_until=until)
    with pytest.raises(ValueError, match="not the certificate's"):
        issuing.Issued.from_pem(authority.certificate_pem(), other.key_pem())
