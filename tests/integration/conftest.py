"""One gateway for each module and engine, and connections to it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from osms_client import Gateway
from osms_client.testing import RunningGateway
from tests.integration.gateways import prepare_store, serving, serving_store
from tests.integration.wire import OPERATOR, Stubs, connected
from tests.postgres import Postgres

NUMBERS = re.compile(r"900101[3-5]\d{5}")
"""What every IIN of these tests looks like."""


@pytest.fixture(scope="session")
def prepared_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as `osms init` makes it; tests serve copies of it."""
    return prepare_store(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def prepared_database(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same store in PostgreSQL; its database's name."""
    name = postgres.create()
    prepare_store(tmp_path_factory.mktemp("prepared"), postgres.url(name))
    return name


@pytest.fixture(scope="module")
def file_gateway(
    prepared_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """The gateway of a module whose tests are not about what is stored: on a file alone."""
    with serving(prepared_store, tmp_path_factory.mktemp("gateway")) as running:
        yield running
        assert not NUMBERS.search(running.log()), "a person's number is in the log"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """The gateway that all tests of a module share, on each engine in turn."""
    folder = tmp_path_factory.mktemp("gateway")
    if request.param == "sqlite":
        prepared: Path = request.getfixturevalue("prepared_store")
        with serving(prepared, folder) as running:
            yield running
            assert not NUMBERS.search(running.log()), "a person's number is in the log"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create(request.getfixturevalue("prepared_database"))
    with serving_store(server.url(name), folder) as running:
        yield running
        assert not NUMBERS.search(running.log()), "a person's number is in the log"
    server.drop(name)


@pytest.fixture(scope="module")
def stubs(gateway: RunningGateway) -> Iterator[Stubs]:
    """The generated stubs, connected to the module's gateway."""
    with connected(gateway.target) as opened:
        yield opened


@pytest.fixture(scope="module")
def operator(gateway: RunningGateway) -> Iterator[Stubs]:
    """The generated stubs of an operator of the Fund."""
    with connected(gateway.target, OPERATOR) as opened:
        yield opened


@pytest.fixture(scope="module")
def sdk(gateway: RunningGateway) -> Iterator[Gateway]:
    """The SDK, connected to the module's gateway."""
    with Gateway(gateway.target) as opened:
        yield opened
