"""The client on whose behalf work is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a client is to the Fund; a client may have several roles, and has none by default."""

    MIS = "mis"
    """A medical information system: asks about people, and keeps rosters."""
    PAYMENT_LOADER = "payment_loader"
    """Sends registers of payments for the sources it is named for."""
    CATEGORY_SOURCE = "category_source"
    """Sends categories for the sources it is named for."""
    FUND_OPERATOR = "fund_operator"
    """Works at the Fund; the only role that restricted categories are told."""
    CONSUMER_PORTAL = "consumer_portal"
    """Asks on behalf of the person whom it has identified."""
    AUDITOR = "auditor"
    """Sees who looked at whom."""
    ADMIN = "admin"
    """Runs the gateway; sees nobody's data."""


# Named once: looking a member up in its enum costs more than the rest of what every call asks.
_FUND_OPERATOR = Role.FUND_OPERATOR


@dataclass(frozen=True, slots=True)
class Caller:
    """A client as it was when its call came."""

    client: str
    """Its name."""
    roles: frozenset[Role] = frozenset()
    """What it is."""
    sources: frozenset[str] = frozenset()
    """Codes of the sources that it may send for."""
    purposes: frozenset[int] = frozenset()
    """Numbers of the Purposes that it may state."""
    quota: str = ""
    """The name of its class of quotas."""
    hidden_days: int = 0
    """For how many days its accesses are not shown to the people they are about."""

    @property
    def sees_restricted(self) -> bool:
        """Whether it may be told restricted categories, in any form."""
        return _FUND_OPERATOR in self.roles


_current: ContextVar[Caller] = ContextVar("caller")


def current_caller() -> Caller:
    """Return on whose behalf this task works; raise LookupError outside a call."""
    return _current.get()


def acting_from_now_on(caller: Caller) -> None:
    """Let this task work on behalf of a client until it ends: each call has a task of its own."""
    _current.set(caller)


def shown_everything() -> bool:
    """Return whether this task works for somebody who may be told restricted categories.

    Nobody is: work of the gateway's own knows no more than a clinic, lest it be told on.
    """
    caller = _current.get(None)
    return caller is not None and caller.sees_restricted


def shown_codes() -> bool:
    """Return whether the caller may be told codes that are not restricted."""
    caller = current_caller()
    return caller.sees_restricted or Role.CONSUMER_PORTAL in caller.roles


def shown_deliveries(source: str) -> bool:
    """Return whether the caller may be told when a source sent categories.

    Who is told of a change, and that no other source has sent anything since, knows that it came
    from the one that is left: from the services, perhaps. So it is told to those who send for the
    source, who know it, and to those who keep the gateway going.
    """
    caller = current_caller()
    return source in caller.sources or bool(caller.roles & {Role.FUND_OPERATOR, Role.ADMIN})


@contextmanager
def acting_as(caller: Caller) -> Iterator[None]:
    """Do some work on behalf of a client."""
    token = _current.set(caller)
    try:
        yield
    finally:
        _current.reset(token)
