"""Deltas out of sequence, and snapshots that are cut short, outdated or not the sender's."""

import grpc
import pytest

from osms.v1 import category_service_pb2 as pb
from tests.integration import feeds, lookups
from tests.integration.people import new_iin
from tests.integration.wire import DEADLINE_S, Stubs, failure_of

APPLIED, ALREADY_APPLIED, HELD = (
    pb.SYNC_OUTCOME_APPLIED,
    pb.SYNC_OUTCOME_ALREADY_APPLIED,
    pb.SYNC_OUTCOME_HELD,
)
PEOPLE = 250
"""Enough that losing half of them is more than the shrink guard lets pass."""


def release(stubs: Stubs, run_id: int, reason: str = "checked by hand") -> pb.SyncResult:
    """Apply a held snapshot."""
    request = pb.ReleaseHeldSnapshotRequest(run_id=run_id, operator_reason=reason)
    return stubs.categories.ReleaseHeldSnapshot(request, timeout=DEADLINE_S).result


# --- delta numbers -------------------------------------------------------------------------------


def test_a_missing_delta_is_told_and_nothing_is_queued(stubs: Stubs) -> None:
    """A number too large is a SEQUENCE_GAP with the expected one, and applies nothing."""
    iin, number = new_iin(), feeds.next_number(stubs)
    records = [feeds.record(iin)]
    failure = failure_of(lambda: feeds.send(stubs, feeds.delta(number + 2, records), records))
    assert failure.status is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "SEQUENCE_GAP"
    assert failure.metadata == {
        "sender": "labour",
        "expected_delta_number": str(number),
        "delta_number": str(number + 2),
    }
    assert feeds.send(stubs, feeds.delta(number, []), []).result.outcome == APPLIED
    assert feeds.send(stubs, feeds.delta(number + 1, []), []).result.outcome == APPLIED
    assert lookups.status_of(stubs, iin) == "UNKNOWN_CONSUMER"


def test_a_delta_sent_again_is_answered_with_its_first_result(stubs: Stubs) -> None:
    """Same number, same content: ALREADY_APPLIED with the first counts and revision."""
    records = [feeds.record(new_iin()), feeds.record("12")]
    header = feeds.delta(feeds.next_number(stubs), records)
    first = feeds.send(stubs, header, records).result
    feeds.send_delta(stubs, feeds.record(new_iin()))
    again = feeds.send(stubs, header, records).result
    assert (first.outcome, again.outcome) == (APPLIED, ALREADY_APPLIED)
    for field in ("run_id", "records", "changed", "unchanged", "rejected", "revision"):
        assert getattr(again, field) == getattr(first, field)
    assert again.applied_at == first.applied_at


@pytest.mark.parametrize("differs_in", ["records", "as_of"])
def test_a_delta_number_used_again_for_other_content_is_a_conflict(
    stubs: Stubs, differs_in: str
) -> None:
    """DELTA_CONFLICT says what differs, also for a number long past; nothing is changed."""
    iin, other = new_iin(), new_iin()
    number = feeds.next_number(stubs)
    records = [feeds.record(iin)]
    feeds.send(stubs, feeds.delta(number, records), records)
    feeds.send_delta(stubs)
    if differs_in == "records":
        records = [feeds.record(other)]
        header = feeds.delta(number, records)
    else:
        header = feeds.delta(number, records, as_of="2026-01-13")
    failure = failure_of(lambda: feeds.send(stubs, header, records))
    assert failure.status is grpc.StatusCode.ALREADY_EXISTS
    assert failure.reason == "DELTA_CONFLICT"
    assert failure.metadata == {
        "sender": "labour",
        "delta_number": str(number),
        "differs_in": differs_in,
    }
    assert lookups.status_of(stubs, other) == "UNKNOWN_CONSUMER"


def test_each_sender_counts_its_own_deltas(stubs: Stubs) -> None:
    """The number of one sender says nothing of another's."""
    before = feeds.next_number(stubs, "health")
    feeds.send_delta(stubs, feeds.record(new_iin()))
    assert feeds.next_number(stubs, "health") == before
    pregnant = feeds.record(new_iin(), category="pregnant", assigned_on="2025-12-01")
    synced = feeds.send_delta(stubs, pregnant, sender="health")
    assert (synced.result.outcome, synced.result.changed) == (APPLIED, 1)


@pytest.mark.parametrize("change", [-1, 1])
def test_records_must_be_as_many_as_declared(stubs: Stubs, change: int) -> None:
    """A sync with more or fewer records than declared is refused and leaves nothing."""
    iins = [new_iin(), new_iin()]
    records = [feeds.record(iin) for iin in iins]
    header = feeds.delta(feeds.next_number(stubs), records, declared_records=2 + change)
    failure = failure_of(lambda: feeds.send(stubs, header, records))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "RECORD_COUNT_MISMATCH"
    assert failure.metadata == {"declared_records": str(2 + change), "received_records": "2"}
    assert set(lookups.statuses_of(stubs, iins)) == {"UNKNOWN_CONSUMER"}


# --- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", ["ministry_of_magic", ""])
def test_an_unknown_sender_is_refused(stubs: Stubs, sender: str) -> None:
    """No client may send for a source that there is not; and one has to be named."""
    failure = failure_of(lambda: feeds.send(stubs, feeds.delta(1, [], sender=sender), []))
    assert failure.reason == ("SOURCE_NOT_ALLOWED" if sender else "SOURCE_UNKNOWN")
    assert failure.metadata == {"source": sender}


@pytest.mark.parametrize(
    ("header", "field"),
    [
        (feeds.delta(0, []), "header.delta_number"),
        (feeds.delta(1, [], as_of="2026-01-16"), "header.as_of"),
        (feeds.delta(1, [], scope=[pb.SyncScope(source="labour")]), "header.scope"),
        (feeds.snapshot([]), "header.scope"),
        (feeds.snapshot([], *[("labour", "pension")] * 201), "header.scope"),
        (feeds.snapshot([], ("labour", "pension"), delta_number=-1), "header.delta_number"),
    ],
)
def test_a_header_that_breaks_a_rule_is_refused(
    stubs: Stubs, header: pb.SyncHeader, field: str
) -> None:
    """The field is named, before any record is taken."""
    failure = failure_of(lambda: feeds.send(stubs, header, []))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "INVALID_REQUEST"
    assert list(failure.violations) == [field]


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        (("services", "serviceman"), "services/serviceman"),
        (("services", ""), "services/unspecified"),
        (("justice", "deceased"), "justice/deceased"),
        (("labour", "child"), "labour/child"),
        (("labour", "no_such_category"), "labour/no_such_category"),
    ],
)
def test_a_scope_that_the_sender_may_not_replace_is_refused(
    stubs: Stubs, scope: tuple[str, str], name: str
) -> None:
    """Nobody but the services and the registry of deaths replaces their own categories."""
    failure = failure_of(lambda: feeds.send(stubs, feeds.snapshot([], scope), []))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "SCOPE_INVALID"
    assert failure.metadata == {"scope": name}


def test_a_refused_scope_does_not_tell_which_codes_the_services_have(stubs: Stubs) -> None:
    """To other senders a code of the services and one that nobody has are alike."""
    said = set()
    for code in ("serviceman", "no_such_category"):
        header = feeds.snapshot([], ("services", code))
        failure = failure_of(lambda header=header: feeds.send(stubs, header, []))  # type: ignore[misc] # bound now
        said.add(tuple(failure.violations.items()))
    assert len(said) == 1


# --- snapshots -----------------------------------------------------------------------------------


def held_feeds(stubs: Stubs, sender: str) -> list[int]:
    """Return the run ids that wait for a release."""
    sources = stubs.categories.ListSources(pb.ListSourcesRequest(), timeout=DEADLINE_S)
    return [run for feed in sources.feeds if feed.source == sender for run in feed.held_run_ids]


def test_a_snapshot_cut_to_half_closes_nobody(stubs: Stubs, operator: Stubs) -> None:
    """Cut in transport it is refused by its count; cut before, it is held until a person looks."""
    scope = ("labour", "disabled")
    iins = [new_iin() for _ in range(PEOPLE)]
    everybody = [feeds.record(iin, source="labour", category="disabled") for iin in iins]
    half, lost = everybody[: PEOPLE // 2], iins[PEOPLE // 2 :]
    whole = feeds.send(stubs, feeds.snapshot(everybody, scope), everybody).result
    assert (whole.outcome, whole.changed) == (APPLIED, PEOPLE)

    cut = feeds.snapshot(everybody, scope, as_of="2026-01-15")
    failure = failure_of(lambda: feeds.send(stubs, cut, half))
    assert failure.reason == "RECORD_COUNT_MISMATCH"

    consistent = feeds.snapshot(half, scope, as_of="2026-01-15")
    held = feeds.send(stubs, consistent, half).result
    assert (held.outcome, held.closed, held.revision) == (HELD, len(lost), 0)
    assert not held.HasField("applied_at")
    (shrink,) = held.shrink
    assert (shrink.scope.source, shrink.scope.category) == scope
    assert (shrink.open_spans, shrink.closing_spans, shrink.held) == (PEOPLE, len(lost), True)
    assert set(lookups.statuses_of(stubs, iins)) == {"INSURED"}
    assert held_feeds(stubs, "state_corporation") == [held.run_id]

    # A delta goes on meanwhile, and the release judges anew: who was confirmed is not closed.
    confirmed = feeds.record(lost[0], category="disabled")
    assert feeds.send_delta(stubs, confirmed, as_of="2026-01-15").result.outcome == APPLIED
    released = release(operator, held.run_id)
    assert (released.outcome, released.run_id) == (APPLIED, held.run_id)
    assert released.revision > whole.revision
    after = "2026-08-01"
    assert set(lookups.statuses_of(stubs, iins[: PEOPLE // 2], after)) == {"INSURED"}
    assert set(lookups.statuses_of(stubs, lost[1:], after)) == {"NOT_INSURED"}
    assert feeds.spans(stubs, lost[-1]) == [("2020-03-01", "2026-01-15")]
    assert held_feeds(stubs, "state_corporation") == []
    again = failure_of(lambda: release(operator, held.run_id))
    assert again.status is grpc.StatusCode.NOT_FOUND
    assert again.reason == "HELD_SNAPSHOT_NOT_FOUND"
    assert again.metadata == {"run_id": str(held.run_id)}


def test_a_newer_snapshot_takes_the_place_of_a_held_one(stubs: Stubs, operator: Stubs) -> None:
    """After a whole snapshot of the same scope the held one can no longer be released."""
    scope = ("labour", "mother_award")
    iins = [new_iin() for _ in range(PEOPLE)]
    everybody = [feeds.record(iin, source="labour", category="mother_award") for iin in iins]
    half = everybody[: PEOPLE // 2]
    feeds.send(stubs, feeds.snapshot(everybody, scope, as_of="2026-01-12"), everybody)
    held = feeds.send(stubs, feeds.snapshot(half, scope, as_of="2026-01-13"), half).result
    assert held.outcome == HELD
    newer = feeds.send(stubs, feeds.snapshot(everybody, scope), everybody).result
    assert (newer.outcome, newer.unchanged, newer.closed) == (APPLIED, PEOPLE, 0)
    assert set(lookups.statuses_of(stubs, iins)) == {"INSURED"}
    failure = failure_of(lambda: release(operator, held.run_id))
    assert failure.reason == "HELD_SNAPSHOT_NOT_FOUND"


def test_a_release_needs_a_reason(operator: Stubs) -> None:
    """Who overrides the guard says why, in at most 500 characters."""
    for reason in ("", "   ", "x" * 501):
        failure = failure_of(lambda reason=reason: release(operator, 1, reason))  # type: ignore[misc] # bound now
        assert list(failure.violations) == ["operator_reason"]


def test_a_snapshot_older_than_the_last_is_refused(stubs: Stubs) -> None:
    """SNAPSHOT_OUTDATED names the part of the scope and both days; an equal one is known."""
    scope = ("labour", "kandas")
    records = [feeds.record(new_iin(), source="labour", category="kandas")]
    header = feeds.snapshot(records, scope)
    first = feeds.send(stubs, header, records).result
    again = feeds.send(stubs, header, records).result
    assert (again.outcome, again.revision) == (ALREADY_APPLIED, first.revision)
    older = feeds.snapshot([], scope, as_of="2026-01-01")
    failure = failure_of(lambda: feeds.send(stubs, older, []))
    assert failure.status is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "SNAPSHOT_OUTDATED"
    assert failure.metadata == {
        "scope": "labour/kandas",
        "last_as_of": feeds.AS_OF,
        "as_of": "2026-01-01",
    }


def test_a_snapshot_that_was_replaced_is_applied_anew(stubs: Stubs) -> None:
    """Sent again after another of the same day, it is no repetition: the state is its own again."""
    scope = ("labour", "childbirth_leave")
    iins = [new_iin(), new_iin()]
    both = [feeds.record(iin, source="labour", category="childbirth_leave") for iin in iins]
    first = feeds.snapshot(both, scope)
    assert feeds.send(stubs, first, both).result.outcome == APPLIED
    one = feeds.send(stubs, feeds.snapshot(both[:1], scope), both[:1]).result
    assert (one.outcome, one.closed) == (APPLIED, 1)
    assert feeds.spans(stubs, iins[1]) == [("2020-03-01", feeds.AS_OF)]
    assert feeds.send(stubs, first, both).result.outcome == APPLIED
    assert feeds.spans(stubs, iins[1]) == [("2020-03-01", "")]


def test_a_bad_record_protects_its_person_from_a_snapshot(stubs: Stubs) -> None:
    """Who is named by a rejected record is not closed; who is missing is."""
    scope = ("labour", "targeted_aid")
    kept, closed = new_iin(), new_iin()
    both = [feeds.record(iin, source="labour", category="targeted_aid") for iin in (kept, closed)]
    feeds.send(stubs, feeds.snapshot(both, scope), both)
    bad = [feeds.record(kept, source="labour", category="targeted_aid", assigned_on="2026-02-30")]
    synced = feeds.send(stubs, feeds.snapshot(bad, scope, as_of="2026-01-15"), bad)
    assert (synced.result.rejected, synced.result.closed) == (1, 1)
    assert feeds.spans(stubs, kept) == [("2020-03-01", "")]
    assert feeds.spans(stubs, closed) == [("2020-03-01", "2026-01-15")]


def test_a_snapshot_moves_the_sender_s_delta_number_on(stubs: Stubs) -> None:
    """The next delta is one above what it includes; one that was only included is refused."""
    number = feeds.next_number(stubs, "science_higher_education")
    records = [feeds.record(new_iin(), category="student")]
    header = feeds.snapshot(
        records,
        ("science_higher_education", "student"),
        sender="science_higher_education",
        delta_number=number + 4,
    )
    feeds.send(stubs, header, records)
    assert feeds.next_number(stubs, "science_higher_education") == number + 5
    included = feeds.delta(number + 2, [], sender="science_higher_education")
    failure = failure_of(lambda: feeds.send(stubs, included, []))
    assert failure.reason == "SEQUENCE_GAP"
    assert failure.metadata["expected_delta_number"] == str(number + 5)


def test_records_outside_the_scope_of_a_snapshot_are_rejected(stubs: Stubs) -> None:
    """A snapshot speaks of its scope only; what else it holds is returned and not applied."""
    inside, outside = new_iin(), new_iin()
    records = [
        feeds.record(inside, source="labour", category="disabled_child_carer"),
        feeds.record(outside, source="labour", category="disabled_adult_carer"),
    ]
    header = feeds.snapshot(records, ("labour", "disabled_child_carer"))
    synced = feeds.send(stubs, header, records)
    assert [(r.record_no, r.issue) for r in synced.rejected] == [(2, pb.RECORD_ISSUE_SCOPE)]
    assert lookups.statuses_of(stubs, [inside, outside]) == ["INSURED", "UNKNOWN_CONSUMER"]
