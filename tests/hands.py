"""The hands of a clock that tests move."""


class Hands:
    """A clock of seconds that stands still until it is moved."""

    def __init__(self) -> None:
        self._now_s = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self._now_s

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self._now_s += seconds
