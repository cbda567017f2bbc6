"""What a watcher is told: states, changes and signs of life."""

from dataclasses import dataclass
from datetime import date, datetime

from osms_client.vocabulary import ChangeCause, ChangeKind, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerState:
    """The answer for today, as far as a change of it is told."""

    status: Status
    """Whether the package is open."""

    valid_through: date | None
    """Last day with this same status if no new fact arrives; None: it never ends."""

    covered_through: date | None
    """Last insured day if no new fact arrives; None when not insured or it never ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of one person's answer."""

    iin: str
    """The person."""

    kind: ChangeKind
    """What kind of change it is."""

    revision: int
    """The store revision at which it was found."""

    cause: ChangeCause
    """Why; the last thing, if there were several."""

    effective_on: date
    """The first day whose status is another than was told before."""

    before: ConsumerState
    """What was told last."""

    after: ConsumerState
    """What is answered from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """The present states of people; first of all, unless the watch goes on from a token."""

    states: dict[str, ConsumerState]
    """By IIN, of some or all of the people."""

    token: str
    """Where to go on after this; empty before the last of the states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Changes in the order in which they were found."""

    changes: tuple[Change, ...]
    """A person may occur more than once."""

    token: str
    """Where to go on after all of these; empty before the last of the states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The gateway is there, and has told everything up to a revision."""

    revision: int
    """Every change by this revision, and by all below, has been told."""

    checked_at: datetime
    """When the gateway looked, UTC."""

    token: str
    """Where to go on after this."""


WatchEvent = States | Changes | Checkpoint
"""What a watcher is told at a time. Keep its token once you have dealt with it."""
