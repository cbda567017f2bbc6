"""What services ask before they work for a caller, and tell afterwards."""

import time
from collections.abc import Callable

from osms_server.guessing import Guessing
from osms_server.identity import current_caller
from osms_server.quotas import Quotas


class Meter:
    """Holds the client of the present call to its quotas, and notices guessing."""

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._quotas = Quotas(workers, clock)
        self.guessing = Guessing(workers, clock)
        """For operators: who has come under suspicion."""

    def single(self, purpose: int) -> None:
        """Let the caller ask about one person.

        Raises RequestError QUOTA_EXCEEDED or GUESSING_SUSPECTED if it has to wait.
        """
        caller = current_caller()
        self.guessing.check(caller)
        self._quotas.take_single(caller, purpose)

    def bulk(self, purpose: int, people: int) -> None:
        """Let the caller ask about many together; raises as `single` does."""
        caller = current_caller()
        self.guessing.check(caller, people)
        self._quotas.take_bulk(caller, purpose, people)

    def note(self, misses: int, asked: int) -> None:
        """Remember how many of those the caller asked about are nobody."""
        self.guessing.note(current_caller(), misses, asked)
