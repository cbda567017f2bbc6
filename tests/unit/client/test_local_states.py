"""What the local states say after any course of events, and when they say nothing."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osms.values import ALMATY, almaty_date
from osms_client import (
    InvalidAnswerError,
    NothingKnownError,
    OsmsError,
    RetryLaterError,
    Status,
    TokenExpiredError,
    UnansweredError,
)
from osms_client.local_states import LocalCopy, Ticks
from tests.unit.client import told
from tests.unit.client.fake import IIN, OTHER_IIN

NOON = datetime(2026, 1, 15, 12, tzinfo=ALMATY)
PEOPLE = (IIN, OTHER_IIN, "980101000000")
AWAY = RetryLaterError("away", status=grpc.StatusCode.UNAVAILABLE)
EXPIRED = TokenExpiredError("expired", status=grpc.StatusCode.OUT_OF_RANGE)
UNREADABLE = InvalidAnswerError("unreadable")


@dataclass
class Clocks:
    """This machine's two clocks, which stand until moved."""

    now: Ticks = field(default_factory=lambda: Ticks(0, 1e9))

    def __call__(self) -> Ticks:
        return self.now

    def pass_by(self, monotonic_s: float, wall_s: float | None = None) -> None:
        """Let time pass; the wall clock may go its own way."""
        wall_s = monotonic_s if wall_s is None else wall_s
        self.now = Ticks(self.now.monotonic_s + monotonic_s, self.now.wall_s + wall_s)


@dataclass
class Desk:
    """Local states whose messages and clocks a test makes."""

    clocks: Clocks = field(default_factory=Clocks)
    roster: str = ""
    age_max_s: float = 86_400

    def __post_init__(self) -> None:
        watched = None if self.roster else PEOPLE
        self.copy = LocalCopy(watched, self.roster, self.age_max_s, self.clocks)

    def opened(self, valid_through: str = "2026-01-16") -> "Desk":
        """Return this desk once it was told of all."""
        self.copy.begin()
        told_state = told.state(valid_through=valid_through, covered_through="2026-03-31")
        self.copy.take(told.states(dict.fromkeys(PEOPLE, told_state), "t1"))
        self.copy.take(told.checkpoint(7, NOON, token="t1"))
        return self


def test_nothing_is_known_before_the_states_are_whole_and_dated() -> None:
    """Neither a part of the states, nor all of them without an instant, says anything."""
    desk = Desk()
    desk.copy.begin()
    for message in (
        told.states({IIN: told.state()}),
        told.states({OTHER_IIN: told.state()}, "t1"),
    ):
        desk.copy.take(message)
        assert not desk.copy.settled
        with pytest.raises(NothingKnownError):
            desk.copy.get(IIN)
        with pytest.raises(NothingKnownError):
            desk.copy.require_ready()
    desk.copy.take(told.checkpoint(7, NOON, token="t1"))
    desk.copy.require_ready()
    assert desk.copy.get(IIN).as_of == NOON


def test_a_state_says_as_of_when_it_is_and_until_when() -> None:
    """Its instant is the gateway's, its age this machine's, its day the two together."""
    desk = Desk().opened()
    desk.clocks.pass_by(3_600)
    state = desk.copy.get(IIN)
    assert (state.status, state.revision) == (Status.INSURED, 7)
    assert (state.as_of, state.age_s) == (NOON, 3_600)
    assert state.as_of.tzinfo is UTC
    assert (state.service_date, state.valid_through) == (date(2026, 1, 15), date(2026, 1, 16))
    days = [date(2026, 1, day) for day in range(13, 19) if state.holds_on(date(2026, 1, day))]
    assert days == [date(2026, 1, 15), date(2026, 1, 16)]


@pytest.mark.parametrize(("monotonic_s", "wall_s"), [(129_601, -5e8), (60, 129_601)])
def test_what_has_run_out_is_unknown_not_uninsured(monotonic_s: float, wall_s: float) -> None:
    """Though the machine slept, or its clock was set back, midnight comes."""
    desk = Desk(age_max_s=200_000).opened()
    desk.clocks.pass_by(monotonic_s, wall_s)
    state = desk.copy.get(IIN)
    assert state.status is None
    assert state.unknown_since == date(2026, 1, 17)
    assert not state.holds_on(date(2026, 1, 16))
    assert desk.copy.present(IIN) is None


def test_a_status_without_an_end_stays_known() -> None:
    """An empty last day is no day that has passed."""
    desk = Desk().opened(valid_through="")
    desk.clocks.pass_by(80_000)
    state = desk.copy.get(IIN)
    assert (state.status, state.unknown_since) == (Status.INSURED, None)
    assert state.holds_on(date(2099, 1, 1))


def test_what_is_too_old_is_not_told() -> None:
    """Beyond the bound nothing is known, until the gateway is heard again."""
    desk = Desk(age_max_s=60).opened()
    desk.clocks.pass_by(61)
    with pytest.raises(NothingKnownError, match="61 s ago"):
        desk.copy.get(IIN)
    desk.copy.take(told.checkpoint(7, NOON, token="t1"))
    assert desk.copy.get(IIN).age_s == 0


def test_who_is_not_watched_is_unanswered() -> None:
    """The error is one of an outage, and names nobody."""
    with pytest.raises(UnansweredError) as caught:
        Desk().opened().copy.get("050101690305")
    assert type(caught.value) is NothingKnownError
    assert "050101690305" not in str(caught.value)


def test_a_broken_watch_of_people_goes_on_from_its_token() -> None:
    """No state is asked for again."""
    desk = Desk().opened()
    desk.copy.broken(AWAY)
    assert desk.copy.begin().resume_token == "t1"
    desk.copy.take(told.change(IIN, told.state(Status.NOT_INSURED), revision=9, token="t2"))
    state = desk.copy.get(IIN)
    assert (state.status, state.revision, state.as_of) == (Status.NOT_INSURED, 9, NOON)


@pytest.mark.parametrize(
    ("roster", "error"), [("", EXPIRED), ("", UNREADABLE), ("polyclinic-5", AWAY)]
)
def test_a_watch_that_cannot_go_on_begins_anew(roster: str, error: OsmsError) -> None:
    """What was told stays, as of when it was, until the new states are whole; the rest is gone."""
    desk = Desk(roster=roster).opened()
    assert desk.copy.broken(error) > 0
    assert desk.copy.begin().resume_token == ""
    desk.copy.take(told.states({IIN: told.state(Status.NOT_INSURED)}))
    assert desk.copy.get(IIN).status is Status.INSURED
    desk.copy.take(told.states({OTHER_IIN: told.state(Status.NOT_INSURED)}, "t8"))
    assert desk.copy.get(IIN).status is Status.NOT_INSURED
    assert desk.copy.get(IIN).as_of == NOON
    with pytest.raises(NothingKnownError):
        desk.copy.get(PEOPLE[2])


def test_a_roster_is_read_again_every_hour() -> None:
    """Else nobody who was attached since the stream began would ever be known."""
    desks = Desk(roster="polyclinic-5").opened(), Desk().opened()
    sign = told.checkpoint(8, NOON, token="t2")
    assert [desk.copy.take(sign) for desk in desks] == [False, False]
    for desk in desks:
        desk.clocks.pass_by(3_601)
    assert [desk.copy.take(sign) for desk in desks] == [True, False]
    desks[0].opened()
    assert not desks[0].copy.take(sign)


def test_a_refusal_is_raised_to_those_who_wait() -> None:
    """There is nothing to wait for, until the gateway thinks better of it."""
    desk = Desk()
    desk.copy.begin()
    desk.copy.broken(EXPIRED)
    assert desk.copy.settled
    with pytest.raises(TokenExpiredError):
        desk.copy.require_ready()
    desk.opened().copy.require_ready()


Told = tuple[Status, str]
"""A status and its last day, empty without end."""

TOLD = st.tuples(
    st.sampled_from(Status), st.sampled_from(["", *(f"2026-01-{day}" for day in range(14, 20))])
)
EVENTS = st.one_of(
    st.tuples(st.just("change"), st.sampled_from(PEOPLE), TOLD),
    st.tuples(st.just("checkpoint"), st.integers(0, 40_000)),
    st.tuples(st.just("anew"), st.tuples(TOLD, TOLD, TOLD), st.booleans()),
    st.tuples(st.just("passing"), st.integers(0, 100_000)),
)


class Model:
    """What a reader of the contract would say after the same events."""

    def __init__(self) -> None:
        self.desk = Desk(age_max_s=150_000).opened()
        self.told: dict[str, Told] = dict.fromkeys(PEOPLE, (Status.INSURED, "2026-01-16"))
        self.as_of = NOON
        self.age_s = 0
        self.number = 10

    def change(self, iin: str, after: Told) -> None:
        """Somebody's state becomes another."""
        message = told.change(iin, told.state(*after), revision=self.number, token="t")
        self.desk.copy.take(message)
        self.told[iin] = after

    def checkpoint(self, later_s: int) -> None:
        """The gateway says that it is there."""
        self.as_of, self.age_s = NOON + timedelta(seconds=later_s), 0
        self.desk.copy.take(told.checkpoint(self.number, self.as_of, token="t"))

    def anew(self, found: tuple[Told, ...], breaks: bool) -> None:
        """All states are told again, perhaps after a stream that broke off amid them."""
        self.desk.copy.broken(EXPIRED)
        for whole in [False, True] if breaks else [True]:
            self.desk.copy.begin()
            for iin, one in zip(PEOPLE[:-1], found, strict=False):
                self.desk.copy.take(told.states({iin: told.state(*one)}))
                self.check(date(2026, 1, 15))
            if whole:
                self.desk.copy.take(told.states({PEOPLE[-1]: told.state(*found[-1])}, "t"))
            else:
                self.desk.copy.broken(AWAY)
        self.told = dict(zip(PEOPLE, found, strict=True))

    def passing(self, seconds: int) -> None:
        """Time passes."""
        self.desk.clocks.pass_by(seconds)
        self.age_s += seconds

    def check(self, day: date) -> None:
        """Compare what is said of everybody, of today and of a day."""
        today = almaty_date(self.as_of + timedelta(seconds=self.age_s))
        for iin, (status, last) in self.told.items():
            if self.age_s > 150_000:
                with pytest.raises(NothingKnownError):
                    self.desk.copy.get(iin)
                continue
            state = self.desk.copy.get(iin)
            known = not last or today.isoformat() <= last
            assert state.status is (status if known else None)
            assert (state.as_of, state.age_s) == (self.as_of, self.age_s)
            within = today <= day and (not last or day.isoformat() <= last)
            assert state.holds_on(day) is within
            assert self.desk.copy.present(iin) == (state if known else None)


@given(events=st.lists(EVENTS, max_size=25), day=st.dates(date(2026, 1, 13), date(2026, 1, 22)))
def test_local_states_are_the_fold_of_events(events: list[tuple[Any, ...]], day: date) -> None:
    """Whatever comes in whatever order, they say what was told last, and never beyond its end."""
    model = Model()
    for name, *arguments in events:
        model.number += 1
        getattr(model, name)(*arguments)
        model.check(day)
