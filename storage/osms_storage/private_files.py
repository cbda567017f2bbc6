"""Files that only their owner may read, written whole or not at all."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_OWNER_ONLY = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Write a new file: it is there, and on the disk, once the context ends well.

    Until then it has ``.part`` after its name; what a killed process left under that name is
    replaced. Raises FileExistsError if the file is there, BlockingIOError if another process is
    writing it, any other OSError if it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    _refuse_taken(path)
    with open(part, "r+b", opener=_made_for_its_owner) as file:
        _hold(file, path)
        try:
            os.fchmod(file.fileno(), _OWNER_ONLY)
            file.truncate()
            yield file
            file.flush()
            os.fsync(file.fileno())
            # Not a link, which some places for backups do not know.
            _refuse_taken(path)
            part.rename(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def replace_file(path: Path, content: bytes, *, mode: int = _OWNER_ONLY) -> None:
    """Make or replace a file, durably: nobody ever sees a part of it.

    One at a time: what a killed process left of another attempt is removed.
    """
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)
    sync_folder(path.parent)


def make_file(path: Path) -> None:
    """Make an empty file for its owner alone, unless there is one."""
    if not path.exists():
        os.close(_made_for_its_owner(str(path), os.O_RDWR | os.O_CLOEXEC))


@contextmanager
def passing_file(path: Path) -> Iterator[None]:
    """Make an empty file, in place of what a killed process left, and remove it in the end."""
    path.unlink(missing_ok=True)
    make_file(path)
    try:
        yield
    finally:
        path.unlink()


def others_may_read(path: Path) -> bool:
    """Tell whether anybody but a file's owner has a right to it."""
    return bool(path.stat().st_mode & _OTHERS)


def _made_for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, _OWNER_ONLY)


def _refuse_taken(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(f"There is a file {path} already; none is overwritten.")


def _hold(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BlockingIOError(f"Another process is writing {path}.") from None


def sync_folder(folder: Path) -> None:
    """Let the names of its files be on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
