"""Files that grow piece by piece, many at once."""

from pathlib import Path

_PENDING_BYTES_MAX = 64 * 1024


class Spool:
    """One growing file; holds few bytes in memory and no open file between writes."""

    def __init__(self, path: Path, encoding: str = "utf-8") -> None:
        """Begin a file; its folder is made with the first bytes."""
        self.path = path
        self._encoding = encoding
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    def write(self, text: str) -> None:
        """Add text; the encoding must have every letter of it."""
        piece = text.encode(self._encoding)
        self._pending.append(piece)
        self._pending_bytes += len(piece)
        if self._pending_bytes >= _PENDING_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Bring what is pending to the disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.writelines(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
