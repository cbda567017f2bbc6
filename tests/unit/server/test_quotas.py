"""Quotas: what each client may ask, for how long, and when it may come back."""

from collections.abc import Callable

import pytest
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st

from osms.v1 import core_pb2
from osms_server.buckets import FORGETS_EVERY_S, ROUNDING, Buckets
from osms_server.errors import Reason, RequestError
from osms_server.identity import Caller
from osms_server.interceptors.errors import status_of
from osms_server.quotas import CLASSES, Quotas
from tests.hands import Hands

RECEPTION, ROSTER = core_pb2.PURPOSE_RECEPTION, core_pb2.PURPOSE_ROSTER
CLINIC = Caller("clinic-5", quota="clinic")
ROSTER_MEMBERS = 40_000
"""A large polyclinic's."""


def refused(ask: Callable[[], None]) -> RequestError | None:
    """Return why a question is not let through; None: it is."""
    try:
        ask()
    except RequestError as error:
        return error
    return None


def let_through(ask: Callable[[], None]) -> int:
    """Ask until refused; return how often it was let through."""
    times = 0
    while refused(ask) is None:
        times += 1
    return times


@pytest.mark.parametrize("name", CLASSES)
def test_a_client_gets_its_burst_and_then_its_rate(name: str) -> None:
    """For one person as in bulk, no more passes than the class says, and no less."""
    hands, limits, caller = Hands(), CLASSES[name], Caller("a", quota=name)
    quotas = Quotas(1, hands)
    assert let_through(lambda: quotas.take_single(caller, RECEPTION)) == limits.questions_burst
    hands.move(10)
    rate = let_through(lambda: quotas.take_single(caller, RECEPTION))
    assert rate == 10 * limits.questions_per_s
    some = limits.people_burst // 10
    assert let_through(lambda: quotas.take_bulk(caller, ROSTER, some)) == 10
    hands.move(60)
    share = limits.people_per_minute // 10
    assert let_through(lambda: quotas.take_bulk(caller, ROSTER, share)) == 10


def test_clients_purposes_and_lanes_are_counted_apart() -> None:
    """Whoever asks too much, and for what, holds back nobody and nothing else."""
    quotas = Quotas(1, Hands())
    let_through(lambda: quotas.take_single(CLINIC, RECEPTION))
    quotas.take_single(CLINIC, core_pb2.PURPOSE_BILLING)
    quotas.take_single(Caller("clinic-6", quota="clinic"), RECEPTION)
    quotas.take_bulk(CLINIC, RECEPTION, ROSTER_MEMBERS)


def test_a_refusal_says_of_what_there_was_too_much_and_when_to_come_back() -> None:
    """Class, purpose and lane stand in the metadata, the time to the millisecond in RetryInfo."""
    quotas = Quotas(1, Hands())
    let_through(lambda: quotas.take_single(CLINIC, RECEPTION))
    error = refused(lambda: quotas.take_single(CLINIC, RECEPTION))
    assert error is not None
    assert error.reason == Reason.ERROR_REASON_QUOTA_EXCEEDED
    assert error.metadata == {"quota": "clinic", "purpose": "RECEPTION", "lane": "desk"}
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in status_of(error).details)
    assert retry.retry_delay.ToMilliseconds() in (200, 201)


def test_a_purpose_without_a_meaning_has_one_bucket() -> None:
    """Making up numbers of purposes brings nobody more questions, nor fills the memory."""
    quotas = Quotas(1, Hands())
    let_through(lambda: quotas.take_single(CLINIC, 99))
    error = refused(lambda: quotas.take_single(CLINIC, 100))
    assert error is not None
    assert error.metadata["purpose"] == "UNSPECIFIED"


def test_nothing_is_allowed_by_default() -> None:
    """A client without a class, or of one that there is not, asks nothing."""
    quotas = Quotas(1, Hands())
    for quota in ("", "unlimited"):
        error = refused(lambda quota=quota: quotas.take_bulk(Caller("a", quota=quota), ROSTER, 1))  # type: ignore[misc]
        assert error is not None
        assert error.reason == Reason.ERROR_REASON_QUOTA_EXCEEDED


def test_a_clinic_looks_at_its_whole_roster_several_times_a_night() -> None:
    """The normal work of a polyclinic of 40,000 never meets the quota."""
    hands = Hands()
    quotas = Quotas(4, hands)
    for _ in range(3):
        for _ in range(3):
            quotas.take_bulk(CLINIC, ROSTER, ROSTER_MEMBERS)
        hands.move(24 * 3_600)


def test_more_than_a_burst_at_once_passes_after_rest_and_is_owed() -> None:
    """The largest roster can be asked about with any class, as often as the rate allows."""
    hands, desk = Hands(), Caller("a", quota="desk")
    quotas = Quotas(1, hands)
    many = 10 * CLASSES["desk"].people_burst
    quotas.take_bulk(desk, ROSTER, many)
    error = refused(lambda: quotas.take_bulk(desk, ROSTER, many))
    assert error is not None
    assert error.retry_after_s is not None
    assert error.retry_after_s == pytest.approx(many / CLASSES["desk"].people_per_minute * 60)
    hands.move(error.retry_after_s)
    quotas.take_bulk(desk, ROSTER, many)


def test_each_of_several_workers_gets_its_share_of_the_rate() -> None:
    """Together they let through the rate of the class; each a whole burst."""
    hands = Hands()
    quotas = Quotas(5, hands)
    assert let_through(lambda: quotas.take_single(CLINIC, RECEPTION)) == 600
    hands.move(10)
    assert let_through(lambda: quotas.take_single(CLINIC, RECEPTION)) == 10


@given(
    per_s=st.floats(0.001, 1e4),
    burst=st.floats(1, 1e6),
    takes=st.lists(st.tuples(st.floats(0, 100), st.integers(1, 10**6)), min_size=1, max_size=20),
)
def test_no_more_is_given_than_burst_and_rate(
    per_s: float, burst: float, takes: list[tuple[float, int]]
) -> None:
    """However much is asked for when: only the last of what is given may go beyond them; and who
    comes back when told is given.
    """
    hands = Hands()
    began, given_before = hands(), 0.0
    buckets: Buckets[str] = Buckets(hands)
    for pause_s, amount in takes:
        hands.move(pause_s)
        wait_s = buckets.take("a", amount, per_s, burst)
        if wait_s:
            # As RetryInfo says it: whole milliseconds.
            hands.move(wait_s + 0.001)
            assert buckets.take("a", amount, per_s, burst) == 0
        allowed = burst + (hands() - began) * per_s
        assert given_before + min(amount, burst) <= allowed * (1 + 1e-9) + ROUNDING * len(takes)
        given_before += amount


def test_full_buckets_are_forgotten() -> None:
    """Memory holds those who asked lately, not all who ever did."""
    hands = Hands()
    buckets: Buckets[int] = Buckets(hands)
    for key in range(1_000):
        buckets.take(key, 1, per_s=1, burst=10)
    assert len(buckets) == 1_000
    hands.move(FORGETS_EVERY_S)
    buckets.take(0, 1, per_s=1, burst=10)
    assert len(buckets) == 1
