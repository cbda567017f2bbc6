"""Category records as they really occur: removals, overlaps, repetitions, and unusable ones."""

import pytest

from osms.v1 import category_service_pb2 as pb
from osms.v1 import core_pb2
from tests.integration import feeds, lookups
from tests.integration.people import new_iin
from tests.integration.wire import Stubs


def removal(iin: str, day: str, **fields: str) -> pb.CategoryRecord:
    """Return a removal that names no assignment."""
    return feeds.record(iin, assigned_on="", removed_on=day, **fields)


def test_a_removal_waits_for_its_assignment(stubs: Stubs) -> None:
    """It makes nobody known; when the assignment comes it ends on the day of the removal."""
    iin = new_iin()
    feeds.send_delta(stubs, removal(iin, "2025-06-01", removal_reason="moved abroad"))
    assert lookups.status_of(stubs, iin) == "UNKNOWN_CONSUMER"
    feeds.send_delta(stubs, feeds.record(iin))
    assert feeds.spans(stubs, iin) == [("2020-03-01", "2025-06-01")]
    assert lookups.status_of(stubs, iin, "2025-05-31") == "INSURED"
    assert lookups.look_up(stubs, iin, service_date="2025-06-01").grounds == [
        core_pb2.GROUND_SETTLED_MONTHS
    ]


def test_a_removal_dated_in_the_past_takes_cover_away_from_that_day(stubs: Stubs) -> None:
    """What was answered stays answerable by its knowledge time, but now the days are uncovered."""
    iin = new_iin()
    applied = feeds.send_delta(stubs, feeds.record(iin)).result
    feeds.send_delta(stubs, feeds.record(iin, removed_on="2023-01-01"))
    assert lookups.status_of(stubs, iin, "2025-06-01") == "NOT_INSURED"
    known = core_pb2.KnowledgeTime(revision=applied.revision)
    before = lookups.look_up(stubs, iin, service_date="2025-06-01", known=known)
    assert before.status == core_pb2.ELIGIBILITY_STATUS_INSURED


def test_a_removal_on_or_before_the_assignment_leaves_no_day(stubs: Stubs) -> None:
    """The person is known, but the span holds no day."""
    iin = new_iin()
    feeds.send_delta(stubs, feeds.record(iin, removed_on="2020-03-01"))
    assert lookups.status_of(stubs, iin, "2020-07-01") == "NOT_INSURED"


def test_overlapping_categories_are_each_their_own(stubs: Stubs) -> None:
    """Removing one of two leaves the other, from whatever source it is."""
    iin = new_iin()
    feeds.send_delta(
        stubs,
        feeds.record(iin),
        feeds.record(iin, category="disabled", assigned_on="2021-05-01"),
        feeds.record(iin, category="", assigned_on="2022-01-01"),
    )
    feeds.send_delta(
        stubs,
        feeds.record(iin, removed_on="2025-01-01"),
        removal(iin, "2025-02-01", category=""),
    )
    assert feeds.spans(stubs, iin) == [
        ("2020-03-01", "2025-01-01"),
        ("2021-05-01", ""),
        ("2022-01-01", "2025-02-01"),
    ]
    assert lookups.status_of(stubs, iin) == "INSURED"


def test_the_same_record_twice_is_one_assignment(stubs: Stubs) -> None:
    """In one sync the last of two with one key counts; in a later one it is unchanged."""
    iin = new_iin()
    record, removed = feeds.record(iin), feeds.record(iin, removed_on="2025-01-01")
    synced = feeds.send_delta(stubs, record, removed, record).result
    assert (synced.records, synced.changed + synced.unchanged) == (3, 3)
    assert feeds.spans(stubs, iin) == [("2020-03-01", "")]
    again = feeds.send_delta(stubs, record).result
    assert (again.changed, again.unchanged) == (0, 1)


def test_an_assignment_in_the_future_counts_from_its_day(stubs: Stubs) -> None:
    """Announced early, it opens the package on its first day and not before."""
    iin = new_iin()
    feeds.send_delta(stubs, feeds.record(iin, assigned_on="2026-09-01"))
    assert lookups.status_of(stubs, iin, "2026-08-31") == "NOT_INSURED"
    assert lookups.status_of(stubs, iin, "2026-09-01") == "INSURED"


@pytest.mark.parametrize(
    ("fields", "issue", "field"),
    [
        ({"source": "ministry_of_magic"}, pb.RECORD_ISSUE_SOURCE, "source"),
        ({"category": "child"}, pb.RECORD_ISSUE_CATEGORY, "category"),
        ({"category": "wizard"}, pb.RECORD_ISSUE_CATEGORY, "category"),
        (
            {"removed_on": "2025-01-01", "removal_source": "ministry_of_magic"},
            pb.RECORD_ISSUE_REMOVAL,
            "removal_source",
        ),
        (
            {"removed_on": "2025-01-01", "removal_reason": "x" * 101},
            pb.RECORD_ISSUE_REMOVAL,
            "removal_reason",
        ),
    ],
)
def test_a_record_that_cannot_be_used_is_returned(
    stubs: Stubs, fields: dict[str, str], issue: int, field: str
) -> None:
    """Its place, issue and field are told, its neighbours are applied, its person stays unknown."""
    good, bad = new_iin(), new_iin()
    synced = feeds.send_delta(stubs, feeds.record(bad, **fields), feeds.record(good))
    assert [(r.record_no, r.issue, r.field) for r in synced.rejected] == [(1, issue, field)]
    assert lookups.statuses_of(stubs, [bad, good]) == ["UNKNOWN_CONSUMER", "INSURED"]
