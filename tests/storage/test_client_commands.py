"""The commands by which an operator says who may ask, and what."""

import asyncio
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from cryptography.x509 import UniformResourceIdentifier as Uri
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner, Result

from osms_server.cli import register
from osms_server.identity import issuing, registration
from osms_server.identity.certificates import read_certificate
from osms_server.identity.issuing import Issued
from osms_storage.clients import ClientRecord, read_clients
from osms_storage.store import Store

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
YEAR = timedelta(days=365)
GRANTS = ("--role", "mis", "--purpose", "RECEPTION", "--purpose", "ROSTER", "--quota", "clinic")

Osms = Callable[..., Result]
"""Runs a command of `osms client` on a store."""


@pytest.fixture
def store(sqlite_template: Path, tmp_path: Path) -> str:
    """A store without clients; on a file alone, as test_clients.py is about both engines."""
    return str(shutil.copy(sqlite_template, tmp_path / "store.db"))


@pytest.fixture
def osms(store: str) -> Osms:
    """Commands on that store."""
    app = typer.Typer()
    register(app)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["client", *words, "--store", store])

    return run


@pytest.fixture(scope="module")
def authority() -> Issued:
    """An authority that signs certificates of clients."""
    return issuing.issue_authority("test", valid_from=NOW - YEAR, valid_until=NOW + YEAR)


@pytest.fixture
def certify(authority: Issued, tmp_path: Path) -> Callable[..., Path]:
    """Makes the PEM file of a certificate that names a client."""
    made: list[Path] = []

    def make(client: str, *, days: int = 90) -> Path:
        issued = issuing.issue_client(
            authority, client, valid_from=NOW - HOUR, valid_until=NOW + timedelta(days=days)
        )
        made.append(tmp_path / f"{len(made)}.pem")
        made[-1].write_bytes(issued.certificate_pem())
        return made[-1]

    return make


def clients(store: str) -> dict[str, ClientRecord]:
    """Return the clients of a store."""

    async def read() -> dict[str, ClientRecord]:
        async with Store(store) as opened, opened.reading() as connection:
            return {**await read_clients(connection)}

    return asyncio.run(read())


def fingerprint(file: Path) -> bytes:
    """Return by what a certificate is known."""
    return read_certificate(file.read_bytes()).fingerprint


def listed(osms: Osms, *words: str) -> Any:
    """Return what a command prints as JSON."""
    return json.loads(osms(*words, "--json").output)


def test_what_is_not_said_is_not_granted(osms: Osms, store: str) -> None:
    """A client that was only named may do nothing; what is said is what it may."""
    assert osms("add", "empty").exit_code == 0
    assert osms("add", "clinic-5", *GRANTS).exit_code == 0
    nothing: frozenset[str] = frozenset()
    assert clients(store) == {
        "empty": ClientRecord("empty", nothing, nothing, nothing, "", 0),
        "clinic-5": ClientRecord(
            "clinic-5",
            frozenset({"mis"}),
            nothing,
            frozenset({"RECEPTION", "ROSTER"}),
            "clinic",
            0,
        ),
    }


def test_a_change_replaces_what_it_names(osms: Osms, store: str) -> None:
    """The rest stays; an empty text leaves nothing of its kind."""
    osms("add", "loader", "--role", "payment_loader", "--source", "state_corporation")
    words = ("--role", "category_source", "--source", "labour", "--source", "justice")
    assert osms("change", "loader", *words, "--hidden-days", "30").exit_code == 0
    client = clients(store)["loader"]
    assert client.roles == {"category_source"}
    assert client.sources == {"labour", "justice"}
    assert client.hidden_days == 30
    assert osms("change", "loader", "--source", "").exit_code == 0
    client = clients(store)["loader"]
    assert client.sources == frozenset()
    assert client.roles == {"category_source"}
    assert client.hidden_days == 30


def test_a_rotated_certificate_is_taken_beside_the_new_one_for_a_while(
    osms: Osms, store: str, certify: Callable[..., Path]
) -> None:
    """Never beyond its own end; tokens end by themselves meanwhile."""
    old, short, new = certify("clinic"), certify("clinic", days=2), certify("clinic")
    osms("add", "clinic", *GRANTS, "--certificate", str(old), "--certificate", str(short))
    begun = datetime.now(UTC)
    assert osms("rotate", "clinic", "--certificate", str(new)).exit_code == 0
    client = clients(store)["clinic"]
    assert client.certificates.keys() == {fingerprint(file) for file in (old, short, new)}
    until = client.certificates[fingerprint(old)]
    assert until is not None
    assert begun <= until - timedelta(days=7) <= datetime.now(UTC)
    assert client.certificates[fingerprint(short)] == NOW + timedelta(days=2)
    assert client.certificates[fingerprint(new)] == NOW + timedelta(days=90)
    assert client.tokens_from is None


def test_a_stolen_certificate_ends_at_once(
    osms: Osms, store: str, certify: Callable[..., Path]
) -> None:
    """So do the tokens of before; only what is new is taken."""
    old, new = certify("clinic"), certify("clinic")
    osms("add", "clinic", *GRANTS, "--certificate", str(old))
    begun = datetime.now(UTC)
    words = ("rotate", "clinic", "--keep-old-for", "0", "--certificate", str(new))
    assert osms(*words).exit_code == 0
    client = clients(store)["clinic"]
    assert client.certificates == {fingerprint(new): NOW + timedelta(days=90)}
    assert client.tokens_from is not None
    assert begun <= client.tokens_from <= datetime.now(UTC)


def test_a_client_that_was_disabled_needs_new_tokens(
    osms: Osms, store: str, certify: Callable[..., Path]
) -> None:
    """It keeps its rights and certificates; disabling it twice changes nothing."""
    osms("add", "clinic", *GRANTS, "--certificate", str(certify("clinic")))
    before = clients(store)["clinic"]
    assert osms("disable", "clinic").exit_code == 0
    disabled = clients(store)["clinic"]
    assert disabled.disabled_at == disabled.tokens_from is not None
    assert osms("disable", "clinic").exit_code == 0
    assert clients(store)["clinic"] == disabled
    assert osms("enable", "clinic").exit_code == 0
    enabled = clients(store)["clinic"]
    assert (enabled.disabled_at, enabled.tokens_from) == (None, disabled.disabled_at)
    assert (enabled.roles, enabled.certificates) == (before.roles, before.certificates)


def test_the_list_tells_all_there_is(osms: Osms, certify: Callable[..., Path]) -> None:
    """As a table that cuts nothing off, and as JSON with whole fingerprints."""
    file = certify("clinic")
    osms("add", "clinic", *GRANTS, "--certificate", str(file), "--hidden-days", "9")
    osms("add", "labour", "--role", "category_source", "--source", "labour")
    osms("disable", "labour")
    clinic, labour = listed(osms, "list")
    assert clinic == {
        "name": "clinic",
        "roles": ["mis"],
        "sources": [],
        "purposes": ["RECEPTION", "ROSTER"],
        "quota": "clinic",
        "hidden_days": 9,
        "disabled_at": None,
        "certificates": [
            {
                "sha256": fingerprint(file).hex(),
                "until": (NOW + timedelta(days=90)).isoformat(),
            }
        ],
        "tokens_from": None,
    }
    assert labour["disabled_at"] is not None
    table = osms("list").output
    day = (NOW + timedelta(days=90)).date().isoformat()
    assert f"{fingerprint(file).hex()[:8]} to {day}" in table
    assert "RECEPTION" in table


def test_the_history_says_who_did_what(osms: Osms) -> None:
    """The user of the operating system, and not of the environment; what changed, and when."""
    osms("add", "clinic", *GRANTS)
    osms("add", "other")
    osms("change", "clinic", "--quota", "network")
    osms("change", "clinic", "--quota", "network")
    osms("disable", "clinic")
    changes = listed(osms, "history", "clinic")
    actions = [(change["action"], change["client"]["quota"]) for change in changes]
    assert actions == [("ADD", "clinic"), ("CHANGE", "network"), ("DISABLE", "network")]
    assert {change["changed_by"] for change in changes} == {registration.operator()}
    words = osms("history", "clinic").output
    assert "disabled_at, tokens_from" in words


REFUSED = (
    ("add", "Clinic"),
    ("add", ""),
    ("add", "a" * 65),
    ("add", "known"),
    ("add", "new", "--role", "king"),
    ("add", "new", "--source", "nobody"),
    ("add", "new", "--purpose", "CURIOSITY"),
    ("add", "new", "--purpose", "UNSPECIFIED"),
    ("add", "new", "--quota", "endless"),
    ("add", "new", "--hidden-days", "-1"),
    ("add", "new", "--hidden-days", "3651"),
    ("add", "new", "--certificate", "/nowhere.pem"),
    ("change", "nobody"),
    ("rotate", "nobody"),
    ("rotate", "known", "--keep-old-for", "soon"),
    ("disable", "nobody"),
    ("enable", "nobody"),
    ("history", "nobody"),
)


def test_what_cannot_be_is_refused_in_words(osms: Osms, store: str) -> None:
    """Exit status 2, and nothing was changed."""
    osms("add", "known")
    for words in REFUSED:
        result = osms(*words)
        assert (words, result.exit_code) == (words, 2)
        assert result.stderr
        assert "Traceback" not in result.stderr
    assert clients(store).keys() == {"known"}


def test_only_a_certificate_that_the_client_can_show_is_taken(
    osms: Osms, store: str, authority: Issued, tmp_path: Path
) -> None:
    """It names this client and no other, is a client's, and good today."""
    uri = Uri("osms://client/clinic")
    client_auth, server_auth = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH

    def issued(
        *names: Uri,
        usages: Sequence[Any] = (client_auth,),
        valid_from: datetime = NOW - HOUR,
        valid_until: datetime = NOW + HOUR,
    ) -> bytes:
        return issuing.issue_certificate(
            authority,
            "clinic",
            names,
            usages=usages,
            valid_from=valid_from,
            valid_until=valid_until,
        ).certificate_pem()

    flawed = {
        "another's": issued(Uri("osms://client/hospital")),
        "two": issued(uri, Uri("osms://client/hospital")),
        "longer": issued(Uri("osms://client/clinic-5")),
        "none": issued(Uri("https://clinic")),
        "server": issued(uri, usages=[server_auth]),
        "early": issued(uri, valid_from=NOW + timedelta(minutes=30)),
        "late": issued(uri, valid_until=NOW - timedelta(minutes=1)),
        "authority": authority.certificate_pem(),
        "key": authority.key_pem(),
        "nothing": b"",
    }
    file = tmp_path / "shown.pem"
    for name, pem in flawed.items():
        file.write_bytes(pem)
        result = osms("add", "clinic", "--certificate", str(file))
        assert (name, result.exit_code) == (name, 2)
        assert "shown.pem: " in result.stderr
    assert clients(store) == {}
    file.write_bytes(issued(uri, usages=[client_auth, server_auth]) + authority.certificate_pem())
    assert osms("add", "clinic", "--certificate", str(file)).exit_code == 0
