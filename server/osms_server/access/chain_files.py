"""Where a chain lies until the store has it: a folder of its own, with files of frames.

The folder bears the writer's name, and each file the number of its first record. Whoever works on
a chain holds a lock on its folder that ends with the process: a chain that nobody holds has lost
its writer, and anybody may take it over.

A file is filled with zeros, and that is made durable, before it takes records: a record changes
neither its length nor its blocks then, and is durable ten times sooner. While one is written to,
the next is made. That it got its number is not made durable, so after a crash it may hold records
under its first name.
"""

import fcntl
import os
import re
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from osms.v1.access_record_pb2 import AccessRecord
from osms_server.access.chain import Chain
from osms_server.access.frames import SECTOR_BYTES, frame_of, frames_in
from osms_storage.private_files import sync_folder

FILE_BYTES = 4 * 1024 * 1024
"""The size of a file; one that begins with a larger record has that record's."""
_WRITER = re.compile(r"[0-9a-f]{16}")
SPARE = "next"
"""The file that is made before it is needed: it comes after all that have numbers."""
_FILE_NAME = re.compile(rf"\d{{16}}|{SPARE}")


def chains_in(folder: Path) -> list[Path]:
    """Return the folders of all chains, by name."""
    with os.scandir(folder) as entries:
        return sorted(Path(entry) for entry in entries if _WRITER.fullmatch(entry.name))


def files_of(chain: Path) -> list[Path]:
    """Return the files of a chain in their order; none if it is gone."""
    with suppress(FileNotFoundError), os.scandir(chain) as entries:
        return sorted(Path(entry) for entry in entries if _FILE_NAME.fullmatch(entry.name))
    return []


def first_number(file: Path) -> int:
    """Return the number of the first record of a file; 0: it has none."""
    if file.name != SPARE:
        return int(file.name)
    with file.open("rb") as opened:
        return next((frame.number for frame in frames_in(opened.read(SECTOR_BYTES))), 0)


def hold(chain: Path) -> int | None:
    """Take the lock of a chain; None: another holds it, or the chain is gone.

    It is held until what is returned is closed.
    """
    try:
        lock = os.open(chain, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def held(chain: Path) -> bool:
    """Return whether somebody works on a chain."""
    lock = hold(chain)
    if lock is not None:
        os.close(lock)
    return lock is None and chain.exists()


def remove(chain: Path) -> None:
    """Remove a chain that its caller holds, the newest file last: no gap is ever seen."""
    for file in files_of(chain):
        file.unlink()
    chain.rmdir()


class ChainWriter:
    """Writes a chain; after an error it can only be closed."""

    def __init__(self, folder: Path, writer: str) -> None:
        """Begin a chain; raise OSError if it cannot be begun."""
        self.writer = writer
        """Its name."""
        self.durable = 0
        """The number of the last record that is durable."""
        self._chain = Chain(writer)
        self._path = folder / writer
        self._descriptor: int | None = None
        self._offset = self._size = 0
        self._spare: Future[int] | None = None
        self._thread = ThreadPoolExecutor(1, "access-log-files")
        self._path.mkdir(mode=0o700)
        lock = None
        try:
            lock = hold(self._path)
            if lock is None:
                raise FileNotFoundError("Another process took a new chain for an abandoned one.")
            sync_folder(folder)
        except OSError:
            with suppress(OSError):
                self._path.rmdir()
            if lock is not None:
                os.close(lock)
            raise
        self._lock = lock

    def append(self, record: AccessRecord) -> None:
        """Make a record durable; raise OSError if that is not certain."""
        frame = frame_of(self.durable + 1, self._chain.seal(record))
        if self._offset + len(frame) > self._size:
            self._begin_file(max(FILE_BYTES, len(frame)))
        assert self._descriptor is not None
        _write(self._descriptor, frame, self._offset)
        os.fdatasync(self._descriptor)
        if not os.fstat(self._descriptor).st_nlink:
            raise FileNotFoundError("A file of the access log was removed while it was written.")
        self._offset += len(frame)
        self.durable += 1
        if self._spare is None and self._offset > self._size // 2:
            self._spare = self._thread.submit(self._make_file)

    def close(self) -> None:
        """Close its files and give up the lock; a chain without a record is removed."""
        spare = self._take_spare()
        for descriptor in (self._descriptor, spare):
            if descriptor is not None:
                os.close(descriptor)
        self._thread.shutdown()
        with suppress(OSError):
            if spare is not None:
                (self._path / SPARE).unlink()
            if not self.durable:
                remove(self._path)
        os.close(self._lock)

    def _begin_file(self, size: int) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        spare = self._take_spare()
        self._descriptor = self._make_file() if spare is None else spare
        if size > FILE_BYTES:
            _write(self._descriptor, bytes(size - FILE_BYTES), FILE_BYTES)
            os.fsync(self._descriptor)
        self._offset, self._size = 0, size
        (self._path / SPARE).rename(self._path / f"{self._chain.number:016}")

    def _take_spare(self) -> int | None:
        spare, self._spare = self._spare, None
        with suppress(OSError):  # where it could not be made, it is tried again when it is needed
            return spare.result() if spare else None
        return None

    def _make_file(self) -> int:
        path = self._path / SPARE
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write(descriptor, bytes(FILE_BYTES), 0)
            os.fsync(descriptor)
            sync_folder(self._path)
        except OSError:
            # On a full disk it takes what would be there for the next attempt.
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)
            raise
        return descriptor


def _write(file: int, data: bytes, offset: int) -> None:
    """Write all of it, or raise OSError."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written
