"""One sync of categories on its way in: checked chunk by chunk, judged at its commit."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import repeat
from operator import attrgetter
from typing import NamedTuple

from osms.v1 import category_service_pb2 as pb
from osms.values import parse_date, parse_iins
from osms_server.errors import Reason
from osms_server.fields import FIELD_SEPARATOR, ROW_START, Fields, clean, clean_all
from osms_server.law import Law
from osms_storage.category_records import CategoryRecord, SyncHeader
from osms_storage.reference import UNSPECIFIED, Source

SCOPE_PARTS_MAX = 200
REMOVAL_REASON_MAX = 100
KINDS_KEPT_MAX = 50_000
"""How many kinds of records, equal but for the person, are remembered while a sync comes in."""
DECEASED = "DECEASED"
SERVICES = "services"


def read_header(header: pb.SyncHeader, law: Law, today: date) -> SyncHeader:
    """Return a checked header; raise RequestError with all that is wrong."""
    fields = Fields()
    sender = law.data.sources.get(header.sender)
    if sender is None or "CATEGORIES" not in sender.feeds:
        fields.violate(
            "header.sender",
            "is not a sender of categories",
            Reason.ERROR_REASON_SOURCE_UNKNOWN,
            {"source": header.sender[:64]},
        )
    snapshot = header.kind == pb.SYNC_KIND_SNAPSHOT
    if header.kind not in (pb.SYNC_KIND_DELTA, pb.SYNC_KIND_SNAPSHOT):
        fields.violate("header.kind", "is required")
    if header.delta_number < (0 if snapshot else 1):
        fields.violate("header.delta_number", "must be at least 1, or 0 for a snapshot")
    as_of = fields.day(header.as_of, "header.as_of", required=True)
    if as_of is not None and as_of > today:
        fields.violate("header.as_of", "must not be after today")
    if header.declared_records < 0:
        fields.violate("header.declared_records", "must not be negative")
    if snapshot != bool(header.scope):
        fields.violate("header.scope", "is required for a snapshot and not allowed for a delta")
    if len(header.scope) > SCOPE_PARTS_MAX:
        fields.violate("header.scope", f"must have at most {SCOPE_PARTS_MAX} parts")
    scope = {_scope_part(fields, law, part, sender) for part in header.scope}
    fields.check()
    assert sender is not None
    assert as_of is not None
    return SyncHeader(
        sender_id=sender.id,
        snapshot=snapshot,
        delta_number=header.delta_number,
        as_of=as_of,
        scope=tuple(sorted(scope)),
        declared_records=header.declared_records,
    )


def _scope_part(
    fields: Fields, law: Law, part: pb.SyncScope, sender: Source | None
) -> tuple[int, int]:
    source = law.data.sources.get(part.source)
    category_id = _category_id(law, part.source, part.category)
    name = f"{part.source[:64]}/{part.category[:64] or 'unspecified'}"
    own = source is not None and source == sender
    if part.source == SERVICES and not own:
        # First, lest others find out which codes the services have.
        description = "may be replaced by the services feed only"
    elif source is None or "CATEGORIES" not in source.feeds or category_id is None:
        description = "is not a source with a category of its own"
    elif law.data.kind(source.id, category_id) == DECEASED and not own:
        description = "may be replaced by its own source only"
    else:
        return source.id, category_id
    fields.violate("header.scope", description, Reason.ERROR_REASON_SCOPE_INVALID, {"scope": name})
    return -1, -1


def _category_id(law: Law, source_code: str, code: str) -> int | None:
    """Return the id of a category that a source may assign; None if there is none."""
    if not code:
        return UNSPECIFIED
    category = law.data.categories.get(code)
    source = law.data.sources.get(source_code)
    if category is None or source is None or source.id not in category.source_ids:
        return None
    return category.id


def _canonical(header: SyncHeader) -> str:
    """Return the text that equal headers share; kept digests depend on it for ever."""
    scope = ",".join(f"{source_id}/{category_id}" for source_id, category_id in header.scope)
    kind = "SNAPSHOT" if header.snapshot else "DELTA"
    fields = (header.sender_id, kind, header.delta_number, header.as_of, scope)
    return FIELD_SEPARATOR.join(map(str, (*fields, header.declared_records)))


@dataclass(frozen=True, slots=True)
class _RecordError(Exception):
    issue: "pb.RecordIssue.ValueType"
    field: str


class _Texts(NamedTuple):
    """What one record says, in the order of the canonical form."""

    iin: str
    source: str
    category: str
    assigned_on: str
    removed_on: str
    removal_source: str
    removal_reason: str


class Incoming:
    """The records of one sync as they arrive; remembers only counts and a digest."""

    def __init__(
        self,
        run_id: int,
        header: SyncHeader,
        sender_code: str,
        law: Law,
        speaks_for: frozenset[str],
    ) -> None:
        """Begin a sync of a sender, whose client may assign for the sources ``speaks_for``."""
        self._speaks_for = speaks_for
        self.run_id = run_id
        self.header = header
        self.law = law
        self.staging: asyncio.Task[None] | None = None
        """What brings the last chunk into the store."""
        self.received = 0
        self.rejected = 0
        self._sender_code = sender_code
        self._scope = set(header.scope)
        self._plain: dict[tuple[str, ...], tuple[int, int, int, int | None, int | None, str | None]]
        self._plain = {}
        self._digest = sha256(_canonical(header).encode())

    async def staged(self) -> None:
        """Wait until what was read is in the store; raise what went wrong with it."""
        if self.staging is not None:
            await asyncio.shield(self.staging)

    @property
    def content(self) -> bytes:
        """The digest of header and records so far."""
        return self._digest.digest()

    def read(
        self, records: Sequence[pb.CategoryRecord]
    ) -> tuple[list[CategoryRecord], list[int], list[pb.RejectedRecord]]:
        """Return usable records, the people to protect from closing, and the rejected records."""
        columns = [list(map(attrgetter(name), records)) for name in _Texts._fields]
        # A clean text holds no separator, so no two records share a form.
        lines = zip(
            repeat(ROW_START), *map(clean_all, columns), strict=False
        )  # the first has no end
        self._digest.update("".join(map(FIELD_SEPARATOR.join, lines)).encode())
        usable: list[CategoryRecord] = []
        protected: list[int] = []
        rejected: list[pb.RejectedRecord] = []
        iins = parse_iins(columns[0])
        for iin, texts in zip(iins, map(_Texts._make, zip(*columns, strict=True)), strict=True):
            self.received += 1
            # Nearly all records are of a kind that was seen before.
            plain = self._plain.get(texts[1:])
            if plain is not None and iin is not None:
                usable.append(CategoryRecord(iin, *plain))
                continue
            try:
                record = self._record(iin, texts)
            except _RecordError as error:
                self.rejected += 1
                rejected.append(
                    pb.RejectedRecord(record_no=self.received, issue=error.issue, field=error.field)
                )
                if iin is not None:
                    protected.append(iin)
            else:
                if len(self._plain) < KINDS_KEPT_MAX:
                    self._plain[texts[1:]] = record[1:]
                usable.append(record)
        return usable, protected, rejected

    def _record(self, iin: int | None, record: "_Texts") -> CategoryRecord:
        if iin is None:
            raise _RecordError(pb.RECORD_ISSUE_IIN, "iin")
        source_code = record.source or self._sender_code
        if source_code == SERVICES != self._sender_code:
            # Lest the counts of what was known already tell others whom the services named.
            raise _RecordError(pb.RECORD_ISSUE_SOURCE, "source")
        source = self._source(source_code, pb.RECORD_ISSUE_SOURCE, "source")
        if source_code not in self._speaks_for:
            raise _RecordError(pb.RECORD_ISSUE_SOURCE, "source")
        category_id = _category_id(self.law, source_code, record.category)
        if category_id is None:
            raise _RecordError(pb.RECORD_ISSUE_CATEGORY, "category")
        if self.header.snapshot and (source.id, category_id) not in self._scope:
            raise _RecordError(pb.RECORD_ISSUE_SCOPE, "category")
        removed_on = self._day(record.removed_on, pb.RECORD_ISSUE_REMOVED_ON, "removed_on")
        assigned_on = self._day(record.assigned_on, pb.RECORD_ISSUE_ASSIGNED_ON, "assigned_on")
        if assigned_on is None and removed_on is None:
            raise _RecordError(pb.RECORD_ISSUE_ASSIGNED_ON, "assigned_on")
        removal_source_id, reason = self._removal(record, removed=removed_on is not None)
        removal_day = removed_on.toordinal() if removed_on else None
        return CategoryRecord(
            iin,
            source.id,
            category_id,
            assigned_on.toordinal() if assigned_on else -(removal_day or 0),
            removal_day,
            removal_source_id,
            reason,
        )

    def _removal(self, record: "_Texts", *, removed: bool) -> tuple[int | None, str | None]:
        reason = clean(record.removal_reason)
        if len(reason) > REMOVAL_REASON_MAX:
            raise _RecordError(pb.RECORD_ISSUE_REMOVAL, "removal_reason")
        if not removed:
            if record.removal_source or reason:
                raise _RecordError(pb.RECORD_ISSUE_REMOVED_ON, "removed_on")
            return None, None
        code = record.removal_source or self._sender_code
        return self._source(code, pb.RECORD_ISSUE_REMOVAL, "removal_source").id, reason or None

    def _source(self, code: str, issue: "pb.RecordIssue.ValueType", field: str) -> Source:
        source = self.law.data.sources.get(code)
        if source is None or "CATEGORIES" not in source.feeds:
            raise _RecordError(issue, field)
        return source

    def _day(self, text: str, issue: "pb.RecordIssue.ValueType", field: str) -> date | None:
        if not text:
            return None
        try:
            return parse_date(text)
        except ValueError:
            raise _RecordError(issue, field) from None
