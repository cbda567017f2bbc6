"""Amounts that grow back with time: how much of something is left, by key.

Not aiolimiter: that is taken from by a coroutine, cannot say when to come back, refuses more than
its burst for ever, and reads a clock that tests cannot move.
"""

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

FORGETS_EVERY_S = 60.0
"""How often buckets that are full again are dropped."""
ROUNDING = 1e-3
"""What may lack of one: moments that were added up are not exact."""

Key = TypeVar("Key", bound=Hashable)


class Buckets(Generic[Key]):
    """A bucket for each key; one that nobody took from is full, and not kept.

    Each is one number, the moment at which it is full again, so that taking costs less than a
    microsecond and nothing has to run in between.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[Key, float] = {}
        self._forgets_at = 0.0

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._full_at)

    def take(self, key: Key, amount: float, per_s: float, burst: float) -> float:
        """Take an amount and return 0; or take nothing and return in how many seconds to ask again.

        A bucket holds ``burst`` and grows by ``per_s``. One that is full gives more than it holds,
        too, and owes the rest: what is asked for at once is never refused for ever.
        """
        now = self._clock()
        full_at = self._full_at.get(key)
        if full_at is None or full_at <= now:
            if now >= self._forgets_at:
                self._forget(now)
            full_at = now
        else:
            lacking = (full_at - now) * per_s + min(amount, burst) - burst
            if lacking > ROUNDING:
                return lacking / per_s
        self._full_at[key] = full_at + amount / per_s
        return 0.0

    def _forget(self, now: float) -> None:
        self._forgets_at = now + FORGETS_EVERY_S
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
