"""Files that are read again when they have changed."""

from pathlib import Path


class FollowedFiles:
    """Tells whether any of some files was changed or replaced; make it before they are read."""

    def __init__(self, *files: Path) -> None:
        self._files = files
        self._seen = self._states()

    def changed(self) -> bool:
        """Tell whether one has changed since this was asked last."""
        states = self._states()
        if states == self._seen:
            return False
        self._seen = states
        return True

    def _states(self) -> list[tuple[int, int, int]]:
        return [_state(file) for file in self._files]


def _state(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino
