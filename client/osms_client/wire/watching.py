"""The request and the messages of a watch, and when a broken one is begun again."""

import random
from collections.abc import Iterable

import grpc

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms_client.errors import InvalidAnswerError, OsmsError
from osms_client.vocabulary import ChangeCause, ChangeKind, Status
from osms_client.watching import (
    Change,
    Changes,
    Checkpoint,
    ConsumerState,
    States,
    WatchEvent,
)
from osms_client.wire.scalars import Words, day, day_or_none, instant

FIRST_WAIT_S, WAIT_MAX_S = 0.5, 30.0
"""How long to wait before a broken watch is begun again, at first and at most."""

_DOUBLINGS_MAX = 6
"""Then the longest wait is reached; an outage of a night must not overflow a float."""

_statuses = Words(Status, core_pb2.EligibilityStatus.Value, prefix="ELIGIBILITY_STATUS")
_kinds = Words(ChangeKind, pb.ChangeKind.Value, prefix="CHANGE_KIND")
_causes = Words(ChangeCause, pb.ChangeCause.Value, prefix="CHANGE_CAUSE")


class Watch:
    """One watch over as many streams as it takes."""

    def __init__(
        self, iins: Iterable[str] | None, roster: str, token: str, *, reconnect: bool
    ) -> None:
        if (iins is None) == (not roster):
            raise ValueError("watch either iins or a roster")
        if isinstance(iins, str):
            raise TypeError("iins is an iterable of IINs, not one text")
        self._request = pb.WatchConsumersRequest(resume_token=token)
        if iins is None:
            self._request.roster = roster
        else:
            self._request.consumers.iins.extend(iins)
        self._reconnect = reconnect
        self._failures = 0

    def request(self) -> pb.WatchConsumersRequest:
        """Return the request that goes on after the last event."""
        return self._request

    def event(self, response: pb.WatchConsumersResponse) -> WatchEvent:
        """Return what a message says, and remember where to go on."""
        self._failures = 0
        token = response.resume_token
        self._request.resume_token = token or self._request.resume_token
        match response.WhichOneof("event"):
            case "states":
                found = {item.iin: _state(item.state) for item in response.states.consumers}
                return States(states=found, token=token)
            case "changes":
                return Changes(changes=tuple(map(_change, response.changes.changes)), token=token)
            case "checkpoint":
                checked_at = instant(response.checkpoint.checked_at)
                revision = response.checkpoint.revision
                return Checkpoint(revision=revision, checked_at=checked_at, token=token)
        raise InvalidAnswerError("a message of a watch that says nothing this client knows")

    def begin_anew(self) -> None:
        """Let the next stream begin with the present states."""
        self._request.resume_token = ""

    def wait_s(self, error: OsmsError) -> float:
        """Return how long to wait before the next stream; raise what none is begun after."""
        if not self._reconnect or error.status is not grpc.StatusCode.UNAVAILABLE:
            raise error
        return self.pause_s()

    def pause_s(self) -> float:
        """Return how long to wait before the next stream: ever longer while nothing is heard.

        Apart from other watchers: they all lose a gateway at the same moment.
        """
        longest = min(WAIT_MAX_S, FIRST_WAIT_S * 2.0 ** min(self._failures, _DOUBLINGS_MAX))
        self._failures += 1
        return longest * random.uniform(0.5, 1.0)


def ended() -> OsmsError:
    """Return the error of a stream that ended without one."""
    return OsmsError("the gateway ended the watch", status=grpc.StatusCode.UNAVAILABLE)


def _state(state: pb.ConsumerState) -> ConsumerState:
    return ConsumerState(
        status=_statuses.word_required(state.status),
        valid_through=day_or_none(state.valid_through),
        covered_through=day_or_none(state.covered_through),
    )


def _change(change: pb.ConsumerChange) -> Change:
    return Change(
        iin=change.iin,
        kind=_kinds.word(change.kind),
        revision=change.revision,
        cause=_causes.word(change.cause),
        effective_on=day(change.effective_on),
        before=_state(change.before),
        after=_state(change.after),
    )
