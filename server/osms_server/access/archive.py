"""Archives of the access log: old records in files, whole, signed, and proven without the store.

    access-log-INSTANT-NUMBER.records  records one after the other, each after its length in bytes
                                       (four bytes, little-endian)
    access-log-INSTANT.json            the manifest: the files with their SHA-256, and the chains in
                                       the order in which their records stand in the files
    access-log-INSTANT.sig             the manifest's signature, and which key made it

One folder takes all archives of a log, so that it shows that nothing is missing between them.
"""

import json
import os
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from osms_server.access.chain import Chain
from osms_server.keys import KeyRing
from osms_storage.access_log import KeptRecord, all_chains, delete_records, read_chain
from osms_storage.clock import to_microseconds
from osms_storage.private_files import sync_folder
from osms_storage.store import Store

PREFIX = "access-log-"
PART_BYTES = 256 * 1024 * 1024
"""About how large a file of records becomes."""
FORMAT = 1

LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class ArchivedPart:
    """A file of records."""

    name: str
    sha256: str
    """In hexadecimal."""
    bytes: int


@dataclass(frozen=True, slots=True)
class ArchivedChain:
    """The records of a chain that stand in an archive; hashes are SHA-256 in hexadecimal."""

    writer: str
    first: int
    last: int
    hash_before: str
    """Of the record before the first; empty: there is none."""
    hash: str
    """Of the last record."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in an archive."""

    made_at: str
    """An ISO instant."""
    before: str
    """Records written before this ISO instant."""
    parts: tuple[ArchivedPart, ...]
    chains: tuple[ArchivedChain, ...]

    @property
    def records(self) -> int:
        """How many records there are."""
        return sum(chain.last - chain.first + 1 for chain in self.chains)

    def encode(self) -> bytes:
        """Return the manifest as it is signed."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()


def decode_manifest(content: bytes) -> Manifest:
    """Return the manifest of a file; raise ValueError if it is none of this format."""
    try:
        fields: dict[str, Any] = json.loads(content)
        if fields.pop("format") != FORMAT:
            raise ValueError("It has another format.")
        parts = tuple(ArchivedPart(**part) for part in fields.pop("parts"))
        chains = tuple(ArchivedChain(**chain) for chain in fields.pop("chains"))
        return Manifest(**fields, parts=parts, chains=chains)
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError("It is no manifest.") from exc


async def write_archive(
    store: Store, before: datetime, folder: Path, keys: KeyRing, made_at: datetime
) -> Path | None:
    """Write the records written before an instant into a folder, durably; return the manifest.

    None: there are none. Of each chain the records up to the first later one are taken. The files
    are followed as they are written: raises ValueError for a chain that is not whole, and leaves
    nothing then.
    """
    name = f"{PREFIX}{made_at:%Y%m%dT%H%M%S%fZ}"
    parts = _Parts(folder, name)
    try:
        chains = [chain async for chain in _write_chains(store, before, parts)]
        parts.close()
        if not chains:
            return None
        made = Manifest(made_at.isoformat(), before.isoformat(), tuple(parts.done), tuple(chains))
        content = made.encode()
        key_id, signature = keys.sign(content)
        signed = json.dumps({"key_id": key_id, "signature": signature.hex()}).encode()
        parts.write_file(f"{name}.sig", signed)
        parts.write_file(f"{name}.json", content)
        sync_folder(folder)
    except BaseException:
        parts.discard()
        raise
    return folder / f"{name}.json"


async def _write_chains(
    store: Store, before: datetime, parts: "_Parts"
) -> AsyncIterator[ArchivedChain]:
    limit = to_microseconds(before)
    async for kept in all_chains(store):
        chain = Chain(kept.writer, kept.kept_from - 1, kept.hash_before)
        async for record in _old_records(store, kept.id, chain, limit):
            if chain.follow(record.body, record.number):
                raise ValueError(
                    f"The access log of {kept.writer} is not whole at record {record.number}: see"
                    " `osms verify access-log`. Nothing was archived."
                )
            parts.write(record.body)
        if chain.number >= kept.kept_from:
            before_first, last = kept.hash_before.hex(), chain.hash.hex()
            yield ArchivedChain(kept.writer, kept.kept_from, chain.number, before_first, last)


async def _old_records(
    store: Store, chain_id: int, chain: Chain, limit: int
) -> AsyncIterator[KeptRecord]:
    while True:
        _, records = await read_chain(store, chain_id, chain.number)
        for record in records:
            if record.written_at >= limit:
                return
            yield record
        if not records:
            return


async def delete_archived(
    store: Store, manifest: Manifest, *, done: Callable[[int], object] = lambda _: None
) -> None:
    """Delete from the store what an archive holds; to be called once that was verified."""
    for chain in manifest.chains:
        await delete_records(store, chain.writer, chain.last)
        done(chain.last - chain.first + 1)


class _Parts:
    """Files of records that are being written, each only for its owner to read."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._name = name
        self._made: list[Path] = []
        self._file: BinaryIO | None = None
        self._digest = sha256()
        self.done: list[ArchivedPart] = []

    def write(self, body: bytes) -> None:
        """Write a record; a part that is full is closed first."""
        if self._file is None:
            self._file = self._new(f"{self._name}-{len(self.done) + 1:04}.records")
            self._digest = sha256()
        framed = LENGTH.pack(len(body)) + body
        self._file.write(framed)
        self._digest.update(framed)
        if self._file.tell() >= PART_BYTES:
            self.close()

    def close(self) -> None:
        """End the part that is being written, durably."""
        if self._file is None:
            return
        size = self._file.tell()
        _sync(self._file)
        self.done.append(ArchivedPart(self._made[-1].name, self._digest.hexdigest(), size))
        self._file = None

    def write_file(self, name: str, content: bytes) -> None:
        """Write another file, durably."""
        file = self._new(name)
        file.write(content)
        _sync(file)

    def _new(self, name: str) -> BinaryIO:
        path = self._folder / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._made.append(path)
        return os.fdopen(descriptor, "wb")

    def discard(self) -> None:
        """Remove all that was written."""
        if self._file is not None:
            self._file.close()
        for path in self._made:
            path.unlink(missing_ok=True)


def _sync(file: BinaryIO) -> None:
    with file:
        file.flush()
        os.fsync(file.fileno())


def read_part(path: Path) -> Iterator[bytes]:
    """Yield the records of a file; what is cut off at its end is left out."""
    with path.open("rb") as file:
        while len(head := file.read(LENGTH.size)) == LENGTH.size:
            body = file.read(LENGTH.unpack(head)[0])
            if len(body) < LENGTH.unpack(head)[0]:
                return
            yield body
