"""Gateways of their own process, each on a copy of one prepared store."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import jwt

from osms.values import ALMATY
from osms_client import bearer_tokens
from osms_client.testing import RunningGateway

BEGINNING = datetime(2017, 7, 1, tzinfo=ALMATY)
"""When the prepared store learned its reference data: before every fact of these tests."""

TOKEN_LIFE_S = 60

_folder = TemporaryDirectory(prefix="osms-identities-")

NOW = datetime(2026, 1, 15, 9, tzinfo=ALMATY)
"""Where the clocks of these tests stand unless they are moved."""


@cache
def identities() -> Path:
    """Return the folder of the identities that all prepared stores know."""
    return Path(_folder.name) / "identities"


def token_of(client: str) -> str:
    """Return a token by which a gateway of these tests takes its bearer for a client."""
    now = int(time.time())
    (key,) = json.loads((identities() / "tokens.jwks").read_text(encoding="ascii"))["keys"]
    return jwt.encode(
        {"sub": client, "aud": "osms.v1", "iat": now, "exp": now + TOKEN_LIFE_S},
        (identities() / "tokens.key").read_bytes(),
        algorithm="EdDSA",
        headers={"kid": key["kid"]},
    )


def credentials_of(client: str) -> grpc.ChannelCredentials:
    """Return the credentials of a client that comes by such tokens."""
    return bearer_tokens(lambda: token_of(client))


def prepare_store(folder: Path, url: str | None = None) -> Path:
    """Make the store that all others are copied from: a file in a folder, or a database."""
    store = folder / "store.db"
    RunningGateway(folder, store=url or str(store), clock=BEGINNING, identities=identities()).init()
    return store


@contextmanager
def serving(
    prepared: Path,
    folder: Path,
    *,
    clock: datetime = NOW,
    settings: Mapping[str, str] | None = None,
) -> Iterator[RunningGateway]:
    """Serve a copy of the prepared store until the end of the context."""
    store = folder / "store.db"
    shutil.copy(prepared, store)
    with serving_store(str(store), folder, clock=clock, settings=settings) as gateway:
        yield gateway


@contextmanager
def serving_store(
    store: str,
    folder: Path,
    *,
    clock: datetime = NOW,
    settings: Mapping[str, str] | None = None,
) -> Iterator[RunningGateway]:
    """Serve a store, given as path or URL; ``settings`` are variables of the environment."""
    gateway = RunningGateway(
        folder, store=store, clock=clock, environment=settings, identities=identities()
    )
    gateway.start()
    try:
        yield gateway
    finally:
        if gateway.process.poll() is None:
            gateway.stop()
