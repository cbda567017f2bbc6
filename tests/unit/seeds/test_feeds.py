"""Category feeds as they stand in the files."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from osms.values import check_digit
from osms_seeds import reference
from osms_seeds.dataset import Summary
from osms_seeds.files import timeline
from osms_seeds.files.timeline import StepKind

Dataset = tuple[Path, Summary]
Key = tuple[str, str, str, str]
Pair = tuple[str, str]


@dataclass
class Feed:
    """One feed file."""

    step: timeline.Step | None
    head: dict[str, str]
    rows: list[dict[str, str]]


def read_feed(path: Path, step: timeline.Step | None = None) -> Feed:
    """Read one feed file."""
    with path.open(encoding="utf-8", newline="") as file:
        head = file.readline().removeprefix("# osms-feed ").split()
        return Feed(
            step, dict(part.split("=") for part in head), list(csv.DictReader(file, strict=True))
        )


def feeds(out: Path) -> Iterator[Feed]:
    """Yield all feeds in the order of the timeline."""
    for step in timeline.read(out / "timeline.csv"):
        if step.kind is StepKind.FEED:
            yield read_feed(out / step.path, step)


def scope_of(feed: Feed) -> set[Pair]:
    """Return the pairs of source and category that a snapshot replaces."""
    parts = (text.partition("/") for text in feed.head["scope"].split(","))
    return {(source, category) for source, _, category in parts}


def pair(span: Key) -> Pair:
    """Return source and category of a span."""
    return span[1], span[2]


def key(row: dict[str, str]) -> Key:
    """Return what identifies an assignment."""
    return row["iin"], row["source"], row["category"], row["assigned_on"]


def test_every_feed_counts_its_records(dataset: Dataset) -> None:
    """The first line declares as many records as follow, and the day it is loaded on."""
    out, summary = dataset
    records = 0
    for feed in feeds(out):
        assert int(feed.head["records"]) == len(feed.rows)
        assert feed.step
        assert feed.head["as_of"] == feed.step.instant.date().isoformat()
        records += len(feed.rows)
    assert records == summary.feed_records


def test_deltas_are_numbered_without_a_gap(dataset: Dataset) -> None:
    """Each sender counts its deltas from 1; a snapshot names the corporation's last one."""
    last: Counter[str] = Counter()
    for feed in feeds(dataset[0]):
        sender, number = feed.head["sender"], int(feed.head["delta_number"])
        if feed.head["kind"] == "DELTA":
            last[sender] += 1
        else:
            assert sender == "state_corporation"
        assert number == last[sender]
    senders = {
        code
        for code, body in reference.documents()["source"].items()
        if "CATEGORIES" in body["feeds"]
    }
    assert set(last) == senders


def test_every_sender_sends_on_the_last_day(dataset: Dataset) -> None:
    """At the end no feed is stale, if only because an empty delta came."""
    last = {feed.head["sender"] for feed in feeds(dataset[0]) if feed.head["as_of"] == "2026-12-31"}
    assert len(last) == 9


def test_sources_say_what_they_may(dataset: Dataset) -> None:
    """A record's source may assign its category on that day; services speak for themselves."""
    categories = reference.documents()["category"]
    for feed in feeds(dataset[0]):
        for row in feed.rows:
            assert feed.head["sender"] in (row["source"], "state_corporation")
            assert row["source"] != "services" or feed.head["sender"] == "services"
            if row["category"]:
                body = categories[row["category"]]
                assert row["source"] in body["sources"]
                if row["assigned_on"]:
                    assert body.get("valid_from", "") <= row["assigned_on"]


class Receiver:
    """The spans as a receiver of the deltas knows them."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.removed_on: dict[Key, str] = {}
        self._waiting: dict[tuple[str, ...], str] = {}

    def apply(self, rows: list[dict[str, str]]) -> None:
        """Take a delta: upserts, and removals that wait for their assignment."""
        for row in rows:
            person = (row["iin"], row["source"], row["category"])
            if check_digit(row["iin"][:11]) != int(row["iin"][11]):
                continue
            if row["assigned_on"]:
                self.removed_on[key(row)] = row["removed_on"] or self._waiting.get(person, "")
            else:
                self._waiting[person] = row["removed_on"]

    def open_on(self, day: str, scope: set[Pair]) -> set[Key]:
        """Return the spans of a scope that hold a day."""
        return {
            span
            for span, removed_on in self.removed_on.items()
            if (span[1], span[2]) in scope
            and span[3] <= day
            and (not removed_on or removed_on > day)
        }


def test_snapshots_hold_what_the_deltas_left_open(dataset: Dataset) -> None:
    """A snapshot has the state-paid spans that the deltas left open, but for fewer than 2 %."""
    out, summary = dataset
    known = Receiver()
    snapshots = closed = 0
    for feed in feeds(out):
        if feed.head["kind"] == "DELTA":
            known.apply(feed.rows)
            continue
        snapshots += 1
        scope = scope_of(feed)
        assert scope <= set(reference.pairs_of_kind("STATE_PAID"))
        sent = {key(row): row["removed_on"] for row in feed.rows}
        assert len(sent) == len(feed.rows)
        assert all(known.removed_on[span] == removed_on for span, removed_on in sent.items())
        open_spans = known.open_on(feed.head["as_of"], scope)
        assert set(sent) <= open_spans
        spans_of, lost_of = (
            Counter(map(pair, spans)) for spans in (open_spans, open_spans - set(sent))
        )
        assert all(lost <= 0.02 * spans_of[of] for of, lost in lost_of.items())
        closed += lost_of.total()
        known.removed_on.update(dict.fromkeys(open_spans - set(sent), feed.head["as_of"]))
    assert (snapshots, closed) == (8, summary.people // 1_000)


def test_truncated_snapshot_would_close_too_much(dataset: Dataset) -> None:
    """The snapshot outside the timeline lacks two thirds of the people, and counts what it has."""
    out = dataset[0]
    *_, last = (feed for feed in feeds(out) if feed.head["kind"] == "SNAPSHOT")
    truncated = read_feed(out / "extra" / "truncated-snapshot.csv")
    assert int(truncated.head["records"]) == len(truncated.rows)
    assert truncated.head["as_of"] == "2026-12-31"
    assert len(truncated.rows) < 0.4 * len(last.rows)
    children = Counter(row["category"] for row in last.rows)["child"]
    assert children - Counter(row["category"] for row in truncated.rows)["child"] > 100
