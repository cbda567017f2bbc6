"""All that a decision reads of one person."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class SpanKind(StrEnum):
    """What an assignment gives while it lasts."""

    STATE_PAID = "STATE_PAID"
    """The state pays the person's contributions."""
    EXEMPT = "EXEMPT"
    """The law frees the person from contributions. Who these people are is restricted."""
    ON_VISIT = "ON_VISIT"
    """Care is paid for when the person comes for it."""


@dataclass(frozen=True, slots=True)
class Span:
    """The days on which one assignment counts."""

    kind: SpanKind
    """What it gives."""
    start: date
    """The first day it counts."""
    end: date | None
    """The first day it no longer counts; None: not removed. At or before `start`: no day."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The facts about one person, as far as they are known. Any order of spans will do."""

    paid: int
    """The paid months: bit i is set if the net amount of cover-giving payments for the month
    FIRST_MONTH + i is above zero."""
    advance: tuple[tuple[int, int], ...]
    """Months paid before they began, ascending: (month, month of the earliest receipt among the
    payments for it of which something is left after their own reversals)."""
    spans: tuple[Span, ...]
    """Assignments; overlapping and empty ones are allowed."""
    died_on: date | None
    """The date of death; None: living."""
