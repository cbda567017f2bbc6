"""Syncs of categories and their lists, through either gateway over a real socket."""

from collections.abc import Iterator
from datetime import UTC, date
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from osms.v1 import category_service_pb2 as pb
from osms.v1 import core_pb2
from osms_client import (
    AssignmentKind,
    CategoryKind,
    CategoryRecord,
    ConflictError,
    FeedKind,
    InvalidAnswerError,
    Reason,
    RecordIssue,
    RejectedRecord,
    SyncHeader,
    SyncKind,
    SyncOutcome,
    SyncScope,
)
from osms_client.talks import REJECTED_KEPT_MAX, SYNC_CHUNK_RECORDS
from tests.unit.client.fake import IIN, FakeGateway, Sdk, abort

AT = Timestamp(seconds=1_750_000_000)
DELTA = SyncHeader(
    sender="labour",
    kind=SyncKind.DELTA,
    delta_number=14,
    as_of=date(2026, 3, 2),
    declared_records=2,
)


def _records(count: int) -> Iterator[CategoryRecord]:
    for _ in range(count):
        yield CategoryRecord(iin=IIN, category="pension", assigned_on="2026-03-01")


def _apply(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    count = 0
    for request in requests:
        for _ in request.chunk.records:
            count += 1
            if count % 2 == 0:
                rejected = pb.RejectedRecord(
                    record_no=count, issue=pb.RECORD_ISSUE_IIN, field="iin"
                )
                yield pb.SyncCategoriesResponse(rejected=[rejected])
    result = pb.SyncResult(
        outcome=pb.SYNC_OUTCOME_APPLIED,
        run_id=3,
        records=count,
        rejected=count // 2,
        changed=count - count // 2,
        revision=20,
        applied_at=AT,
    )
    yield pb.SyncCategoriesResponse(result=result)


def test_sync_sends_header_chunks_commit(fake: FakeGateway, sdk: Sdk) -> None:
    """A sync is a header, chunks of a bounded size, and a commit."""
    fake.on("SyncCategories", _apply)
    result = sdk.call("sync", DELTA, _records(SYNC_CHUNK_RECORDS + 1))
    assert [request.WhichOneof("part") for request in fake.asked] == [
        "header",
        "chunk",
        "chunk",
        "commit",
    ]
    header = fake.asked[0].header
    assert (header.kind, header.as_of) == (pb.SYNC_KIND_DELTA, "2026-03-02")
    assert result.outcome is SyncOutcome.APPLIED
    assert result.applied_at == AT.ToDatetime(tzinfo=UTC)


def test_rejected_records_are_kept_and_called_back(fake: FakeGateway, sdk: Sdk) -> None:
    """The callback sees every rejected record; the result keeps a bounded number of them."""
    fake.on("SyncCategories", _apply)
    seen: list[RejectedRecord] = []
    count = 2 * REJECTED_KEPT_MAX + 10
    result = sdk.call("sync", DELTA, _records(count), on_rejected=seen.append)
    assert seen[0] == RejectedRecord(record_no=2, issue=RecordIssue.IIN, field="iin")
    assert len(seen) == result.rejected == REJECTED_KEPT_MAX + 5
    assert result.rejected_records == tuple(seen[:REJECTED_KEPT_MAX])


def test_empty_delta_has_header_and_commit(fake: FakeGateway, sdk: Sdk) -> None:
    """A delta without records still takes its number."""
    fake.on("SyncCategories", _apply)
    assert sdk.call("sync", DELTA, []).records == 0
    assert [request.WhichOneof("part") for request in fake.asked] == ["header", "commit"]


def test_snapshot_says_its_scope_and_may_be_held(fake: FakeGateway, sdk: Sdk) -> None:
    """HELD is an answer with its counts; the release applies it."""
    held = pb.SyncResult(outcome=pb.SYNC_OUTCOME_HELD, run_id=77, closed=5_000)
    held.shrink.add(
        scope=pb.SyncScope(source="labour", category="pension"),
        open_spans=10_000,
        closing_spans=5_000,
        held=True,
    )

    def hold(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        list(requests)
        yield pb.SyncCategoriesResponse(result=held)

    fake.on("SyncCategories", hold)
    applied = pb.SyncResult(outcome=pb.SYNC_OUTCOME_APPLIED, run_id=77, applied_at=AT)
    fake.answers("ReleaseHeldSnapshot", pb.ReleaseHeldSnapshotResponse(result=applied))
    header = SyncHeader(
        sender="state_corporation",
        kind=SyncKind.SNAPSHOT,
        delta_number=0,
        as_of=date(2026, 3, 1),
        declared_records=1,
        scope=(SyncScope("labour", "pension"), SyncScope("health")),
    )
    result = sdk.call("sync", header, _records(1))
    assert (result.outcome, result.applied_at) == (SyncOutcome.HELD, None)
    assert result.shrink[0].scope == SyncScope("labour", "pension")
    assert [part.category for part in fake.asked[0].header.scope] == ["pension", ""]
    released = sdk.call("release_held_snapshot", result.run_id, operator_reason="checked")
    assert released.outcome is SyncOutcome.APPLIED


def test_gap_is_a_conflict_with_the_expected_number(fake: FakeGateway, sdk: Sdk) -> None:
    """A missing delta is named, so that the caller sends it."""
    fake.on(
        "SyncCategories",
        lambda requests, context: abort(
            context,
            grpc.StatusCode.FAILED_PRECONDITION,
            "SEQUENCE_GAP",
            metadata={"expected_delta_number": "13"},
        ),
    )
    with pytest.raises(ConflictError) as caught:
        sdk.call("sync", DELTA, _records(2))
    assert caught.value.reason is Reason.SEQUENCE_GAP
    assert caught.value.metadata["expected_delta_number"] == "13"


def test_sync_without_a_result_is_no_answer(fake: FakeGateway, sdk: Sdk) -> None:
    """A stream that ends before its result raises: nobody knows what became of the sync."""
    fake.on("SyncCategories", lambda requests, context: iter([pb.SyncCategoriesResponse()]))
    with pytest.raises(InvalidAnswerError):
        sdk.call("sync", DELTA, _records(2))


def test_sources_tell_their_freshness(fake: FakeGateway, sdk: Sdk) -> None:
    """A feed says when it was last applied, whether it is late, and what is held."""
    response = pb.ListSourcesResponse()
    response.feeds.add(
        source="labour",
        feed=core_pb2.FEED_KIND_CATEGORIES,
        last_applied_at=AT,
        last_as_of="2026-03-02",
        next_delta_number=15,
        stale_after_hours=36,
        held_run_ids=[77],
    )
    response.feeds.add(source="state_corporation", feed=core_pb2.FEED_KIND_REGISTERS, stale=True)
    fake.answers("ListSources", response)
    labour, registers = sdk.call("list_sources")
    assert (labour.feed, labour.held_run_ids) == (FeedKind.CATEGORIES, (77,))
    assert labour.last_as_of == date(2026, 3, 2)
    assert (registers.last_applied_at, registers.stale) == (None, True)


def test_categories_and_assignments_are_listed(fake: FakeGateway, sdk: Sdk) -> None:
    """Reference data and a person's spans arrive typed."""
    categories = pb.ListCategoriesResponse()
    categories.categories.add(
        code="unemployed",
        sources=["labour"],
        kind=pb.CATEGORY_KIND_STATE_PAID,
        valid_from="2026-01-01",
    )
    fake.answers("ListCategories", categories)
    spans = pb.ListAssignmentsResponse()
    spans.assignments.add(kind=pb.ASSIGNMENT_KIND_BUDGET_PAID, assigned_on="2026-01-05")
    spans.assignments.add(
        kind=pb.ASSIGNMENT_KIND_EXEMPT,
        assigned_on="2026-01-06",
        category="serviceman",
        source="services",
    )
    fake.answers("ListAssignments", spans)
    (category,) = sdk.call("list_categories")
    assert (category.kind, category.valid_from) == (CategoryKind.STATE_PAID, date(2026, 1, 1))
    span, told = sdk.call("list_assignments", IIN, known=date(2026, 2, 1))
    assert (span.kind, span.removed_on) == (AssignmentKind.BUDGET_PAID, None)
    assert (span.category, span.source) == ("", "")
    assert (told.kind, told.category, told.source) == (
        AssignmentKind.EXEMPT,
        "serviceman",
        "services",
    )
    assert fake.asked[-1].known.on == "2026-02-01"
