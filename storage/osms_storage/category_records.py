"""What crosses the door of the store about syncs of categories: values in, values out."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from osms_storage.records import hash_id


def removal_reason_id(reason: str) -> int:
    """Return the key under which the text of a removal's reason is stored."""
    return hash_id(reason)


class CategoryRecord(NamedTuple):
    """One record of a sync, checked."""

    iin: int
    source_id: int
    category_id: int
    """0: unspecified."""
    assigned_on: int
    """Ordinal day; negative: a removal without a day of assignment, minus its day of removal."""
    removed_on: int | None
    removal_source_id: int | None
    removal_reason: str | None


@dataclass(frozen=True, slots=True)
class SyncHeader:
    """The head of a sync."""

    sender_id: int
    snapshot: bool
    delta_number: int
    as_of: date
    scope: tuple[tuple[int, int], ...]
    """Pairs of source and category; empty for a delta."""
    declared_records: int


@dataclass(frozen=True, slots=True)
class ShrinkGuard:
    """When a snapshot is held."""

    close_share_max: float
    close_min: int


class SyncOutcome(StrEnum):
    """What became of a sync."""

    APPLIED = "APPLIED"
    ALREADY_APPLIED = "ALREADY_APPLIED"
    HELD = "HELD"


@dataclass(frozen=True, slots=True)
class ScopeShrink:
    """How much of one part of a scope a snapshot closes."""

    source_id: int
    category_id: int
    open_spans: int
    closing_spans: int
    held: bool


class SyncCounts(NamedTuple):
    """How many records a sync had, and what they did."""

    records: int
    changed: int
    """Records that brought something new."""
    rejected: int
    closed: int
    """Spans closed because a snapshot no longer contains them; with HELD: that would be closed."""

    @property
    def unchanged(self) -> int:
        """Records that were known already."""
        return self.records - self.changed - self.rejected


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What became of a sync."""

    outcome: SyncOutcome
    run_id: int
    counts: SyncCounts
    shrink: tuple[ScopeShrink, ...] = ()
    revision: int = 0
    applied_at: datetime | None = None
