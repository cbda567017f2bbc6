"""CategoryService: syncs in, and how fresh every source is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from sqlalchemy.ext.asyncio import AsyncConnection

from osms.v1 import access_record_pb2, category_service_pb2_grpc, core_pb2
from osms.v1 import category_service_pb2 as pb
from osms.values import almaty_date
from osms_server import assignments, category_messages
from osms_server.access.recorder import Recorder
from osms_server.errors import Reason, RequestError, limit_exceeded
from osms_server.fields import Fields
from osms_server.identity import current_caller
from osms_server.identity.callers import shown_deliveries, shown_everything
from osms_server.identity.rights import check_sender
from osms_server.inquiry import Inquiry
from osms_server.law import Law, Laws
from osms_server.logs import logger, places
from osms_server.meter import Meter
from osms_server.settings import Settings
from osms_server.sync import DECEASED, Incoming, read_header
from osms_storage import categories, syncs
from osms_storage.category_records import ShrinkGuard, SyncHeader, SyncResult
from osms_storage.comparison import Comparison, compare_delta, compare_snapshot
from osms_storage.errors import OutdatedComparisonError, StoreError, StoreUnavailableError
from osms_storage.feeds import held_runs, read_feeds
from osms_storage.store import Store, Unit

_log = logger(__name__)

DELTA_NUMBERS_AHEAD_MAX = 1_000
"""How far a snapshot may move its sender's delta number on."""
OPERATOR_REASON_MAX = 500
COMPARISONS_MAX = 5
"""How often a snapshot is compared while other gateways go on applying syncs."""
ASSIGNMENTS_MAX = 1_000

Context = grpc.aio.ServicerContext[Any, Any]


class CategoryServicer(category_service_pb2_grpc.CategoryServiceServicer):
    """Takes syncs, releases held ones, and lists what is known."""

    def __init__(
        self,
        store: Store,
        laws: Laws,
        inquiry: Inquiry,
        settings: Settings,
        recorder: Recorder,
        meter: Meter,
    ) -> None:
        self._store = store
        self._laws = laws
        self._settings = settings
        self._inquiry = inquiry
        self._recorder = recorder
        self._meter = meter
        # A sync that comes while another is compared and applied waits, then is judged.
        self._applying = asyncio.Lock()
        self._guard = ShrinkGuard(settings.snapshot_close_share_max, settings.snapshot_close_min)

    async def SyncCategories(
        self, request_iterator: AsyncIterator[pb.SyncCategoriesRequest], context: Context
    ) -> AsyncIterator[pb.SyncCategoriesResponse]:
        """Stage the chunks of a sync, and apply it at its commit."""
        incoming: Incoming | None = None
        try:
            async for request in request_iterator:
                part = request.WhichOneof("part")
                expected = ("header",) if incoming is None else ("chunk", "commit")
                if part not in expected:
                    raise _out_of_order(" or ".join(expected))
                if incoming is None:
                    incoming = await self._open(request.header)
                elif part == "chunk":
                    rejected = await self._stage(incoming, request.chunk)
                    if rejected:
                        yield pb.SyncCategoriesResponse(rejected=rejected)
                else:
                    # From here on the sync is the commit's, whether the client waits for it or not.
                    run, incoming = incoming, None
                    result = await self._store.finish(self._commit(run))
                    yield pb.SyncCategoriesResponse(
                        result=category_messages.sync_result(result, await self._law())
                    )
            if incoming is not None:
                raise _out_of_order("chunk or commit")
        finally:
            if incoming is not None:
                # Also when the client went away, which cancels this call but not the clean-up.
                await self._store.finish(self._discard(incoming.run_id))

    async def _discard(self, run_id: int) -> None:
        """Forget a sync; what fails here is collected later, and must not hide why it ended."""
        try:
            await syncs.discard_run(self._store, run_id)
        except StoreError as exc:
            _log.warning("sync not discarded", run_id=run_id, places=places(exc))
        self.begin_sweep()

    def begin_sweep(self) -> None:
        """Begin to drop what syncs left that ended, of this gateway or of one that was killed."""
        self._store.begin(self._sweep())

    async def _sweep(self) -> None:
        try:
            await syncs.sweep(self._store)
        except StoreError as exc:
            _log.warning("staging not swept", places=places(exc))

    async def _law(self) -> Law:
        return await self._laws.newest()

    async def _open(self, header: pb.SyncHeader) -> Incoming:
        check_sender(header.sender)
        for scope in header.scope:
            check_sender(scope.source)
        law = await self._law()
        checked = read_header(header, law, almaty_date(self._store.clock()))
        run_id = await self._store.finish(syncs.open_run(self._store, checked))
        return Incoming(run_id, checked, header.sender, law, current_caller().sources)

    async def _stage(self, incoming: Incoming, chunk: pb.SyncChunk) -> list[pb.RejectedRecord]:
        limit = self._settings.chunk_records_max
        if len(chunk.records) > limit:
            raise limit_exceeded("chunk_records_max", limit, "records")
        usable, protected, rejected = incoming.read(chunk.records)
        if incoming.received > incoming.header.declared_records:
            raise _count_mismatch(incoming)
        # A chunk is written while the next one is read.
        await incoming.staged()
        if usable or protected:
            staged = syncs.stage_records(self._store, incoming.run_id, usable, protected)
            incoming.staging = self._store.begin(staged)
        return rejected

    async def _commit(self, incoming: Incoming) -> SyncResult:
        """Apply a sync, or hold it, or tell its first result; what is not kept is discarded."""
        try:
            if incoming.received != incoming.header.declared_records:
                raise _count_mismatch(incoming)
            await incoming.staged()
            async with self._applying:
                if incoming.header.snapshot:
                    return await self._commit_snapshot(incoming)
                return await self._commit_delta(incoming)
        finally:
            # One that was applied or held stays.
            await self._discard(incoming.run_id)

    async def _commit_delta(self, incoming: Incoming) -> SyncResult:
        async with self._store.writing("DELTA") as unit:
            known = await self._judge(unit.connection, incoming)
            if known is not None:
                return known
            comparison = await compare_delta(unit.connection, incoming.run_id, incoming.header)
            result = await self._apply(unit, incoming, comparison)
        return syncs.recorded(result, unit)

    async def _commit_snapshot(self, incoming: Incoming) -> SyncResult:
        async with self._store.deciding() as connection:
            known = await self._judge(connection, incoming)
        if known is not None:
            return known

        async def apply(unit: Unit, comparison: Comparison) -> SyncResult:
            known = await self._judge(unit.connection, incoming)
            return known or await self._apply(unit, incoming, comparison)

        return await self._compared(incoming.run_id, incoming.header, incoming.law, apply)

    async def _apply(self, unit: Unit, incoming: Incoming, comparison: Comparison) -> SyncResult:
        return await categories.apply_run(
            unit,
            incoming.run_id,
            incoming.header,
            comparison,
            content=incoming.content,
            counts=(incoming.received, incoming.rejected),
            data=incoming.law.data,
            guard=self._guard,
        )

    async def _compared(
        self,
        run_id: int,
        header: SyncHeader,
        law: Law,
        apply: Callable[[Unit, Comparison], Awaitable[SyncResult]],
    ) -> SyncResult:
        """Compare a snapshot and apply it; again, if another gateway applied a sync meanwhile."""
        unclosable = _unclosable(header, law)
        for _ in range(COMPARISONS_MAX):
            comparison = await compare_snapshot(self._store, run_id, header, unclosable)
            try:
                async with self._store.writing("SNAPSHOT") as unit:
                    result = await apply(unit, comparison)
                return syncs.recorded(result, unit)
            except OutdatedComparisonError:
                _log.info("snapshot compared again", run_id=run_id)
        raise StoreUnavailableError("Other gateways go on applying syncs.")

    async def _judge(self, connection: AsyncConnection, incoming: Incoming) -> SyncResult | None:
        """Return the first result of a sync that was applied before; raise if it may not be."""
        header, content = incoming.header, incoming.content
        applied = await syncs.find_applied(connection, header, content)
        if applied is not None:
            if applied.content == content:
                return applied.result
            raise RequestError(
                Reason.ERROR_REASON_DELTA_CONFLICT,
                "This delta number was applied before with other content.",
                {
                    "sender": incoming.law.data.source_codes[header.sender_id],
                    "delta_number": str(header.delta_number),
                    "differs_in": "records" if applied.as_of == header.as_of else "as_of",
                },
            )
        if header.snapshot:
            await self._judge_snapshot(connection, header, incoming.law)
            return None
        expected = await syncs.last_delta_number(connection, header.sender_id) + 1
        if header.delta_number != expected:
            raise RequestError(
                Reason.ERROR_REASON_SEQUENCE_GAP,
                "This is not the delta that comes next.",
                {
                    "sender": incoming.law.data.source_codes[header.sender_id],
                    "expected_delta_number": str(expected),
                    "delta_number": str(header.delta_number),
                },
            )
        return None

    async def _judge_snapshot(
        self, connection: AsyncConnection, header: SyncHeader, law: Law
    ) -> None:
        number = await syncs.last_delta_number(connection, header.sender_id)
        if header.delta_number > number + DELTA_NUMBERS_AHEAD_MAX:
            # A mistyped number would leave the sender without a next delta.
            fields = Fields()
            limit = number + DELTA_NUMBERS_AHEAD_MAX
            fields.violate("header.delta_number", f"must be at most {limit}")
            fields.check()
        last = await syncs.last_snapshot_of(connection, header.scope)
        if last is not None and last[1] > header.as_of:
            raise RequestError(
                Reason.ERROR_REASON_SNAPSHOT_OUTDATED,
                "A newer snapshot of this scope was applied.",
                {
                    "scope": category_messages.scope_name(law, last[0]),
                    "last_as_of": last[1].isoformat(),
                    "as_of": header.as_of.isoformat(),
                },
            )

    async def ReleaseHeldSnapshot(
        self, request: pb.ReleaseHeldSnapshotRequest, context: Context
    ) -> pb.ReleaseHeldSnapshotResponse:
        """Apply a held snapshot against the state of now."""
        fields = Fields()
        reason = fields.text(
            request.operator_reason, "operator_reason", most=OPERATOR_REASON_MAX, required=True
        )
        fields.check()
        return await self._store.finish(self._release(request.run_id, reason))

    async def _release(self, run_id: int, reason: str) -> pb.ReleaseHeldSnapshotResponse:
        law = await self._law()

        async def apply(unit: Unit, comparison: Comparison) -> SyncResult:
            header, content, counts = await _held(unit.connection, run_id)
            return await categories.apply_run(
                unit,
                run_id,
                header,
                comparison,
                content=content,
                counts=counts,
                data=law.data,
                guard=None,
                operator_reason=reason,
            )

        async with self._applying:
            async with self._store.deciding() as connection:
                header, _, _ = await _held(connection, run_id)
            result = await self._compared(run_id, header, law, apply)
        self.begin_sweep()
        return pb.ReleaseHeldSnapshotResponse(result=category_messages.sync_result(result, law))

    async def ListSources(
        self, request: pb.ListSourcesRequest, context: Context
    ) -> pb.ListSourcesResponse:
        """List every feed with its freshness; what it delivered only to those who may know."""
        law = await self._law()
        now = self._store.clock()
        async with self._store.reading(newest=True) as connection:
            feeds = await read_feeds(connection)
            held = await held_runs(connection)
            numbers = {
                source.id: await syncs.last_delta_number(connection, source.id)
                for source in law.data.sources.values()
            }
        response = pb.ListSourcesResponse()
        for state in law.feed_states(feeds, now):
            source_id = law.data.sources[state.source].id
            shown = state.kind != "CATEGORIES" or shown_deliveries(state.source)
            entry = category_messages.source_feed(state, law, delivered=shown)
            if state.kind == "CATEGORIES" and shown:
                entry.next_delta_number = numbers[source_id] + 1
                entry.held_run_ids.extend(held.get(source_id, []))
            response.feeds.append(entry)
        return response

    async def ListCategories(
        self, request: pb.ListCategoriesRequest, context: Context
    ) -> pb.ListCategoriesResponse:
        """List the categories of the reference data, restricted ones only to who may know."""
        law = await self._law()
        everything = shown_everything()
        return pb.ListCategoriesResponse(
            categories=[
                category_messages.category(code, category, law)
                for code, category in sorted(law.data.categories.items())
                if everything or not category.restricted
            ]
        )

    async def ListAssignments(
        self, request: pb.ListAssignmentsRequest, context: Context
    ) -> pb.ListAssignmentsResponse:
        """List one person's spans, and of which categories as far as the caller may know."""
        self._meter.single(core_pb2.PURPOSE_UNSPECIFIED)
        now = self._store.clock()
        fields = Fields()
        iin = fields.iin(request.iin)
        known = fields.known(request.known, now)
        fields.check()
        view = await self._inquiry.view([iin], known, now)
        await self._recorder.one(
            access_record_pb2.ACCESS_KIND_ASSIGNMENTS, iin, revision=view.moment.revision
        )
        return pb.ListAssignmentsResponse(
            assignments=assignments.of_person(view, iin)[:ASSIGNMENTS_MAX]
        )


async def _held(
    connection: AsyncConnection, run_id: int
) -> tuple[SyncHeader, bytes, tuple[int, int]]:
    held = await syncs.find_held(connection, run_id)
    if held is None:
        raise RequestError(
            Reason.ERROR_REASON_HELD_SNAPSHOT_NOT_FOUND,
            "No snapshot with this run id is held.",
            {"run_id": str(run_id)},
        )
    return held


def _out_of_order(expected: str) -> RequestError:
    return RequestError(
        Reason.ERROR_REASON_STREAM_OUT_OF_ORDER,
        "A sync is a header, chunks, and a commit.",
        {"expected": expected},
    )


def _count_mismatch(incoming: Incoming) -> RequestError:
    return RequestError(
        Reason.ERROR_REASON_RECORD_COUNT_MISMATCH,
        "The records received are not as many as declared.",
        {
            "declared_records": str(incoming.header.declared_records),
            "received_records": str(incoming.received),
        },
    )


def _unclosable(header: SyncHeader, law: Law) -> list[tuple[int, int]]:
    """Return the parts of a scope that no snapshot closes: the dead stay dead."""
    return [part for part in header.scope if law.data.kind(*part) == DECEASED]
