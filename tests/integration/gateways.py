"""Gateways of their own process, each on a copy of one prepared store."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from osms.values import ALMATY
from osms_client.testing import RunningGateway

BEGINNING = datetime(2017, 7, 1, tzinfo=ALMATY)
"""When the prepared store learned its reference data: before every fact of these tests."""

NOW = datetime(2026, 1, 15, 9, tzinfo=ALMATY)
"""Where the clocks of these tests stand unless they are moved."""


def prepare_store(folder: Path, url: str | None = None) -> Path:
    """Make the store that all others are copied from: a file in a folder, or a database."""
    store = folder / "store.db"
    RunningGateway(folder, store=url or str(store), clock=BEGINNING).init()
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
    gateway = RunningGateway(folder, store=store, clock=clock, environment=settings)
    gateway.start()
    try:
        yield gateway
    finally:
        if gateway.process.poll() is None:
            gateway.stop()
