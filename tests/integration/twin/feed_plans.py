"""Deltas and snapshots that are likely to meet others."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from osms_client import CategoryRecord, SyncHeader, SyncKind, SyncScope
from tests.integration.twin.cast import CROWD_PART, SCOPE, Cast, some
from tests.integration.twin.deeds import SENDER, Sync
from tests.integration.twin.feeds import NO_CATEGORY, Feeds

SENDERS = ("labour", "labour", SENDER, SENDER, "services", "justice")
CATEGORIES = {
    "labour": ("pension", "targeted_aid", "social_level_d"),
    SENDER: ("pension", "targeted_aid", "social_level_d"),
    "services": ("serviceman", "reservist_training"),
    "justice": ("deceased",),
}
ON_VISIT_FROM = date(2026, 1, 1)


class FeedPlans:
    """Makes syncs; knows those that it made before in the same step."""

    def __init__(self, cast: Cast, feeds: Feeds, today: date) -> None:
        self._cast = cast
        self._feeds = feeds
        self._today = today
        self._syncs = [sync for sync, _ in feeds.deltas.values()]
        self.snapshots = [*feeds.held.values(), *(sync for sync, _ in feeds.snapshots)]
        """What was sent, or will be."""
        self._numbers = dict(feeds.numbers)

    def delta(self, word: str, random: Random) -> Sync:
        """Return a delta, or one that was sent before, or is in conflict with it, or too early."""
        if word == "delta again" and self._syncs:
            return random.choice(self._syncs[-3:])
        if word == "delta otherwise" and self._syncs:
            return self._delta_otherwise(random)
        sender = random.choice(SENDERS)
        records = list(self._records(sender, random))
        if random.random() < 0.2:
            iin = random.choice(self._cast.people)
            records.append(CategoryRecord(iin=iin, category=NO_CATEGORY, assigned_on="2026-01-01"))
        number = self._numbers[sender] + 1
        if word == "delta ahead":
            number += 1
        header = SyncHeader(
            sender=sender,
            kind=SyncKind.DELTA,
            delta_number=number,
            as_of=self._today - timedelta(random.choice((0, 0, 1))),
            declared_records=len(records),
        )
        sync = Sync(header, tuple(records))
        self._syncs.append(sync)
        if word == "delta" and random.random() < 0.5:
            self._numbers[sender] = number  # half of the next ones follow, the others collide
        return sync

    def _delta_otherwise(self, random: Random) -> Sync:
        """Return a delta with the number of another, but of another day or with other records."""
        sync = random.choice(self._syncs[-3:])
        if random.random() < 0.3:
            day = sync.header.as_of - timedelta(1)
            return replace(sync, header=replace(sync.header, as_of=day))
        records = tuple(self._records(sync.header.sender, random))
        return Sync(replace(sync.header, declared_records=len(records)), records)

    def _records(self, sender: str, random: Random) -> Iterable[CategoryRecord]:
        """Yield records of different keys: one for each of some people."""
        people = self._cast.people[:1] if sender == "justice" else self._cast.people
        for iin in some(random, people, 3):
            category = random.choice(CATEGORIES[sender])
            assigned_on = self._cast.began_on - timedelta(random.choice((40, 400)))
            if category == "social_level_d":
                assigned_on = max(assigned_on, ON_VISIT_FROM)
            if sender == "justice":
                assigned_on = self._cast.began_on - timedelta(10)
            removed_on = self._cast.began_on + timedelta(random.choice((-20, 15)))
            source = "labour" if sender == SENDER else sender
            yield CategoryRecord(
                iin=iin,
                source=source,
                category=category,
                assigned_on=str(assigned_on),
                removed_on=random.choice(("", "", str(removed_on))),
            )

    def snapshot(self, random: Random) -> Sync:
        """Return a snapshot with most of what is open, some of it, or without the crowd."""
        scope = random.choice((SCOPE, SCOPE, SCOPE[:2], SCOPE[2:]))
        kept = [
            CategoryRecord(
                iin=key.iin,
                source=key.source,
                category=key.category,
                assigned_on=str(key.assigned_on),
            )
            for key, versions in self._feeds.spans.items()
            if key.part in scope
            and versions[-1].removed_on is None
            and random.random() < 0.7
            and key.iin not in self._cast.crowd
        ]
        fresh = [
            record
            for record in self._records(SENDER, random)
            if SyncScope(record.source, record.category) in scope
        ]
        keys = {(record.iin, record.category, record.assigned_on) for record in kept}
        kept += [each for each in fresh if (each.iin, each.category, each.assigned_on) not in keys]
        if random.random() < 0.2:
            iin = random.choice(self._cast.people)
            kept.append(CategoryRecord(iin=iin, category=NO_CATEGORY, assigned_on="2026-01-01"))
        if CROWD_PART in scope and random.random() < 0.5:
            kept += self._cast.crowd_records()
        number = self._feeds.numbers[SENDER]
        sync = snapshot_of(
            tuple(kept),
            scope,
            self._today - timedelta(random.choice((0, 1, 1, 2))),
            number=random.choice((0, number, number + 1)),
        )
        self.snapshots.append(sync)
        return sync


def snapshot_of(
    records: tuple[CategoryRecord, ...],
    scope: tuple[SyncScope, ...],
    as_of: date,
    *,
    number: int = 0,
) -> Sync:
    """Return a snapshot."""
    header = SyncHeader(
        sender=SENDER,
        kind=SyncKind.SNAPSHOT,
        delta_number=number,
        as_of=as_of,
        declared_records=len(records),
        scope=scope,
    )
    return Sync(header, records)
