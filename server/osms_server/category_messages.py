"""What CategoryService says, made of what the store knows."""

from osms.v1 import category_service_pb2 as pb
from osms.v1 import core_pb2
from osms_server.fields import timestamp
from osms_server.law import FeedState, Law
from osms_storage.category_records import SyncResult
from osms_storage.reference import UNSPECIFIED, Category


def category(code: str, known: Category, law: Law) -> pb.Category:
    """Return a category of the reference data."""
    return pb.Category(
        code=code,
        sources=sorted(law.data.source_codes[id_] for id_ in known.source_ids),
        kind=pb.CategoryKind.Value(f"CATEGORY_KIND_{known.kind}"),
        restricted=known.restricted,
        name_kk=known.names["kk"],
        name_ru=known.names["ru"],
        name_en=known.names["en"],
        legal_reference=known.legal_reference,
        valid_from=known.valid_from.isoformat() if known.valid_from else "",
        valid_until=known.valid_until.isoformat() if known.valid_until else "",
    )


def scope_name(law: Law, part: tuple[int, int]) -> str:
    """Return the name of a part of a scope."""
    category = "unspecified" if part[1] == UNSPECIFIED else law.data.category_codes[part[1]]
    return f"{law.data.source_codes[part[0]]}/{category}"


def sync_result(result: SyncResult, law: Law) -> pb.SyncResult:
    """Return what became of a sync."""
    message = pb.SyncResult(
        outcome=pb.SyncOutcome.Value(f"SYNC_OUTCOME_{result.outcome}"),
        run_id=result.run_id,
        records=result.counts.records,
        changed=result.counts.changed,
        unchanged=result.counts.unchanged,
        rejected=result.counts.rejected,
        closed=result.counts.closed,
        revision=result.revision,
        shrink=[
            pb.ScopeShrink(
                scope=pb.SyncScope(
                    source=law.data.source_codes[part.source_id],
                    category=law.data.category_codes.get(part.category_id, ""),
                ),
                open_spans=part.open_spans,
                closing_spans=part.closing_spans,
                held=part.held,
            )
            for part in result.shrink
        ],
    )
    if result.applied_at is not None:
        message.applied_at.CopyFrom(timestamp(result.applied_at))
    return message


def source_feed(state: FeedState, law: Law, *, delivered: bool) -> pb.SourceFeed:
    """Return how fresh a feed is, and if ``delivered``, when it delivered what."""
    names = law.data.sources[state.source].names
    entry = pb.SourceFeed(
        source=state.source,
        feed=core_pb2.FeedKind.Value(f"FEED_KIND_{state.kind}"),
        name_kk=names["kk"],
        name_ru=names["ru"],
        name_en=names["en"],
        stale_after_hours=state.stale_after_hours,
        stale=state.stale,
    )
    if not delivered:
        return entry
    if state.feed is not None and state.feed.applied_at is not None:
        entry.last_applied_at.CopyFrom(timestamp(state.feed.applied_at))
    if state.feed is not None and state.feed.as_of is not None:
        entry.last_as_of = state.feed.as_of.isoformat()
    return entry
