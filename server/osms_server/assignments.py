"""The spans of one person, as who asks may see them."""

from datetime import date

from osms.v1 import category_service_pb2 as pb
from osms_server.identity.callers import shown_codes
from osms_server.inquiry import View
from osms_server.rules import SpanKind

_WHOLE = {
    SpanKind.STATE_PAID: pb.ASSIGNMENT_KIND_STATE_PAID,
    SpanKind.EXEMPT: pb.ASSIGNMENT_KIND_EXEMPT,
    SpanKind.ON_VISIT: pb.ASSIGNMENT_KIND_ON_VISIT,
}
_REDACTED = {
    SpanKind.STATE_PAID: pb.ASSIGNMENT_KIND_BUDGET_PAID,
    SpanKind.EXEMPT: pb.ASSIGNMENT_KIND_BUDGET_PAID,
    SpanKind.ON_VISIT: pb.ASSIGNMENT_KIND_ON_VISIT,
}


def of_person(view: View, iin: int) -> list[pb.Assignment]:
    """Return the spans that hold a day, by their days; what looks the same is told once.

    Operators of the Fund are told every code. A person's own portal is told only those of a kind
    none of which is restricted, and so none where the state pays or the law exempts: codes on the
    spans of the one and none on those of the other would tell which are which.
    """
    row = view.ledgers.get(iin)
    ledger = view.ledger(iin)
    if row is None or ledger is None:
        return []
    data = view.law.data
    kinds = _WHOLE if view.shown_everything else _REDACTED
    portal = shown_codes() and not any(
        known.restricted for known in data.categories.values() if known.kind == SpanKind.ON_VISIT
    )
    spans = set()
    for (source_id, category_id, _, _), span in zip(row.spans, ledger.spans, strict=True):
        if span.end is not None and span.end <= span.start:
            continue
        category = source = ""
        if view.shown_everything:
            source = data.source_codes[source_id]
        if view.shown_everything or (portal and span.kind is SpanKind.ON_VISIT):
            category = data.category_codes.get(category_id, "")
        spans.add((span.start, span.end or date.max, kinds[span.kind], category, source))
    return [
        pb.Assignment(
            kind=kind,
            assigned_on=start.isoformat(),
            removed_on="" if end == date.max else end.isoformat(),
            category=category,
            source=source,
        )
        for start, end, kind, category, source in sorted(spans)
    ]
