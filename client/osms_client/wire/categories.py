"""Requests and answers of CategoryService."""

from collections.abc import Iterable, Iterator

from osms.v1 import category_service_pb2 as pb
from osms.v1 import core_pb2
from osms_client.categories import (
    Assignment,
    Category,
    CategoryRecord,
    RejectedRecord,
    ScopeShrink,
    SourceFeed,
    SyncHeader,
    SyncResult,
    SyncScope,
)
from osms_client.eligibility import KnownAt
from osms_client.errors import InvalidAnswerError
from osms_client.vocabulary import (
    AssignmentKind,
    CategoryKind,
    FeedKind,
    RecordIssue,
    SyncKind,
    SyncOutcome,
)
from osms_client.wire.scalars import Words, day, day_or_none, day_text, instant, knowledge

_kinds = Words(SyncKind, pb.SyncKind.Value, prefix="SYNC_KIND")
_outcomes = Words(SyncOutcome, pb.SyncOutcome.Value, prefix="SYNC_OUTCOME")
_issues = Words(RecordIssue, pb.RecordIssue.Value, prefix="RECORD_ISSUE")
_feeds = Words(FeedKind, core_pb2.FeedKind.Value, prefix="FEED_KIND")
_category_kinds = Words(CategoryKind, pb.CategoryKind.Value, prefix="CATEGORY_KIND")
_assignment_kinds = Words(AssignmentKind, pb.AssignmentKind.Value, prefix="ASSIGNMENT_KIND")


def header_message(header: SyncHeader) -> pb.SyncCategoriesRequest:
    """Return the message that opens a sync."""
    return pb.SyncCategoriesRequest(
        header=pb.SyncHeader(
            sender=header.sender,
            kind=_kinds.number(header.kind),
            delta_number=header.delta_number,
            as_of=day_text(header.as_of, "as_of"),
            scope=[
                pb.SyncScope(source=part.source, category=part.category) for part in header.scope
            ],
            declared_records=header.declared_records,
        )
    )


def chunk_message(records: Iterable[CategoryRecord]) -> pb.SyncCategoriesRequest:
    """Return a message with some records of a sync."""
    return pb.SyncCategoriesRequest(chunk=pb.SyncChunk(records=map(_record, records)))


def commit_message() -> pb.SyncCategoriesRequest:
    """Return the message that ends a sync."""
    return pb.SyncCategoriesRequest(commit=pb.SyncCommit())


def _record(record: CategoryRecord) -> pb.CategoryRecord:
    return pb.CategoryRecord(
        iin=record.iin,
        source=record.source,
        category=record.category,
        assigned_on=record.assigned_on,
        removed_on=record.removed_on,
        removal_source=record.removal_source,
        removal_reason=record.removal_reason,
    )


def rejected_records(response: pb.SyncCategoriesResponse) -> Iterator[RejectedRecord]:
    """Return the rejected records of one message."""
    for record in response.rejected:
        yield RejectedRecord(
            record_no=record.record_no, issue=_issues.word(record.issue), field=record.field
        )


def sync_result(result: pb.SyncResult, rejected: Iterable[RejectedRecord] = ()) -> SyncResult:
    """Return what became of a sync."""
    if not result.outcome:
        raise InvalidAnswerError("a sync result without an outcome")
    return SyncResult(
        outcome=_outcomes.word(result.outcome),
        run_id=result.run_id,
        records=result.records,
        changed=result.changed,
        unchanged=result.unchanged,
        rejected=result.rejected,
        closed=result.closed,
        shrink=tuple(
            ScopeShrink(
                scope=SyncScope(part.scope.source, part.scope.category),
                open_spans=part.open_spans,
                closing_spans=part.closing_spans,
                held=part.held,
            )
            for part in result.shrink
        ),
        revision=result.revision,
        applied_at=instant(result.applied_at) if result.HasField("applied_at") else None,
        rejected_records=tuple(rejected),
    )


def release_request(run_id: int, *, operator_reason: str) -> pb.ReleaseHeldSnapshotRequest:
    """Return the request to apply a held snapshot."""
    return pb.ReleaseHeldSnapshotRequest(run_id=run_id, operator_reason=operator_reason)


def release_result(response: pb.ReleaseHeldSnapshotResponse) -> SyncResult:
    """Return the result of a release."""
    return sync_result(response.result)


def source_feeds(response: pb.ListSourcesResponse) -> tuple[SourceFeed, ...]:
    """Return every feed of every source."""
    return tuple(
        SourceFeed(
            source=feed.source,
            feed=_feeds.word(feed.feed),
            name_kk=feed.name_kk,
            name_ru=feed.name_ru,
            name_en=feed.name_en,
            last_applied_at=(
                instant(feed.last_applied_at) if feed.HasField("last_applied_at") else None
            ),
            last_as_of=day_or_none(feed.last_as_of),
            next_delta_number=feed.next_delta_number,
            stale_after_hours=feed.stale_after_hours,
            stale=feed.stale,
            held_run_ids=tuple(feed.held_run_ids),
        )
        for feed in response.feeds
    )


def categories(response: pb.ListCategoriesResponse) -> tuple[Category, ...]:
    """Return the categories in force."""
    return tuple(
        Category(
            code=category.code,
            sources=tuple(category.sources),
            kind=_category_kinds.word(category.kind),
            restricted=category.restricted,
            name_kk=category.name_kk,
            name_ru=category.name_ru,
            name_en=category.name_en,
            legal_reference=category.legal_reference,
            valid_from=day_or_none(category.valid_from),
            valid_until=day_or_none(category.valid_until),
        )
        for category in response.categories
    )


def assignments_request(iin: str, known: KnownAt) -> pb.ListAssignmentsRequest:
    """Return the question for a person's spans."""
    return pb.ListAssignmentsRequest(iin=iin, known=knowledge(known))


def assignments(response: pb.ListAssignmentsResponse) -> tuple[Assignment, ...]:
    """Return the spans of one person."""
    return tuple(
        Assignment(
            kind=_assignment_kinds.word(span.kind),
            assigned_on=day(span.assigned_on),
            removed_on=day_or_none(span.removed_on),
            category=span.category,
            source=span.source,
        )
        for span in response.assignments
    )
