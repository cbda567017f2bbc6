"""How far a stream has come, and for how long its server has been silent."""

import time


class Pace:
    """Tells waiting for the server from waiting for the caller.

    A stream waits for the server while its reader asks for an answer and its writer has nothing
    more to take from the caller. Only that may time out: a caller may take results, or bring
    units, as slowly as it likes.
    """

    def __init__(self) -> None:
        self._reading_since: float | None = None
        self._given_at: float | None = None
        self.failure: BaseException | None = None
        """What the caller's own iterable raised; the call is cancelled for it."""
        self.timed_out = False
        """Whether the call was cancelled because the server fell silent."""

    def reading(self) -> None:
        """Note that an answer is awaited."""
        self._reading_since = time.monotonic()

    def read(self) -> None:
        """Note that an answer has come, and may now be looked at for as long as it takes."""
        self._reading_since = None

    def taking(self) -> None:
        """Note that the caller is asked for more to send."""
        self._given_at = None

    def given(self) -> None:
        """Note that the next move is the server's."""
        self._given_at = time.monotonic()

    def silent_s(self) -> float:
        """Return for how long the server has been silent, 0 if it is not its turn."""
        reading, given = self._reading_since, self._given_at
        if reading is None or given is None:
            return 0.0
        return time.monotonic() - max(reading, given)
