"""What a program itself keeps of watched people, to go on through an outage of the gateway."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import grpc

from osms.v1 import consumer_service_pb2 as pb
from osms.values import almaty_date
from osms_client.errors import NothingKnownError, OsmsError, RefusedError
from osms_client.vocabulary import Status
from osms_client.watching import Changes, Checkpoint, ConsumerState, States, WatchEvent
from osms_client.wire.watching import Watch

AGE_MAX_S = 86_400.0
"""For how long states are told after the gateway was last heard, unless the caller says less."""

ANSWER_S = 3.0
"""How long a lookup waits for the gateway before it answers from here: a queue is waiting."""

ROSTER_REREAD_S = 3_600.0
"""How often a roster's watch begins anew: who was attached meanwhile is in none begun before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalState:
    """A person's state as it was last told, on the day of asking. Not an answer of the gateway."""

    iin: str
    """The person."""

    service_date: date
    """The day this is for: today in Almaty, by the gateway's clock as it has run on since."""

    status: Status | None
    """Whether the package is open; None: not known any more, which is never "not insured"."""

    valid_through: date | None
    """Last day of the status that was told; None: it never ends."""

    covered_through: date | None
    """Last insured day as it was told; None when not insured or it never ends."""

    as_of: datetime
    """When the gateway last said that it had told everything, UTC. What happened later may be
    missing here."""

    age_s: float
    """How long ago that was, in seconds."""

    revision: int
    """The store revision that this state is known to hold at."""

    @property
    def unknown_since(self) -> date | None:
        """The first day of which nothing was told; None while the status is known."""
        if self.status is not None or self.valid_through is None:
            return None
        return self.valid_through + timedelta(days=1)

    def holds_on(self, day: date) -> bool:
        """Tell whether the status is that of a day: from ``service_date`` to ``valid_through``.

        False says that it is not known here, nothing of the person.
        """
        if self.status is None or day < self.service_date:
            return False
        return self.valid_through is None or day <= self.valid_through


class Ticks(NamedTuple):
    """Two clocks of this machine, in seconds: neither alone counts every second that passes."""

    monotonic_s: float
    """Stands still while the machine sleeps."""
    wall_s: float
    """Is set back now and then."""

    def since_s(self, earlier: "Ticks") -> float:
        """Return how long ago that was: never less than either clock says."""
        return max(self.monotonic_s - earlier.monotonic_s, self.wall_s - earlier.wall_s)


def _ticks() -> Ticks:
    return Ticks(time.monotonic(), time.time())


class _Kept(NamedTuple):
    state: ConsumerState
    revision: int


class _Heard(NamedTuple):
    checkpoint: Checkpoint
    at: Ticks


class LocalCopy:
    """The fold of a watch over as many streams as it takes; its methods may run in two threads.

    Days are told by the gateway's clock, carried on by how long ago it was heard: a reception's
    own clock may be wrong by months.
    """

    def __init__(
        self,
        iins: Iterable[str] | None,
        roster: str,
        age_max_s: float,
        ticks: Callable[[], Ticks] = _ticks,
    ) -> None:
        if not age_max_s > 0:
            raise ValueError("age_max_s must be above 0")
        self._watch = Watch(iins, roster, "", reconnect=True)
        self._is_roster = bool(roster)
        self._age_max_s = age_max_s
        self._ticks = ticks
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._gathered: dict[str, _Kept] | None = {}
        self._begun = ticks()
        self._heard: _Heard | None = None
        self._refusal: RefusedError | None = None

    @property
    def settled(self) -> bool:
        """Whether there is nothing to wait for: the states are here, or were refused."""
        return self._heard is not None or self._refusal is not None

    def begin(self) -> pb.WatchConsumersRequest:
        """Return what the next stream asks for."""
        request = self._watch.request()
        with self._lock:
            self._gathered = None if request.resume_token else {}
            self._begun = self._ticks()
        return request

    def take(self, response: pb.WatchConsumersResponse) -> bool:
        """Fold a message; return whether this stream is to be left for a new one."""
        event = self._watch.event(response)
        with self._lock:
            self._fold(event)
            aged = self._ticks().since_s(self._begun) > ROSTER_REREAD_S
            return self._is_roster and aged and self._gathered is None

    def _fold(self, event: WatchEvent) -> None:
        # What is gathered shows only once it is whole: until then the states before are kept.
        states = self._kept if self._gathered is None else self._gathered
        match event:
            case States(states=told, token=token):
                states.update({iin: _Kept(state, 0) for iin, state in told.items()})
                if token:
                    self._kept, self._gathered = states, None
            case Changes(changes=changes):
                states.update({item.iin: _Kept(item.after, item.revision) for item in changes})
            case Checkpoint() if self._gathered is None:
                self._heard, self._refusal = _Heard(event, self._ticks()), None

    def broken(self, error: OsmsError) -> float:
        """Return how long to wait, in seconds, before the next stream.

        A roster's begins anew: somebody who left it meanwhile would be kept for ever, as of now,
        and never told of. So does one after a refusal, above all of the token, and after a message
        that could not be read.
        """
        if self._is_roster or error.status is not grpc.StatusCode.UNAVAILABLE:
            self._watch.begin_anew()
        if isinstance(error, RefusedError):
            self._refusal = error
        return self._watch.pause_s()

    def require_ready(self) -> None:
        """Raise what stands against it if no states are here yet."""
        if self._heard is not None:
            return
        if self._refusal is not None:
            raise self._refusal
        raise NothingKnownError("the states have not come yet")

    def get(self, iin: str) -> LocalState:
        """Return a person's state; raise NothingKnownError."""
        with self._lock:
            heard, kept, now = self._heard, self._kept.get(iin), self._ticks()
        if heard is None:
            raise NothingKnownError("the states have not come yet") from self._refusal
        age_s = now.since_s(heard.at)
        if age_s > self._age_max_s:
            raise NothingKnownError(f"the gateway was last heard {age_s:.0f} s ago")
        if kept is None:
            raise NothingKnownError("this person is not watched")
        as_of, state = heard.checkpoint.checked_at, kept.state
        today = almaty_date(as_of + timedelta(seconds=age_s))
        present = state.valid_through is None or today <= state.valid_through
        return LocalState(
            iin=iin,
            service_date=today,
            status=state.status if present else None,
            valid_through=state.valid_through,
            covered_through=state.covered_through,
            as_of=as_of,
            age_s=age_s,
            revision=max(heard.checkpoint.revision, kept.revision),
        )

    def present(self, iin: str) -> LocalState | None:
        """Return a person's state if it is known today."""
        try:
            state = self.get(iin)
        except NothingKnownError:
            return None
        return None if state.status is None else state
