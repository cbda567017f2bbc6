"""Syncs of categories on the wire."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from osms.v1 import category_service_pb2 as pb
from osms.v1 import core_pb2
from tests.integration.wire import DEADLINE_S, Stubs

AS_OF = "2026-01-14"


@dataclass(frozen=True)
class Synced:
    """What became of a sync."""

    result: pb.SyncResult
    rejected: list[pb.RejectedRecord]


def record(iin: str, **fields: Any) -> pb.CategoryRecord:
    """Return a pension from 2020 on, unless told otherwise."""
    values: dict[str, Any] = {"category": "pension", "assigned_on": "2020-03-01", **fields}
    return pb.CategoryRecord(iin=iin, **values)


def next_number(stubs: Stubs, sender: str = "labour") -> int:
    """Return the number that a sender's next delta must have."""
    sources = stubs.categories.ListSources(pb.ListSourcesRequest(), timeout=DEADLINE_S)
    return next(
        feed.next_delta_number
        for feed in sources.feeds
        if feed.source == sender and feed.feed == core_pb2.FEED_KIND_CATEGORIES
    )


def delta(number: int, records: Sequence[pb.CategoryRecord], **fields: Any) -> pb.SyncHeader:
    """Return the header of a delta of the Ministry of Labour."""
    values: dict[str, Any] = {
        "sender": "labour",
        "kind": pb.SYNC_KIND_DELTA,
        "as_of": AS_OF,
        "declared_records": len(records),
        **fields,
    }
    return pb.SyncHeader(delta_number=number, **values)


def snapshot(
    records: Sequence[pb.CategoryRecord], *scope: tuple[str, str], **fields: Any
) -> pb.SyncHeader:
    """Return the header of a snapshot that the State Corporation sends for (source, category)."""
    values: dict[str, Any] = {
        "sender": "state_corporation",
        "kind": pb.SYNC_KIND_SNAPSHOT,
        "as_of": AS_OF,
        "declared_records": len(records),
        "scope": [pb.SyncScope(source=source, category=category) for source, category in scope],
        **fields,
    }
    return pb.SyncHeader(**values)


def parts(
    header: pb.SyncHeader, records: Sequence[pb.CategoryRecord]
) -> Iterator[pb.SyncCategoriesRequest]:
    """Return the messages of a sync."""
    yield pb.SyncCategoriesRequest(header=header)
    if records:
        yield pb.SyncCategoriesRequest(chunk=pb.SyncChunk(records=records))
    yield pb.SyncCategoriesRequest(commit=pb.SyncCommit())


def send(stubs: Stubs, header: pb.SyncHeader, records: Sequence[pb.CategoryRecord]) -> Synced:
    """Send one sync whole."""
    answers = list(stubs.categories.SyncCategories(parts(header, records), timeout=DEADLINE_S))
    rejected = [record for answer in answers for record in answer.rejected]
    return Synced(answers[-1].result, rejected)


def send_delta(stubs: Stubs, *records: pb.CategoryRecord, **fields: Any) -> Synced:
    """Send records as the next delta of their sender."""
    number = next_number(stubs, fields.get("sender", "labour"))
    return send(stubs, delta(number, records, **fields), records)


def spans(stubs: Stubs, iin: str) -> list[tuple[str, str]]:
    """Return the days of a person's assignments."""
    request = pb.ListAssignmentsRequest(iin=iin)
    answer = stubs.categories.ListAssignments(request, timeout=DEADLINE_S)
    return [(a.assigned_on, a.removed_on) for a in answer.assignments]
