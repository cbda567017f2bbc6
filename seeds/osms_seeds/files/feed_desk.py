"""Category feeds: deltas of each sender, and full snapshots of the State Corporation.

A delta's number and every feed's record count stand in its first line, and are known only at the
end; so bodies grow in part files that get their first line when all people have been taken.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from osms_seeds import reference
from osms_seeds.archetypes.contributions import wrong_iin
from osms_seeds.facts import Assignment, Person
from osms_seeds.files.spool import Spool
from osms_seeds.files.timeline import Step, StepKind
from osms_seeds.timetable import Timetable

COLUMNS = "iin,source,category,assigned_on,removed_on,removal_source,removal_reason"
SNAPSHOT_SENDER = "state_corporation"
_SENDERS = tuple(
    code for code, body in reference.documents()["source"].items() if "CATEGORIES" in body["feeds"]
)
_BAD_RECORD_EVERY = 700
"""One person in so many is also sent with a wrong check digit."""
_TRUNCATED_TO = 3
"""The demonstration snapshot breaks off after one person in so many."""

Pair = tuple[str, str]


class FeedDesk:
    """Writes what the sources tell of people, day by day."""

    def __init__(self, out: Path, people: int, time: Timetable) -> None:
        """Write below `out` of so many people."""
        self._out = out
        self._parts = out / ".parts"
        self._people = people
        self._time = time
        self._deltas = {
            (time.today, sender): self._part(f"{time.today}-{sender}") for sender in _SENDERS
        }
        self._snapshots = {day: self._part(f"{day}-snapshot") for day in time.snapshot_days}
        self._scopes = {day: scope(day) for day in (*time.snapshot_days, time.today)}
        self._truncated = self._part("truncated")
        self._counts: Counter[Path] = Counter()

    @property
    def records(self) -> int:
        """Records written so far."""
        return self._counts.total() - self._counts[self._truncated.path]

    def take(self, person: Person) -> None:
        """Take what the sources tell of a person."""
        for told in person.assignments:
            for day, record in _records(told):
                self._write(self._delta(day, told.sender), person.iin + record)
            if person.index % _BAD_RECORD_EVERY == 0:
                bad = wrong_iin(person.iin) + _record(told, None)
                self._write(self._delta(told.told_on, told.sender), bad)
            for day, part in self._snapshots.items():
                self._add_if_known(part, day, person.iin, told)
            if person.index < self._people // _TRUNCATED_TO:
                self._add_if_known(self._truncated, self._time.today, person.iin, told)

    def close(self) -> Iterator[Step]:
        """Number the deltas, finish all files and yield the steps of the timeline."""
        last_number: dict[tuple[date, str], int] = {}
        numbers: Counter[str] = Counter()
        for day, sender in sorted(self._deltas):
            numbers[sender] += 1
            last_number[day, sender] = numbers[sender]
            yield self._finish_delta(day, sender, numbers[sender])
        for day, part in self._snapshots.items():
            path = f"feeds/{day}-{SNAPSHOT_SENDER}-snapshot.csv"
            included = _last_until(last_number, day)
            self._finish(part, path, self._snapshot_head(part, day, included))
            yield Step(self._time.instant(day, 20, 0), path, StepKind.FEED)
        head = self._snapshot_head(self._truncated, self._time.today, numbers[SNAPSHOT_SENDER])
        self._finish(self._truncated, "extra/truncated-snapshot.csv", head)
        self._parts.rmdir()

    def _finish_delta(self, day: date, sender: str, number: int) -> Step:
        part = self._deltas[day, sender]
        path = f"feeds/{day}-{sender}-{number:04d}.csv"
        records = self._counts[part.path]
        head = f"sender={sender} kind=DELTA delta_number={number} as_of={day} records={records}"
        self._finish(part, path, head)
        return Step(self._time.instant(day, 7, _SENDERS.index(sender)), path, StepKind.FEED)

    def _snapshot_head(self, part: Spool, day: date, delta_number: int) -> str:
        pairs = ",".join(f"{source}/{category}" for source, category in sorted(self._scopes[day]))
        return (
            f"sender={SNAPSHOT_SENDER} kind=SNAPSHOT delta_number={delta_number} as_of={day} "
            f"records={self._counts[part.path]} scope={pairs}"
        )

    def _finish(self, part: Spool, path: str, head: str) -> None:
        part.flush()
        target = self._out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.path.open("rb") as body, target.open("wb") as file:
            file.write(f"# osms-feed {head}\n{COLUMNS}\n".encode())
            shutil.copyfileobj(body, file)
        part.path.unlink()

    def _add_if_known(self, part: Spool, day: date, iin: str, told: Assignment) -> None:
        """Add a span to a snapshot if the sources, as of its day, say that it is open."""
        if (told.source, told.category) not in self._scopes[day]:
            return
        dropped = told.dropped_from is not None and told.dropped_from <= day
        if dropped or told.told_on > day or told.assigned_on > day:
            return
        removal_told = told.removal_told_on is not None and told.removal_told_on <= day
        removed_on = told.removed_on if removal_told else None
        if removed_on is None or removed_on > day:
            self._write(part, iin + _record(told, removed_on))

    def _delta(self, day: date, sender: str) -> Spool:
        if (day, sender) not in self._deltas:
            self._deltas[day, sender] = self._part(f"{day}-{sender}")
        return self._deltas[day, sender]

    def _part(self, name: str) -> Spool:
        return Spool(self._parts / name)

    def _write(self, part: Spool, record: str) -> None:
        part.write(record)
        self._counts[part.path] += 1


def scope(day: date) -> frozenset[Pair]:
    """Return what a snapshot of this day replaces: the state-paid pairs the law knows by then."""
    categories = reference.documents()["category"]
    return frozenset(
        pair
        for pair in reference.pairs_of_kind("STATE_PAID")
        if categories[pair[1]].get("valid_from", "") <= day.isoformat()
    )


def _records(told: Assignment) -> Iterator[tuple[date, str]]:
    """Yield the feed days that tell of a span, and what they say."""
    removal = told.removal_told_on
    if removal is not None and removal < told.told_on:
        yield removal, _record(told, told.removed_on, assigned_on="")
    at_first = told.removed_on if removal == told.told_on else None
    yield told.told_on, _record(told, at_first)
    if told.told_again_on is not None:
        yield told.told_again_on, _record(told, at_first)
    if removal is not None and removal > told.told_on:
        yield removal, _record(told, told.removed_on)


def _record(told: Assignment, removed_on: date | None, assigned_on: str | None = None) -> str:
    """Return a record's cells after the IIN."""
    since = told.assigned_on.isoformat() if assigned_on is None else assigned_on
    removal = ",,"
    if removed_on is not None:
        removal = f"{removed_on},{told.source},{told.removal_reason}"
    return f",{told.source},{told.category},{since},{removal}\n"


def _last_until(numbers: dict[tuple[date, str], int], day: date) -> int:
    """Return the number of the State Corporation's last delta up to a day, 0 for none."""
    return max(
        (
            number
            for (told, sender), number in numbers.items()
            if sender == SNAPSHOT_SENDER and told <= day
        ),
        default=0,
    )
