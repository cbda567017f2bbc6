"""Categories of people, the feeds that bring them, and what became of a sync."""

from dataclasses import dataclass
from datetime import date, datetime

from osms_client.vocabulary import (
    AssignmentKind,
    CategoryKind,
    FeedKind,
    RecordIssue,
    SyncKind,
    SyncOutcome,
)


@dataclass(frozen=True, slots=True)
class SyncScope:
    """A part of the categories that a snapshot replaces."""

    source: str
    """The source of assignment."""

    category: str = ""
    """The category code; empty: ``unspecified``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncHeader:
    """The head of a sync."""

    sender: str
    """Code of the source that sends; it may speak for other sources."""

    kind: SyncKind
    """A delta or a snapshot."""

    delta_number: int
    """A delta's number, one above the sender's last; for a snapshot the last one it includes."""

    as_of: date
    """The day whose state the sync shows."""

    declared_records: int
    """How many records follow, rejected ones included."""

    scope: tuple[SyncScope, ...] = ()
    """What a snapshot replaces; empty for a delta."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRecord:
    """A removal or an assignment. Texts go as they are: the gateway rejects what is wrong."""

    iin: str
    """The person."""

    source: str = ""
    """The source of assignment; empty: the sender."""

    category: str = ""
    """The category code; empty: ``unspecified``."""

    assigned_on: str = ""
    """The first day it counts; empty only in a removal."""

    removed_on: str = ""
    """The first day it no longer counts; empty: not removed."""

    removal_source: str = ""
    """The source of removal; empty: the sender, if ``removed_on`` is set."""

    removal_reason: str = ""
    """Why it was removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRecord:
    """A record that was not used."""

    record_no: int
    """Its position in the sync, from 1."""

    issue: RecordIssue
    """Why."""

    field: str
    """The field it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeShrink:
    """How much of one part of a scope a snapshot would close."""

    scope: SyncScope
    """The part."""

    open_spans: int
    """Spans open on the snapshot's day."""

    closing_spans: int
    """How many of them it would close."""

    held: bool
    """Whether that is more than the guard allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """What became of a sync."""

    outcome: SyncOutcome
    """What became of it."""

    run_id: int
    """Names the run; a release of a held snapshot needs it."""

    records: int
    """Records received."""

    changed: int
    """Records that brought something new."""

    unchanged: int
    """Records that were known already."""

    rejected: int
    """Records rejected."""

    closed: int
    """Spans closed because a snapshot lacks them; with HELD: that would be closed."""

    shrink: tuple[ScopeShrink, ...]
    """The parts of the scope where something is or would be closed."""

    revision: int
    """The store revision of the change; 0 with HELD."""

    applied_at: datetime | None
    """When it was applied, UTC; None with HELD."""

    rejected_records: tuple[RejectedRecord, ...] = ()
    """The first of the rejected records; pass ``on_rejected`` to see every one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFeed:
    """One feed of one source, and how fresh it is."""

    source: str
    """The source's code."""

    feed: FeedKind
    """What the feed carries."""

    name_kk: str
    """The source's name in Kazakh."""

    name_ru: str
    """The source's name in Russian."""

    name_en: str
    """The source's name in English."""

    last_applied_at: datetime | None
    """When something of it was last applied, UTC; None: never."""

    last_as_of: date | None
    """The newest day its data speaks of."""

    next_delta_number: int
    """The number its next delta must have; 0 for registers."""

    stale_after_hours: int
    """After how many hours it counts as late."""

    stale: bool
    """Whether it is late now."""

    held_run_ids: tuple[int, ...]
    """Run ids of its held snapshots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category of the reference data."""

    code: str
    """The code, unique for its source."""

    sources: tuple[str, ...]
    """Codes of the sources that may assign it."""

    kind: CategoryKind
    """What it gives."""

    restricted: bool
    """Whether it is never disclosed of a person."""

    name_kk: str
    """The name in Kazakh."""

    name_ru: str
    """The name in Russian."""

    name_en: str
    """The name in English."""

    legal_reference: str
    """Article and paragraph."""

    valid_from: date | None
    """The first day it may be assigned from; None: any."""

    valid_until: date | None
    """The first day it may no longer be assigned from; None: still in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A span of one person."""

    kind: AssignmentKind
    """What it gives."""

    assigned_on: date
    """The first day it counts."""

    removed_on: date | None
    """The first day it no longer counts; None: not removed."""

    category: str = ""
    """The category code; empty: ``unspecified``, or not for you to know."""

    source: str = ""
    """Code of the source that assigned it; empty: not for you to know."""
