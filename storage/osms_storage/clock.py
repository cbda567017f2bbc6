"""Where the time comes from."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

Clock = Callable[[], datetime]
"""Returns the present as an aware instant."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def system_clock() -> datetime:
    """Return the system's time."""
    return datetime.now(UTC)


def file_clock(path: Path) -> Clock:
    """Return a clock that stands at the ISO instant written in a file, for tests and demos.

    The file is read again when it was replaced or written to.
    """
    read: tuple[int, int] | None = None
    instant = _EPOCH

    def now() -> datetime:
        nonlocal read, instant
        stat = path.stat()
        if (stat.st_ino, stat.st_mtime_ns) != read:
            instant = datetime.fromisoformat(path.read_text().strip()).astimezone(UTC)
            read = (stat.st_ino, stat.st_mtime_ns)
        return instant

    return now


def to_microseconds(instant: datetime) -> int:
    """Return microseconds since 1970 UTC."""
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the instant of microseconds since 1970 UTC."""
    return _EPOCH + timedelta(microseconds=count)
