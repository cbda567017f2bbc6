"""Kills at random moments: the gateway, the loader, the database.

``make crash KILLS=100`` kills so often, half of it on each engine; CRASH_SEED repeats the moments
of a run that failed.
"""

import asyncio
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from osms_client import AsyncGateway
from osms_client.testing import RunningGateway
from tests.crash import proof
from tests.crash.killing import Scene
from tests.integration.gateways import prepare_store, serving_store
from tests.postgres import running_postgres

KILLS = int(os.environ.get("CRASH_KILLS") or 20)
"""On both engines together."""


@pytest.fixture
def seed() -> int:
    """Decides the moments of the kills and all that is sent."""
    return int(os.environ.get("CRASH_SEED") or secrets.randbelow(1_000_000))


@pytest.fixture(params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> Iterator[Scene]:
    """A gateway under load on a store of its own, whose commits reach the disk."""
    if request.param == "sqlite":
        store = str(prepare_store(tmp_path))
        with serving_store(store, tmp_path) as gateway:
            yield from _playing(Scene(gateway, seed, None, ""))
        return
    with running_postgres(fsync=True) as server:
        database = server.create()
        store = server.url(database)
        prepare_store(tmp_path, store)
        with serving_store(store, tmp_path) as gateway:
            yield from _playing(Scene(gateway, seed, server, database))


def _playing(scene: Scene) -> Iterator[Scene]:
    try:
        yield scene
    finally:
        scene.abandon()


def test_nothing_acknowledged_is_lost_and_nothing_counts_twice(scene: Scene) -> None:
    """Whatever is killed and when: each register and delta is there whole, once, as answered."""
    try:
        scene.kill(KILLS // 2)
        scene.finish()
        prove(scene, scene.gateway)
    except BaseException as error:
        scene.read_log()
        error.add_note(f"CRASH_SEED={scene.seed} CRASH_KILLS={KILLS}, killed: {scene.killed}")
        error.add_note("\n".join(["incidents:", *sorted(scene.incidents)]))
        raise


def prove(scene: Scene, gateway: RunningGateway) -> None:
    """Prove all that must hold after the kills."""
    assert not scene.reader.wrong
    assert scene.reader.answered > len(scene.killed)
    proof.prove_answers_agree(scene.notes)

    async def ask() -> None:
        async with AsyncGateway(gateway.target) as sdk:
            await proof.prove_all_there(sdk, scene.notes, scene.seed)
            await proof.prove_deltas_whole(sdk, scene.notes, scene.seed)

    asyncio.run(ask())
    gateway.stop()
    scene.read_log()
    assert not scene.incidents
    proof.prove_ledgers(gateway)
    asyncio.run(proof.prove_store(gateway.store, scene.notes, scene.reader.newest, scene.seed))
