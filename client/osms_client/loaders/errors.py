"""What makes a file unreadable, as against what is merely wrong in it.

A wrong IIN, month or purpose code is sent as it is: the gateway suspends the row, because the
money has arrived. A file that cannot be read as what it claims to be raises FileError.
"""

from pathlib import Path

from osms_client.errors import OsmsError


class FileError(OsmsError):
    """A file is not what a loader can read. Nothing of the register concerned was sent."""

    def __init__(self, path: Path, expected: str, *, line: int | None = None) -> None:
        where = f"{path}, line {line}" if line is not None else f"{path}"
        super().__init__(f"{where}: expected {expected}")
        self.path = path
        """The file."""
        self.line = line
        """The line, from 1 (of a Parquet file: the row); None if it is the whole file."""
        self.expected = expected
        """What should have been there. What was there is left out: it may name a person."""
