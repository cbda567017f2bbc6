"""What is to be told of a person: how the answer for today and for all other days has changed."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from osms.v1 import consumer_service_pb2 as pb
from osms_server import rules
from osms_server.answers import STATUS
from osms_server.law import Law
from osms_storage.changes import State
from osms_storage.ledgers import StoredLedger, decode

_CAUSES = {
    "REGISTER": pb.CHANGE_CAUSE_PAYMENT,
    "RESOLUTION": pb.CHANGE_CAUSE_PAYMENT,
    "REVERSAL": pb.CHANGE_CAUSE_REVERSAL,
    "DELTA": pb.CHANGE_CAUSE_CATEGORY,
    "SNAPSHOT": pb.CHANGE_CAUSE_CATEGORY,
    "REFERENCE": pb.CHANGE_CAUSE_LAW,
    "REBUILD": pb.CHANGE_CAUSE_REPAIR,
}
"""By the kind of the batch that touched a person."""

PREPAID_MONTHS = 36
"""More months than must be paid in advance together, now or by any law to come."""

UNKNOWN = State(STATUS[rules.Status.UNKNOWN_CONSUMER], None, None)
"""The state of a person of whom nothing is known."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that answers about one person follow from."""

    ledger: rules.Ledger | None
    parameters: rules.Parameters

    @classmethod
    def of(cls, stored: StoredLedger | None, law: Law) -> "Known":
        """Return what a stored ledger and a law make known; None: nothing is known."""
        return cls(law.ledger(None if stored is None else decode(*stored)), law.parameters)

    def on(self, day: date) -> rules.Decision:
        """Return the answer for a day."""
        return rules.decide(self.ledger, day, self.parameters)

    def state(self, today: date) -> State:
        """Return what is told of the answer for today, or for the system's first day if later."""
        decision = self.on(max(today, self.parameters.first_day))
        return State(
            STATUS[decision.status],
            _ordinal(decision.valid_through),
            _ordinal(decision.covered_through),
        )


def _ordinal(day: date | None) -> int | None:
    return None if day is None else day.toordinal()


def first_difference(before: Known, after: Known) -> date | None:
    """Return the first day of all whose status differs; None: no day's does.

    From day to day on which either status ends: in between both stay as they are.
    """
    if before == after:
        return None
    day = max(after.parameters.first_day, _first_affected(before, after))
    while True:
        was, now = before.on(day), after.on(day)
        if was.status is not now.status:
            return day
        ends = [item for item in (was.valid_through, now.valid_through) if item is not None]
        if not ends:
            return None
        day = min(ends) + timedelta(days=1)


def _first_affected(before: Known, after: Known) -> date:
    """Return a day before which no status can differ: facts act from their own month on.

    Only months paid in advance act earlier, on the year that they are prepaid with.
    """
    was, now = before.ledger, after.ledger
    if was is None or now is None or before.parameters is not after.parameters:
        return date.min
    months = [rules.month_of(span.start) for span in {*was.spans} ^ {*now.spans}]
    months += [month - PREPAID_MONTHS for month, _ in {*was.advance} ^ {*now.advance}]
    months += [rules.month_of(day) for day in {was.died_on, now.died_on} if day is not None]
    if paid := was.paid ^ now.paid:
        months.append(rules.FIRST_MONTH + (paid & -paid).bit_length() - 1)
    return rules.first_day(max(min(months), rules.month_of(date.min))) if months else date.min


class Finding(NamedTuple):
    """What changed for a person."""

    cause: int
    effective_on: int


def find(told: State, now: State, before: Known, after: Known, kind: str | None) -> Finding | None:
    """Return what is to be told of a person; None: nothing.

    ``told`` is the state as it was told last, ``kind`` that of the newest batch that touched the
    person.
    """
    different = first_difference(before, after)
    if different is not None:
        # Whom no batch touched somebody mended by hand.
        cause = _CAUSES.get(kind or "", pb.CHANGE_CAUSE_REPAIR)
        return Finding(cause, different.toordinal())
    if told == now:
        return None
    assert told.valid_through is not None, "an answer without end has changed by itself"
    return Finding(pb.CHANGE_CAUSE_PASSING_OF_TIME, told.valid_through + 1)
