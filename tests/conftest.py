"""What all folders share: how long property tests search, and a PostgreSQL server."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import Postgres, running_postgres

_EVERYWHERE = settings(
    deadline=None,  # a slow example is not a failure
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("default", parent=_EVERYWHERE, max_examples=100)
settings.register_profile("long", parent=_EVERYWHERE, max_examples=700)
settings.load_profile("default")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for all tests."""
    with running_postgres() as server:
        yield server
