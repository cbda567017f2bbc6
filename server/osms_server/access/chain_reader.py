"""Reads a chain from its files, record by record, also while more is written to it."""

from pathlib import Path

from osms_server.access.chain import CHANGED, Chain, Finding, digest
from osms_server.access.chain_files import SPARE, files_of, first_number
from osms_server.access.frames import Frame, frames_in

READ_BYTES_MAX = 1024 * 1024
"""How many bytes of records are read at a time; with the last it may be more.

A transaction takes them, and on a file others wait for its end.
"""

Records = list[tuple[int, bytes]]
"""Sealed records with their numbers, ascending without gaps."""


class ChainFaultError(Exception):
    """A chain is not whole in its files."""

    def __init__(self, finding: Finding) -> None:
        super().__init__("A chain of the access log is not whole in its files.")
        self.finding = finding
        """Where, and what is wrong."""


class ChainReader:
    """Returns the records that the store does not have yet."""

    def __init__(self, path: Path, stored: Chain) -> None:
        self._path = path
        self._stored = stored
        """How far the store has it."""
        self._chain = Chain(stored.writer, stored.number, stored.hash)
        files = files_of(path)
        # The last that may begin with, or hold, the first record that the store lacks.
        numbered = [file for file in files if file.name != SPARE]
        begun = [file for file in numbered if first_number(file) <= stored.number + 1]
        self._file = begun[-1] if begun else next(iter(files), None)
        self._offset = 0

    @property
    def file(self) -> Path | None:
        """The file that is being read: all records before it were returned. None: there is none."""
        return self._file

    def read(self, through: int | None = None) -> Records:
        """Return the next records of one file, up to a number; none: there are no more.

        What a crash left of the last write is the end, and no fault: nobody was answered by it.

        Raises ChainFaultError where the chain is not whole, once what stands before was returned.
        """
        while self._file is not None and (through is None or self._chain.number < through):
            following = [file for file in files_of(self._path) if file > self._file]
            if through is not None and following[:1] == [self._path / SPARE]:
                following = []  # its writer, who is at work, gives it a number before it uses it
            records = self._read_file(self._file, through, newest=not following)
            if records or not following:
                return records
            self._file, self._offset = following[0], 0
        return []

    def _read_file(self, file: Path, through: int | None, *, newest: bool) -> Records:
        records: Records = []
        begin, size = self._offset, 0
        frames = list(frames_in(_read(file, begin)))
        for place, frame in enumerate(frames, 1):
            if size >= READ_BYTES_MAX or (through is not None and self._chain.number >= through):
                break
            if frame.torn and newest and place == len(frames):
                break
            finding = self._follow(frame)
            if finding is not None:
                if records:
                    break
                raise ChainFaultError(finding)
            if frame.sealed is not None and frame.number > self._stored.number:
                records.append((frame.number, frame.sealed))
                size += len(frame.sealed)
            self._offset = begin + frame.end
        return records

    def _follow(self, frame: Frame) -> Finding | None:
        """Return what is wrong with the next frame; if nothing is, the chain has come further."""
        writer, stored = self._stored.writer, self._stored
        if frame.sealed is None:
            return Finding(writer, self._chain.number + 1, CHANGED)
        if frame.number > stored.number:
            before = self._chain
            self._chain = Chain(writer, before.number, before.hash)
            finding = self._chain.follow(frame.sealed, frame.number)
            if finding is not None:
                self._chain = before
            return finding
        if frame.number == stored.number and digest(frame.sealed) != stored.hash:
            return Finding(writer, frame.number, CHANGED)
        return None


def _read(file: Path, begin: int) -> bytes:
    with file.open("rb") as opened:
        opened.seek(begin)
        return opened.read()


def last_number(path: Path) -> int:
    """Return the number of the last record in the files of a chain that can be read; 0: none."""
    for file in reversed(files_of(path)):
        numbers = [frame.number for frame in frames_in(_read(file, 0)) if frame.sealed is not None]
        if numbers:
            return numbers[-1]
    return 0
