"""Notices who tries out numbers, and slows that client down until it stops.

A miss is a number with a wrong check digit, or one of which nothing is known. Every client has
some: people mistype, and of those who never paid nothing is known. Who has many more of them than
that is answered slowly, and this is reported. No rule sees one who guesses well, or who hides his
guesses among people he knows; him the quotas hold back, and the access log shows.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from osms_server.buckets import Buckets
from osms_server.errors import Reason, RequestError
from osms_server.identity import Caller
from osms_server.logs import logger
from osms_server.quotas import BULK, DESK, QuotaClass, class_of

TOLERATED_SHARE = 0.2
"""So many of those asked about may be nobody: a sixth of the people are uninsured, and of those
among them who never paid nothing is known."""
FORGIVES_IN_S = 600.0
"""In what time as many misses are forgotten as a class may have beyond that share."""
RECOVERS_IN_S = 3_000.0
"""In what time after its last miss a client is answered as before, however many it had."""
SLOW_SHARE = 0.05
"""At what part of the rates of its class a client is answered meanwhile ..."""
SLOW_BURST_S = 10.0
"""... and how much of that at once, in seconds' worth of it; one question at least."""
REPORTED_EVERY_S = 60.0
"""How often one client is reported at most."""

_log = logger(__name__)


@dataclass(slots=True)
class _Record:
    """What is remembered of one client."""

    level: float
    """Misses beyond the tolerated share, less those forgotten by ``at``."""
    at: float
    suspected: bool = False
    misses: int = 0
    """All of them, since it was reported last ..."""
    slowed_calls: int = 0
    """... and its calls that were refused."""
    report_at: float = 0.0
    """Not reported again before this."""


class Guessing:
    """Watches the clients of one process: one record for each that had misses lately."""

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.suspicions: Counter[str] = Counter()
        """For operators: how often each client has come under suspicion since the start."""
        self._workers = workers
        self._clock = clock
        self._records: dict[str, _Record] = {}
        self._slow: Buckets[tuple[str, str]] = Buckets(clock)

    def check(self, caller: Caller, people: int | None = None) -> None:
        """Let a client ask about one person, or about ``people`` in bulk.

        Raises RequestError GUESSING_SUSPECTED if it is under suspicion and asks faster than it is
        answered meanwhile.
        """
        if (record := self._records.get(caller.client)) is None:
            return
        limits = class_of(caller)
        now = self._clock()
        self._forgive(record, limits, now)
        if not record.suspected:
            if not record.level and now >= record.report_at:
                del self._records[caller.client]
            return
        if people is None:
            lane, per_s = DESK, limits.questions_per_s
        else:
            lane, per_s = BULK, limits.people_per_minute / 60
        per_s *= SLOW_SHARE / self._workers
        burst = max(1.0, per_s * SLOW_BURST_S)
        if wait_s := self._slow.take((caller.client, lane), people or 1, per_s, burst):
            # No later than the suspicion ends.
            cleared_s = (record.level - limits.misses) / self._forgiven_per_s(limits)
            record.slowed_calls += 1
            self._report(caller, record, now)
            raise RequestError(
                Reason.ERROR_REASON_GUESSING_SUSPECTED,
                "Too many of the numbers asked about belong to nobody; check them. "
                "Answers come slowly for a while; this says nothing about any person.",
                {"lane": lane},
                retry_after_s=min(wait_s, cleared_s),
            )

    def note(self, caller: Caller, misses: int, asked: int) -> None:
        """Remember how many of those who were asked about are nobody."""
        record = self._records.get(caller.client)
        if record is None:
            if not misses:
                return
            record = self._records[caller.client] = _Record(0.0, self._clock())
        limits = class_of(caller)
        now = self._clock()
        self._forgive(record, limits, now)
        record.misses += misses
        most = limits.misses + self._forgiven_per_s(limits) * RECOVERS_IN_S
        record.level = min(max(0.0, record.level + misses - TOLERATED_SHARE * asked), most)
        if record.level > limits.misses:
            if not record.suspected:
                record.suspected = True
                self.suspicions[caller.client] += 1
            self._report(caller, record, now)

    def _forgiven_per_s(self, limits: QuotaClass) -> float:
        return limits.misses / FORGIVES_IN_S / self._workers

    def _forgive(self, record: _Record, limits: QuotaClass, now: float) -> None:
        """Forget misses with time, and the suspicion with them."""
        forgiven = (now - record.at) * self._forgiven_per_s(limits)
        record.level, record.at = max(0.0, record.level - forgiven), now
        record.suspected = record.suspected and record.level > limits.misses

    def _report(self, caller: Caller, record: _Record, now: float) -> None:
        if now < record.report_at:
            return
        _log.warning(
            "guessing suspected",
            client=caller.client,
            misses=record.misses,
            slowed_calls=record.slowed_calls,
        )
        record.misses = record.slowed_calls = 0
        record.report_at = now + REPORTED_EVERY_S
