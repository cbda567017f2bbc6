"""How much a client may ask, by its class: the numbers, and who counts."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from osms.v1 import core_pb2
from osms_server.buckets import Buckets
from osms_server.errors import Reason, RequestError
from osms_server.identity import Caller

DESK = "desk"
"""The lane of questions about one person."""
BULK = "bulk"
"""The lane of people in batches, messages of streams, rosters, and the first states of a watch."""


@dataclass(frozen=True, slots=True)
class QuotaClass:
    """What a client may ask of one gateway for each purpose that it may state."""

    questions_per_s: float
    """About one person, for as long as it likes ..."""
    questions_burst: int
    """... and at once. It sits on one worker until it connects anew: half a minute's worth."""
    people_per_minute: int
    """People in bulk, for as long as it likes ..."""
    people_burst: int
    """... and at once. One request about more passes where nothing was asked for a while."""
    misses: int
    """How many numbers that belong to nobody it may ask about in ten minutes, beyond the share of
    them that all questions have (see guessing)."""


CLASSES: Mapping[str, QuotaClass] = {
    # A practice: a visit takes minutes, and the appointments of a day are known in the morning.
    "desk": QuotaClass(
        questions_per_s=1,
        questions_burst=60,
        people_per_minute=10,
        people_burst=1_000,
        misses=30,
    ),
    # A polyclinic of 40,000 people has 600 visits a day, most of them in the morning; it may look
    # at its roster five times in a night, but at the whole country not within two weeks.
    "clinic": QuotaClass(
        questions_per_s=5,
        questions_burst=600,
        people_per_minute=1_000,
        people_burst=200_000,
        misses=150,
    ),
    # The clinics of a city of two million: 3,850 people a minute, so that all are looked at in
    # eight hours of a night; a twentieth of the country's visits, in the same hour of a Monday.
    "network": QuotaClass(
        questions_per_s=50,
        questions_burst=2_000,
        people_per_minute=5_000,
        people_burst=500_000,
        misses=750,
    ),
    # The hospitalisation portal and its like: twice the peak of the whole country, 130 a second;
    # and 20 million people in one night, 41,700 a minute.
    "national": QuotaClass(
        questions_per_s=300,
        questions_burst=10_000,
        people_per_minute=50_000,
        people_burst=2_000_000,
        misses=3_000,
    ),
}
"""By name."""

UNCLASSED_RETRY_AFTER_S = 3_600.0
"""When a client without a class may ask again: somebody has to give it one before."""
_PURPOSES: dict[int, str] = {
    number: name.removeprefix("PURPOSE_") for name, number in core_pb2.Purpose.items()
}
"""Numbers without a meaning, which are refused later on, count as the unspecified one."""


def class_of(caller: Caller) -> QuotaClass:
    """Return a client's class; raise RequestError QUOTA_EXCEEDED if it has none."""
    if (found := CLASSES.get(caller.quota)) is None:
        raise RequestError(
            Reason.ERROR_REASON_QUOTA_EXCEEDED,
            "No quota was given to this client; this says nothing about any person.",
            {"quota": caller.quota},
            retry_after_s=UNCLASSED_RETRY_AFTER_S,
        )
    return found


class Quotas:
    """Counts what clients ask of one process.

    Of several workers each lets through its share of the rates: a client that connects anew comes
    to any of them. Each lets through a whole burst: until then it stays at one of them.
    """

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._workers = workers
        self._buckets: Buckets[tuple[str, int, str]] = Buckets(clock)

    def take_single(self, caller: Caller, purpose: int) -> None:
        """Count a question about one person.

        Raises RequestError QUOTA_EXCEEDED, and counts nothing, if it is one too many.
        """
        limits = class_of(caller)
        per_s = limits.questions_per_s / self._workers
        key = (caller.client, purpose if purpose in _PURPOSES else 0, DESK)
        if wait_s := self._buckets.take(key, 1, per_s, limits.questions_burst):
            raise _exceeded(caller, key, wait_s)

    def take_bulk(self, caller: Caller, purpose: int, people: int) -> None:
        """Count people who are asked about together, nobody as one.

        Raises RequestError QUOTA_EXCEEDED, and counts none of them, if they are too many.
        """
        limits = class_of(caller)
        per_s = limits.people_per_minute / 60 / self._workers
        key = (caller.client, purpose if purpose in _PURPOSES else 0, BULK)
        if wait_s := self._buckets.take(key, people or 1, per_s, limits.people_burst):
            raise _exceeded(caller, key, wait_s)


def _exceeded(caller: Caller, key: tuple[str, int, str], wait_s: float) -> RequestError:
    _, purpose, lane = key
    return RequestError(
        Reason.ERROR_REASON_QUOTA_EXCEEDED,
        "More than this client's quota; this says nothing about any person.",
        {"quota": caller.quota, "purpose": _PURPOSES[purpose], "lane": lane},
        retry_after_s=wait_s,
    )
