"""Old records of the access log in signed files, as an operator writes and proves them."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import Result

from osms.receipts import write_keys
from osms_server.access import archive
from osms_server.keys import read_ring, rotate
from osms_storage.access_log import all_chains
from osms_storage.clock import to_microseconds
from osms_storage.store import Store
from tests.storage.access import IIN, Writer, keep, packed, single
from tests.storage.conftest import Copy
from tests.storage.test_access_log import listed
from tests.storage.test_access_verification import cut, spoil
from tests.storage.test_commands import osms

FIRST_DAY = datetime(2020, 6, 1, tzinfo=UTC)
DAYS = 10


@pytest.fixture
def writers() -> list[Writer]:
    """Two gateways, one of which came later; each writes a record every six hours."""
    made = [Writer("w1"), Writer("w2")]
    for begun, writer in zip((0, 4), made, strict=True):
        for quarter in range(4 * begun, 4 * DAYS):
            at_us = to_microseconds(FIRST_DAY + timedelta(hours=6 * quarter))
            writer.write(singles=[single(at_us)], packed=[packed(at_us + 1, [IIN])], at_us=at_us)
    return made


@pytest.fixture
def store(copy: Copy, writers: list[Writer]) -> str:
    """Return a store with the log of ten days of 2020."""
    made = copy()

    async def fill() -> None:
        async with Store(made) as opened:
            for writer in writers:
                await keep(opened, writer, writer.sealed)

    asyncio.run(fill())
    return made


@pytest.fixture
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of a key that signs, of an older one, and beside it the published keys."""
    folder = tmp_path_factory.mktemp("operator") / "keys"
    rotate(folder)
    rotate(folder)
    (folder.parent / "jwks.json").write_text(write_keys(read_ring(folder).public))
    return folder


def archived(store: str, keys: Path, before: str, *more: str) -> Result:
    """Archive what was written before a day."""
    out = keys.parent / "archive"
    words = ("--store", store, "--out", str(out), "--keys", str(keys), "--before", before)
    return osms("archive", "access-log", *words, *more)


def verified(keys: Path, *more: str) -> Result:
    """Prove the archives."""
    folder = keys.parent
    words = ("--archive", str(folder / "archive"), "--jwks", str(folder / "jwks.json"))
    return osms("verify", "access-log", *words, *more)


def kept(store: str) -> list[tuple[str, int, int]]:
    """Return where each chain in the store begins and ends."""

    async def run() -> list[tuple[str, int, int]]:
        async with Store(store) as opened:
            chains = [chain async for chain in all_chains(opened)]
        return [(chain.writer, chain.kept_from, chain.number) for chain in chains]

    return asyncio.run(run())


def test_archived_records_prove_themselves(store: str, keys: Path, writers: list[Writer]) -> None:
    """Byte by byte as they were written, in files for their owner alone; the store may forget."""
    result = archived(store, keys, "2020-06-06", "--delete")
    assert result.exit_code == 0, result.output
    assert "22 records of 2 chains from before 2020-06-06" in result.output
    assert kept(store) == [("w1", 20, 40), ("w2", 4, 24)]
    files = sorted((keys.parent / "archive").iterdir())
    assert [file.suffix for file in files] == [".records", ".json", ".sig"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    bodies = [body for writer in writers for _, body in writer.sealed]
    assert list(archive.read_part(files[0])) == [*bodies[:19], *bodies[40:43]]
    proof = verified(keys)
    assert (proof.exit_code, "2 chains of 22 records" in proof.output) == (0, True)


def test_archives_follow_each_other(store: str, keys: Path) -> None:
    """Nothing is missing between them, nor between the last and the store."""
    for day in ("2020-06-03", "2020-06-06", "2020-06-06", "2020-06-08"):
        result = archived(store, keys, day, "--delete")
        assert result.exit_code == 0, result.output
    proof = verified(keys, "--store", store)
    assert proof.exit_code == 0, proof.output
    assert osms("verify", "access-log", "--store", store).exit_code == 0
    second = sorted((keys.parent / "archive").glob("*.json"))[1]
    for file in (keys.parent / "archive").glob(f"{second.stem}*"):
        file.unlink()
    proof = verified(keys)
    assert (proof.exit_code, "w1 record 8: missing" in proof.output) == (1, True)


def test_what_stays_in_the_store_is_archived_again(store: str, keys: Path) -> None:
    """Without --delete archives overlap, and agree with each other and with the store."""
    before = kept(store)
    for day in ("2020-06-03", "2020-06-06"):
        assert archived(store, keys, day).exit_code == 0
    assert kept(store) == before
    assert verified(keys, "--store", store).exit_code == 0


def test_what_was_deleted_must_be_in_the_archives(store: str, keys: Path) -> None:
    """With the store archives prove that its chains go on where they end."""
    assert archived(store, keys, "2020-06-03", "--delete").exit_code == 0
    early = list((keys.parent / "archive").iterdir())
    assert archived(store, keys, "2020-06-06", "--delete").exit_code == 0
    for file in set((keys.parent / "archive").iterdir()) - set(early):
        file.unlink()
    assert verified(keys).exit_code == 0
    proof = verified(keys, "--store", store)
    assert proof.exit_code == 1
    assert "w1 record 8: missing" in proof.output


def test_changed_files_are_found(store: str, keys: Path) -> None:
    """A byte of a record or of the manifest, a cut, another signer: each is said."""
    assert archived(store, keys, "2020-06-06").exit_code == 0
    records, manifest, signature = sorted((keys.parent / "archive").iterdir())
    for file, position, told in (
        (records, -1, "w2 record 3: changed"),
        (records, 60, "w1 record"),
        (records, 0, "was changed"),
        (manifest, 30, "cannot be trusted"),
        (signature, 40, "cannot be trusted"),
    ):
        content = file.read_bytes()
        spoiled = bytearray(content)
        spoiled[position] ^= 1
        file.write_bytes(bytes(spoiled))
        proof = verified(keys)
        assert (proof.exit_code, told in proof.output) == (1, True), proof.output
        file.write_bytes(content)
    os.truncate(records, records.stat().st_size - 3)
    proof = verified(keys)
    assert (proof.exit_code, "w2 record 3: missing" in proof.output) == (1, True)
    records.unlink()
    assert "cannot be read" in verified(keys).output
    (keys.parent / "jwks.json").write_text('{"keys": []}')
    assert "none of the published keys" in verified(keys).output


def test_a_log_that_is_not_whole_is_not_archived(store: str, keys: Path) -> None:
    """Nothing is written, and nothing is deleted that might still tell what was done."""

    async def tamper() -> None:
        async with Store(store) as opened, opened.keeping() as connection:
            await spoil(connection, 1, 5)

    asyncio.run(tamper())
    result = archived(store, keys, "2020-06-06", "--delete")
    assert result.exit_code == 2
    assert "is not whole at record 6" in result.stderr
    assert list((keys.parent / "archive").iterdir()) == []
    assert kept(store) == [("w1", 1, 40), ("w2", 1, 24)]


def test_verify_says_where_the_log_is_not_whole(store: str) -> None:
    """Chain, record and fault, and exit status 1."""

    async def tamper() -> None:
        async with Store(store) as opened, opened.keeping() as connection:
            await cut(connection, 2, 7, 9)

    result = osms("verify", "access-log", "--store", store)
    assert (result.exit_code, "2 chains of 64 records" in result.output) == (0, True)
    asyncio.run(tamper())
    result = osms("verify", "access-log", "--store", store)
    assert (result.exit_code, "w2 record 7: missing" in result.output) == (1, True)


def test_a_part_is_only_so_large(store: str, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records go on in the next file, chains too."""
    monkeypatch.setattr(archive, "PART_BYTES", 1_000)
    assert archived(store, keys, "2020-06-12", "--delete").exit_code == 0
    assert len(list((keys.parent / "archive").glob("*.records"))) > 3
    assert verified(keys, "--store", store).exit_code == 0

    async def nobody() -> bool:
        async with Store(store) as opened:
            return await listed(opened) == []

    assert asyncio.run(nobody())


def test_what_cannot_be_archived_is_said_in_words(store: str, keys: Path) -> None:
    """Nothing that old, a day to come, a folder without keys, no published keys named."""
    result = archived(store, keys, "2020-06-01")
    assert (result.exit_code, "No record" in result.output) == (0, True)
    assert archived(store, keys, "2999-01-01").exit_code == 2
    assert archived(store, keys, "yesterday").exit_code == 2
    assert archived(store, keys.parent, "2020-06-06").exit_code == 2
    assert osms("verify", "access-log", "--archive", str(keys)).exit_code == 2
