"""Fixtures of the client's tests."""

from collections.abc import Iterator

import pytest

from tests.unit.client.books import Books
from tests.unit.client.fake import FakeGateway, Sdk, serving


@pytest.fixture
def fake() -> Iterator[FakeGateway]:
    """A gateway on a real socket that answers as the test tells it."""
    with serving(FakeGateway()) as gateway:
        yield gateway


@pytest.fixture(params=["blocking", "async"])
def sdk(request: pytest.FixtureRequest, fake: FakeGateway) -> Sdk:
    """Either SDK gateway, pointed at the fake one."""
    return Sdk(request.param, fake.target)


@pytest.fixture
def books(fake: FakeGateway) -> Books:
    """What the fake gateway has committed."""
    books = Books()
    books.keep(fake)
    return books
