"""The categories as they must be: deltas by number, snapshots that close, or are held."""

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

from osms_client import (
    CategoryRecord,
    Reason,
    RecordIssue,
    RejectedRecord,
    ScopeShrink,
    SyncHeader,
    SyncKind,
    SyncOutcome,
    SyncResult,
    SyncScope,
)
from tests.integration.twin.deeds import Refused, Release, Sync

CLOSE_MIN = 100
CLOSE_SHARE_MAX = 0.02
"""A snapshot that closes more than both in a part of its scope is held."""
NO_CATEGORY = "nobility"
"""A category that does not exist: its records are rejected, and protect their people."""


class Key(NamedTuple):
    """What an assignment is found by."""

    iin: str
    source: str
    category: str
    assigned_on: date

    @property
    def part(self) -> SyncScope:
        """The part of a scope it lies in."""
        return SyncScope(self.source, self.category)


class Version(NamedTuple):
    """What one sync said of an assignment's removal."""

    removed_on: date | None
    removal_source: str
    removal_reason: str
    revision: int


class Effect(NamedTuple):
    """What a sync would do now."""

    new: dict[Key, Version]
    closing: dict[Key, Version]
    shrink: tuple[ScopeShrink, ...]


@dataclass(frozen=True)
class Feeds:
    """All spans and where every feed stands; never changed, only replaced."""

    numbers: Mapping[str, int] = field(default_factory=dict)
    """The last delta of each sender."""
    spans: Mapping[Key, tuple[Version, ...]] = field(default_factory=dict)
    touched: Mapping[Key, date] = field(default_factory=dict)
    """The newest day of the deltas that named a span."""
    deltas: Mapping[tuple[str, int], tuple[Sync, SyncResult]] = field(default_factory=dict)
    snapshots: tuple[tuple[Sync, SyncResult], ...] = ()
    """As they were applied."""
    held: Mapping[int, Sync] = field(default_factory=dict)

    def take(self, sync: Sync, told: SyncResult | Refused) -> "tuple[SyncResult | Refused, Feeds]":
        """Return what must be told of a sync, and the feeds after it."""
        header = sync.header
        refused = (
            self._judge_delta(sync) if header.kind is SyncKind.DELTA else self._judge_snapshot(sync)
        )
        if refused is not None:
            return refused, self
        if isinstance(told, Refused):
            return Refused("", {}), self  # it must be taken, whatever its result
        effect = self._effect(sync, told.revision, guarded=True)
        if any(part.held for part in effect.shrink):
            result = replace(
                _result(sync, told, effect),
                outcome=SyncOutcome.HELD,
                revision=0,
                applied_at=None,
            )
            return result, replace(self, held={**self._not_superseded(sync), told.run_id: sync})
        return self._apply(sync, told, effect)

    def release(
        self, deed: Release, told: SyncResult | Refused
    ) -> "tuple[SyncResult | Refused, Feeds]":
        """Return what must be told of a release, and the feeds after it."""
        if deed.run_id not in self.held:
            run_id = str(deed.run_id)
            return Refused(Reason.HELD_SNAPSHOT_NOT_FOUND, {"run_id": run_id}), self
        if isinstance(told, Refused):
            return Refused("", {}), self
        sync = self.held[deed.run_id]
        effect = self._effect(sync, told.revision, guarded=False)
        result, after = self._apply(sync, told, effect)
        return replace(result, run_id=deed.run_id, rejected_records=()), after

    def stands(self, numbers: Mapping[str, int], held: Set[int]) -> bool:
        """Tell whether these are the last deltas, and the runs that are held."""
        return (self.numbers, self.held.keys()) == (numbers, held)

    def _judge_delta(self, sync: Sync) -> SyncResult | Refused | None:
        """Return what is told of a delta that is not the next; None if it is."""
        header = sync.header
        number = header.delta_number
        if (header.sender, number) in self.deltas:
            before, first = self.deltas[header.sender, number]
            if before == sync:
                return replace(first, outcome=SyncOutcome.ALREADY_APPLIED)
            differs_in = "records" if before.header.as_of == header.as_of else "as_of"
            metadata = {"sender": header.sender, "delta_number": str(number)}
            return Refused(Reason.DELTA_CONFLICT, {**metadata, "differs_in": differs_in})
        expected = self.numbers[header.sender] + 1
        if number == expected:
            return None
        metadata = {"sender": header.sender, "expected_delta_number": str(expected)}
        return Refused(Reason.SEQUENCE_GAP, {**metadata, "delta_number": str(number)})

    def _judge_snapshot(self, sync: Sync) -> SyncResult | Refused | None:
        """Return what is told of a snapshot that was applied or is outdated; None if neither."""
        scope = set(sync.header.scope)
        sharing = [each for each in self.snapshots if scope & set(each[0].header.scope)]
        if sharing and sharing[-1][0] == sync:
            return replace(sharing[-1][1], outcome=SyncOutcome.ALREADY_APPLIED, shrink=())
        newest = max((each.header.as_of for each, _ in sharing), default=date.min)
        if newest <= sync.header.as_of:
            return None
        metadata = {"last_as_of": str(newest), "as_of": str(sync.header.as_of)}
        return Refused(Reason.SNAPSHOT_OUTDATED, metadata)

    def _effect(self, sync: Sync, revision: int, *, guarded: bool) -> Effect:
        header = sync.header
        is_delta = header.kind is SyncKind.DELTA
        named = {key_of(record, header): record for record in usable(sync)}
        new = {}
        for key, record in named.items():
            version = _version(record, header, revision)
            known = self.spans.get(key)
            differs = known is None or known[-1][:3] != version[:3]
            if differs and (known is None or is_delta or not self._touched_after(key, header)):
                new[key] = version
        if is_delta:
            return Effect(new, {}, ())
        protected = {each.iin for each in sync.records if each.category == NO_CATEGORY}
        closed = Version(header.as_of, header.sender, "NOT_IN_SNAPSHOT", revision)
        scope = set(header.scope)
        open_keys = [
            key
            for key, versions in self.spans.items()
            if key.part in scope
            and key.assigned_on <= header.as_of
            and (versions[-1].removed_on is None or versions[-1].removed_on > header.as_of)
        ]
        closing = {
            key: closed
            for key in open_keys
            if key not in named
            and key.iin not in protected
            and not self._touched_after(key, header)
        }
        opened = Counter(key.part for key in open_keys)
        counts = Counter(key.part for key in closing)
        shrink = tuple(
            ScopeShrink(
                scope=part,
                open_spans=opened[part],
                closing_spans=count,
                held=guarded and count > CLOSE_MIN and count > CLOSE_SHARE_MAX * opened[part],
            )
            for part, count in counts.items()
        )
        return Effect(new, closing, in_order(shrink))

    def _touched_after(self, key: Key, header: SyncHeader) -> bool:
        return self.touched.get(key, date.min) > header.as_of

    def _apply(self, sync: Sync, told: SyncResult, effect: Effect) -> "tuple[SyncResult, Feeds]":
        header = sync.header
        spans = dict(self.spans)
        for key, version in {**effect.new, **effect.closing}.items():
            spans[key] = (*spans.get(key, ()), version)
        result = _result(sync, told, effect)
        last = max(self.numbers[header.sender], header.delta_number)
        after = replace(self, spans=spans, numbers={**self.numbers, header.sender: last})
        if header.kind is SyncKind.SNAPSHOT:
            return result, replace(
                after,
                snapshots=(*self.snapshots, (sync, result)),
                held=self._not_superseded(sync),
            )
        named = [key_of(record, header) for record in usable(sync)]
        return result, replace(
            after,
            touched={
                **self.touched,
                **{key: max(self.touched.get(key, date.min), header.as_of) for key in named},
            },
            deltas={**self.deltas, (header.sender, header.delta_number): (sync, result)},
        )

    def _not_superseded(self, sync: Sync) -> dict[int, Sync]:
        return {
            run_id: held
            for run_id, held in self.held.items()
            if held.header.as_of > sync.header.as_of
            or not set(held.header.scope) & set(sync.header.scope)
        }


def usable(sync: Sync) -> list[CategoryRecord]:
    """Return the records that are not rejected."""
    return [record for record in sync.records if record.category != NO_CATEGORY]


def key_of(record: CategoryRecord, header: SyncHeader) -> Key:
    """Return the key of the assignment that a record is about."""
    assigned_on = date.fromisoformat(record.assigned_on)
    return Key(record.iin, record.source or header.sender, record.category, assigned_on)


def in_order(shrink: tuple[ScopeShrink, ...]) -> tuple[ScopeShrink, ...]:
    """Return the parts of a scope by their names."""
    return tuple(sorted(shrink, key=lambda part: (part.scope.source, part.scope.category)))


def _version(record: CategoryRecord, header: SyncHeader, revision: int) -> Version:
    if not record.removed_on:
        return Version(None, "", "", revision)
    source = record.removal_source or header.sender
    return Version(date.fromisoformat(record.removed_on), source, record.removal_reason, revision)


def _result(sync: Sync, told: SyncResult, effect: Effect) -> SyncResult:
    """Return the result of a sync; only the gateway can know its run, revision and instant."""
    rejected = tuple(
        RejectedRecord(record_no=number, issue=RecordIssue.CATEGORY, field="category")
        for number, record in enumerate(sync.records, start=1)
        if record.category == NO_CATEGORY
    )
    return SyncResult(
        outcome=SyncOutcome.APPLIED,
        run_id=told.run_id,
        records=len(sync.records),
        changed=len(effect.new),
        unchanged=len(sync.records) - len(effect.new) - len(rejected),
        rejected=len(rejected),
        closed=len(effect.closing),
        shrink=effect.shrink,
        revision=told.revision,
        applied_at=told.applied_at,
        rejected_records=rejected,
    )
