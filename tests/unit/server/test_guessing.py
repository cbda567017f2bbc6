"""Guessing: who is slowed down, for how long, and who is not."""

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from osms_server import guessing
from osms_server.errors import Reason, RequestError
from osms_server.guessing import (
    FORGIVES_IN_S,
    RECOVERS_IN_S,
    REPORTED_EVERY_S,
    SLOW_SHARE,
    TOLERATED_SHARE,
    Guessing,
)
from osms_server.identity import Caller
from osms_server.quotas import CLASSES
from tests.hands import Hands

CLINIC = Caller("clinic-5", quota="clinic")
LIMITS = CLASSES["clinic"]


def answered(ask: Callable[[], None]) -> bool:
    """Tell whether a question is let through."""
    try:
        ask()
    except RequestError as error:
        if error.reason != Reason.ERROR_REASON_GUESSING_SUSPECTED:
            raise
        return False
    return True


def suspected(subject: Guessing, caller: Caller = CLINIC) -> bool:
    """Tell whether a client is slowed down: two questions at the same moment do not both pass."""
    return not all(answered(lambda: subject.check(caller)) for _ in range(100))


def enumerate_numbers(subject: Guessing, times: int) -> None:
    """Ask about numbers of nobody, one by one; so many are answered at most."""
    for _ in range(times):
        if answered(lambda: subject.check(CLINIC)):
            subject.note(CLINIC, 1, 1)


def test_who_tries_out_numbers_is_slowed_and_others_are_not() -> None:
    """After as many misses as the class may have, only the slow rate is answered."""
    hands = Hands()
    subject = Guessing(1, hands)
    enumerate_numbers(subject, LIMITS.misses)
    assert not suspected(subject)
    enumerate_numbers(subject, LIMITS.misses)
    assert suspected(subject)
    assert not suspected(subject, Caller("clinic-6", quota="clinic"))
    hands.move(3_600)
    enumerate_numbers(subject, 2 * LIMITS.misses)
    passed = 0
    for _ in range(600):
        hands.move(0.1)
        if answered(lambda: subject.check(CLINIC)):
            subject.note(CLINIC, 1, 1)
            passed += 1
    assert passed <= 60 * LIMITS.questions_per_s * SLOW_SHARE + 10


def test_people_in_bulk_are_slowed_too() -> None:
    """A batch of guesses is followed by few more until all is well again."""
    hands = Hands()
    subject = Guessing(1, hands)
    subject.check(CLINIC, 10_000)
    subject.note(CLINIC, 10_000, 10_000)
    assert answered(lambda: subject.check(CLINIC, 10_000))
    with pytest.raises(RequestError) as caught:
        subject.check(CLINIC, 10_000)
    assert caught.value.retry_after_s == pytest.approx(RECOVERS_IN_S)
    hands.move(RECOVERS_IN_S + 1)
    subject.check(CLINIC, 10_000)


@pytest.mark.parametrize("at_a_time", [1, 10, 1_000, 40_000])
def test_a_roster_with_some_unknown_people_is_no_guessing(at_a_time: int) -> None:
    """However it is cut, a share below the tolerated one never brings suspicion."""
    subject = Guessing(1, Hands())
    misses = 0.0
    for end in range(at_a_time, 40_001, at_a_time):
        due = int(end * TOLERATED_SHARE * 0.9) - misses
        subject.check(CLINIC, at_a_time)
        subject.note(CLINIC, int(due), at_a_time)
        misses += due
    assert misses > 40 * LIMITS.misses
    assert not subject.suspicions


def test_a_desk_that_mistypes_for_weeks_is_no_guessing() -> None:
    """Misses are forgotten with time."""
    hands = Hands()
    subject = Guessing(1, hands)
    for _ in range(10 * LIMITS.misses):
        enumerate_numbers(subject, 1)
        hands.move(FORGIVES_IN_S / LIMITS.misses)
    assert not subject.suspicions


@pytest.mark.parametrize("workers", [1, 64])
def test_suspicion_ends_by_itself(workers: int) -> None:
    """However many misses there were, some time after the last everything is as before."""
    hands = Hands()
    subject = Guessing(workers, hands)
    subject.note(CLINIC, 10**6, 10**6)
    hands.move(RECOVERS_IN_S - 1)
    assert suspected(subject)
    hands.move(2)
    assert not suspected(subject)


def test_suspicion_is_reported_by_name_and_counts_and_not_too_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line a minute at most, and operators find the client in a counter."""
    hands = Hands()
    subject = Guessing(1, hands)
    with capture_logs() as lines:
        subject.note(CLINIC, 1_000, 1_000)
        for _ in range(20):
            answered(lambda: subject.check(CLINIC))
            subject.note(CLINIC, 3, 3)
        hands.move(REPORTED_EVERY_S)
        subject.note(CLINIC, 1, 1)
    assert lines == [
        {
            "event": "guessing suspected",
            "log_level": "warning",
            "module": guessing.__name__,
            "client": "clinic-5",
            "misses": misses,
            "slowed_calls": slowed,
        }
        for misses, slowed in ((1_000, 0), (61, 18))
    ]
    assert subject.suspicions == {"clinic-5": 1}
