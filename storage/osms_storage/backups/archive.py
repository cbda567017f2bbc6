"""The file of a backup: a tar whose last members say what it holds, and prove it.

A table, or the file of an embedded store, is cut into parts that are compressed one by one, so that
neither writing nor reading needs more memory than one of them. Ordinary programs open it:
``tar -xOf FILE manifest.json``. The hashes find damage, not forgery: they are in the file itself.
"""

import gzip
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from osms_storage.errors import ArchiveDamagedError, ArchiveRefusedError, ArchiveUnwritableError

FORMAT = 1
PART_BYTES = 4 * 1024 * 1024
"""Of a part before it is compressed."""
COMPRESSION = 1
"""Of zlib, 0 to 9: more takes several times as long to save another tenth."""
MANIFEST, DIGEST = "manifest.json", "manifest.json.sha256"

Progress = Callable[[int, int], None]
"""Says how far the work has come: bytes done, and about how many there are."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds."""

    engine: str
    """The engine of the store it was made of: only one of the same kind takes it back."""
    schema: str
    """That store's schema revision."""
    revision: int
    """The newest revision in it; 0: of an empty store."""
    recorded_at: datetime
    """When that was recorded."""
    rows: Mapping[str, int]
    """How many rows each table has."""
    parts: Mapping[str, Sequence[str]]
    """SHA-256 of each part, by the table or file that they make up, in order."""


class ArchiveWriter:
    """Writes parts as they come, and in the end what they are."""

    def __init__(self, file: BinaryIO) -> None:
        self.bytes_done = 0
        """Taken so far, before compression."""
        self._file = file
        self._parts: dict[str, list[str]] = {}

    def add(self, name: str, data: bytes | bytearray) -> None:
        """Add the next part of a table or file; at most PART_BYTES. Raises ArchiveUnwritableError.

        Takes a tenth of a second, so it is not for the loop's own thread.
        """
        packed = gzip.compress(data, COMPRESSION, mtime=0)
        hashes = self._parts.setdefault(name, [])
        hashes.append(sha256(packed).hexdigest())
        self._write(_part_name(name, len(hashes)), packed)
        self.bytes_done += len(data)

    def end(self, **facts: Any) -> Manifest:
        """Add the manifest, with facts that are its fields. Raises ArchiveUnwritableError."""
        manifest = Manifest(**facts, parts=self._parts)
        told = {"format": FORMAT, **asdict(manifest)}
        told["recorded_at"] = manifest.recorded_at.isoformat()
        text = json.dumps(told, indent=1).encode()
        self._write(MANIFEST, text)
        self._write(DIGEST, _digest_line(text))
        self._put(bytes(2 * tarfile.BLOCKSIZE))
        return manifest

    def _write(self, name: str, data: bytes) -> None:
        # Not by TarFile, which remembers every member.
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(data), 0o600
        padding = bytes(-len(data) % tarfile.BLOCKSIZE)
        self._put(member.tobuf(tarfile.USTAR_FORMAT) + data + padding)

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as exc:
            raise ArchiveUnwritableError(exc.strerror or "error") from exc


class Archive:
    """A backup that is read: its manifest at once, its parts one after the other.

    Raises ArchiveDamagedError if it is no whole archive, ArchiveRefusedError if another release
    made it in a way that this one does not know, OSError if there is none.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        try:
            with _whole():
                self._tar = tarfile.TarFile(fileobj=self._file)
                self._members = {member.name: member for member in self._tar.getmembers()}
                self.manifest = self._read_manifest()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def packed_bytes(self) -> int:
        """Return the size of all parts as they are in the file."""
        return sum(member.size for member in self._members.values())

    def verify(self, tell: Progress) -> None:
        """Read all of it. Raises ArchiveDamagedError if anything is not as it was written."""
        done = 0
        for name in self.manifest.parts:
            for _, packed_bytes in self.parts(name):
                done += packed_bytes
                tell(done, self.packed_bytes())

    def parts(self, name: str) -> Iterator[tuple[bytes, int]]:
        """Yield each part of a table or file, and its size in the archive.

        Raises ArchiveDamagedError.
        """
        for number, digest in enumerate(self.manifest.parts[name], 1):
            part = _part_name(name, number)
            with _whole(part):
                packed = self._read(part)
                if sha256(packed).hexdigest() != digest:
                    raise ArchiveDamagedError(part)
                data = gzip.decompress(packed)
            yield data, len(packed)

    def _read_manifest(self) -> Manifest:
        text = self._read(MANIFEST)
        if self._read(DIGEST) != _digest_line(text):
            raise ArchiveDamagedError(MANIFEST)
        told = json.loads(text)
        if told.pop("format") != FORMAT:
            raise ArchiveRefusedError("The archive was made by another release.")
        told["recorded_at"] = datetime.fromisoformat(told["recorded_at"])
        return Manifest(**told)

    def _read(self, name: str) -> bytes:
        file = self._tar.extractfile(self._members[name])
        if file is None:
            raise ArchiveDamagedError(name)
        return file.read()


@contextmanager
def _whole(what: str = "it has no whole manifest") -> Iterator[None]:
    """Say of whatever does not hold together that it is damaged."""
    try:
        yield
    except (tarfile.TarError, zlib.error, EOFError, KeyError, TypeError, ValueError) as exc:
        raise ArchiveDamagedError(what) from exc
    except gzip.BadGzipFile as exc:
        raise ArchiveDamagedError(what) from exc


def _part_name(name: str, number: int) -> str:
    return f"{name}/{number:06}.gz"


def _digest_line(manifest: bytes) -> bytes:
    """Return what ``sha256sum -c`` takes."""
    return f"{sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()
