"""One gateway for each module, and connections to it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from osms_client import Gateway
from osms_client.testing import RunningGateway
from tests.integration.gateways import prepare_store, serving
from tests.integration.wire import Stubs, connected

NUMBERS = re.compile(r"900101[3-5]\d{5}")
"""What every IIN of these tests looks like."""


@pytest.fixture(scope="session")
def prepared_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as `osms init` makes it; tests serve copies of it."""
    return prepare_store(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def gateway(
    prepared_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """The gateway that all tests of a module share."""
    with serving(prepared_store, tmp_path_factory.mktemp("gateway")) as running:
        yield running
        assert not NUMBERS.search(running.log()), "a person's number is in the log"


@pytest.fixture(scope="module")
def stubs(gateway: RunningGateway) -> Iterator[Stubs]:
    """The generated stubs, connected to the module's gateway."""
    with connected(gateway.target) as opened:
        yield opened


@pytest.fixture(scope="module")
def sdk(gateway: RunningGateway) -> Iterator[Gateway]:
    """The SDK, connected to the module's gateway."""
    with Gateway(gateway.target) as opened:
        yield opened
