"""What a file is, told by its content rather than its name."""

from enum import Enum, auto
from pathlib import Path

from osms_client.loaders.errors import FileError
from osms_client.loaders.tables import NOTE_MARK, is_parquet, open_table

_PEEK_BYTES = 4_096


class FileKind(Enum):
    """What can be loaded."""

    MT102 = auto()
    REGISTER_TABLE = auto()
    REJECTS = auto()
    """A reject file, corrected: it has an ``issue`` column."""
    CATEGORIES = auto()


def kind_of(path: Path) -> FileKind:
    """Tell what a file is; raise FileError if it is empty or cannot be opened."""
    try:
        with path.open("rb") as file:
            start = file.read(_PEEK_BYTES)
        if not start.strip():
            raise FileError(path, "a file with content: it is empty")
        if not is_parquet(path) and not _is_csv(path, start):
            return FileKind.MT102
        table = open_table(path)
    except OSError as error:
        raise FileError(path, f"a file that can be read ({error.strerror})") from error
    if table.note is not None:
        return FileKind.CATEGORIES
    return FileKind.REJECTS if "issue" in table.columns else FileKind.REGISTER_TABLE


def _is_csv(path: Path, start: bytes) -> bool:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{"):
        return False
    first = text.partition(b"\n")[0]
    return (
        path.suffix.lower() == ".csv"
        or first.startswith(NOTE_MARK.encode())
        or (b"," in first and b"iin" in first)
    )
