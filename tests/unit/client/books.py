"""Books behind the fake gateway: registers committed once, lines suspended and resolved."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc

from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from osms.values import parse_iin
from tests.unit.client.fake import FakeGateway, abort

Key = tuple[str, str]


@dataclass
class Books:
    """Commits what is sent; a row with a wrong IIN is suspended; totals must match."""

    registers: dict[Key, list[Any]] = field(default_factory=dict)
    heads: dict[Key, Any] = field(default_factory=dict)
    resolved: dict[tuple[str, str, int], Any] = field(default_factory=dict)
    syncs: list[tuple[Any, list[Any]]] = field(default_factory=list)
    break_after: int | None = None
    """Registers after which the stream is cut, as by a crash."""

    def keep(self, fake: FakeGateway) -> FakeGateway:
        """Answer for a fake gateway."""
        fake.on("IngestRegisters", self.ingest)
        fake.on("GetRegister", self.get)
        fake.on("ListSuspense", self.suspense)
        fake.on("ResolveSuspense", self.resolve)
        fake.on("SyncCategories", self.sync)
        return fake

    def ingest(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        """Commit registers."""
        rows: list[Any] = []
        head: Any = None
        for answered, request in enumerate(requests, start=1):
            head = head or request.register
            rows += request.register.rows
            if not request.more_follows:
                yield pb.IngestRegistersResponse(result=self._commit(head, rows))
                head, rows = None, []
                if answered == self.break_after:
                    abort(context, grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN", retry_after_s=1)

    def _commit(self, head: Any, rows: list[Any]) -> Any:
        key = (head.source, head.reference)
        result = pb.RegisterResult(source=head.source, reference=head.reference, revision=7)
        counted = sum(row.amount_tiyn for row in rows)
        if counted != head.declared.amount_tiyn:
            result.revision = 0
            result.outcome = pb.REGISTER_OUTCOME_REFUSED
            result.refusal = pb.REGISTER_REFUSAL_TOTALS_MISMATCH
            result.field = "declared.amount_tiyn"
            result.declared, result.counted = str(head.declared.amount_tiyn), str(counted)
            return result
        known = key in self.registers
        result.outcome = (
            pb.REGISTER_OUTCOME_ALREADY_COMMITTED if known else pb.REGISTER_OUTCOME_COMMITTED
        )
        self.registers.setdefault(key, rows)
        self.heads.setdefault(key, head)
        bad = [row for row in rows if not _valid(row.iin)]
        result.suspended.CopyFrom(_totals(bad))
        result.accepted.CopyFrom(_totals([row for row in rows if _valid(row.iin)]))
        for row in bad:
            result.suspended_lines.add(
                line_no=row.line_no, issue=pb.LINE_ISSUE_IIN_MALFORMED, field="iin"
            )
        return result

    def in_suspense(self, key: Key) -> list[Any]:
        """Return a register's rows in suspense now."""
        return [
            row
            for row in self.registers[key]
            if not _valid(row.iin) and (*key, row.line_no) not in self.resolved
        ]

    def get(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return a register as it stands."""
        key = (request.source, request.reference)
        head = self.heads[key]
        summary = pb.RegisterSummary(
            source=head.source,
            reference=head.reference,
            received_on=head.received_on,
            payer=head.payer,
            purpose_code=head.purpose_code,
            declared=head.declared,
            total=_totals(self.registers[key]),
            suspended=_totals(self.in_suspense(key)),
        )
        return pb.GetRegisterResponse(register=summary)

    def suspense(self, request: Any, context: grpc.ServicerContext) -> Any:
        """List a register's lines in suspense, one a page."""
        key = (request.source, request.reference)
        start = int(request.page_token or 0)
        rows = self.in_suspense(key)
        line = [
            pb.SuspendedRow(
                source=key[0],
                reference=key[1],
                row=row,
                issue=pb.LINE_ISSUE_IIN_MALFORMED,
                field="iin",
                state=pb.SUSPENSE_STATE_SUSPENDED,
                received_on=self.heads[key].received_on,
            )
            for row in rows[start : start + 1]
        ]
        more = str(start + 1) if start + 1 < len(rows) else ""
        return pb.ListSuspenseResponse(rows=line, next_page_token=more)

    def resolve(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Correct and refund lines."""
        response = pb.ResolveSuspenseResponse(revision=9)
        for resolution in request.resolutions:
            key = (resolution.source, resolution.reference, resolution.line_no)
            if self.resolved.get(key) == resolution:
                outcome = pb.RESOLUTION_OUTCOME_ALREADY_RESOLVED
            elif resolution.refund or _valid(resolution.correction.iin):
                self.resolved[key] = resolution
                outcome = pb.RESOLUTION_OUTCOME_RESOLVED
            else:
                outcome = pb.RESOLUTION_OUTCOME_STILL_INVALID
            response.results.add(outcome=outcome)
        return response

    def sync(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        """Apply a sync; the same again is known."""
        header = next(requests).header
        records = [record for request in requests for record in request.chunk.records]
        if len(records) != header.declared_records:
            abort(context, grpc.StatusCode.INVALID_ARGUMENT, "RECORD_COUNT_MISMATCH")
        known = (header, records) in self.syncs
        self.syncs.append((header, records))
        bad = [number for number, record in enumerate(records, 1) if not _valid(record.iin)]
        outcome = (
            category_pb.SYNC_OUTCOME_ALREADY_APPLIED if known else category_pb.SYNC_OUTCOME_APPLIED
        )
        rejected = [
            category_pb.RejectedRecord(
                record_no=number, issue=category_pb.RECORD_ISSUE_IIN, field="iin"
            )
            for number in bad
        ]
        result = category_pb.SyncResult(outcome=outcome, records=len(records), rejected=len(bad))
        yield category_pb.SyncCategoriesResponse(rejected=rejected, result=result)


def _totals(rows: list[Any]) -> core_pb2.RowTotals:
    return core_pb2.RowTotals(rows=len(rows), amount_tiyn=sum(row.amount_tiyn for row in rows))


def _valid(iin: str) -> bool:
    try:
        parse_iin(iin)
    except ValueError:
        return False
    return True
