"""Calls of CategoryService: feeds of categories, and how fresh they are."""

from collections.abc import AsyncIterable, Callable, Iterable

from osms.v1 import category_service_pb2 as pb
from osms_client.asynchronous.connection import Connection
from osms_client.asynchronous.stream import chunks, converse
from osms_client.categories import (
    Assignment,
    Category,
    CategoryRecord,
    RejectedRecord,
    SourceFeed,
    SyncHeader,
    SyncResult,
)
from osms_client.eligibility import KnownAt
from osms_client.talks import SYNC_CHUNK_RECORDS, SyncTalk
from osms_client.wire import categories


class CategoryCalls(Connection):
    """For whom the state pays, who is exempt, who died."""

    async def sync(
        self,
        header: SyncHeader,
        records: Iterable[CategoryRecord] | AsyncIterable[CategoryRecord],
        *,
        on_rejected: Callable[[RejectedRecord], object] | None = None,
        timeout_s: float | None = None,
    ) -> SyncResult:
        """Send one delta or snapshot and return what became of it, once it is durable.

        Records are read as they are sent. Rejected ones go to ``on_rejected`` as they are found;
        the result keeps the first 1,000. Nothing of a sync that raises counts; the same one again
        is harmless: ALREADY_APPLIED.
        """
        results = converse(
            self._open.categories.SyncCategories,
            SyncTalk(header, on_rejected),
            chunks(records, SYNC_CHUNK_RECORDS),
            silence_s=self._deadlines.sync_silence_s,
            timeout_s=timeout_s,
        )
        return [result async for result in results][-1]

    async def release_held_snapshot(
        self, run_id: int, *, operator_reason: str, timeout_s: float | None = None
    ) -> SyncResult:
        """Apply a held snapshot after a person has looked at it; counts are taken anew."""
        return await self._call(
            self._open.categories.ReleaseHeldSnapshot,
            categories.release_request(run_id, operator_reason=operator_reason),
            categories.release_result,
            timeout_s or self._deadlines.sync_silence_s,
        )

    async def list_sources(self, *, timeout_s: float | None = None) -> tuple[SourceFeed, ...]:
        """Return every feed of every source, how fresh it is, and what of it is held."""
        return await self._call(
            self._open.categories.ListSources,
            pb.ListSourcesRequest(),
            categories.source_feeds,
            timeout_s or self._deadlines.call_s,
        )

    async def list_categories(self, *, timeout_s: float | None = None) -> tuple[Category, ...]:
        """Return the categories of the reference data."""
        return await self._call(
            self._open.categories.ListCategories,
            pb.ListCategoriesRequest(),
            categories.categories,
            timeout_s or self._deadlines.call_s,
        )

    async def list_assignments(
        self, iin: str, *, known: KnownAt = None, timeout_s: float | None = None
    ) -> tuple[Assignment, ...]:
        """Return the spans during which the state pays for a person, or care is paid on a visit."""
        return await self._call(
            self._open.categories.ListAssignments,
            categories.assignments_request(iin, known),
            categories.assignments,
            timeout_s or self._deadlines.call_s,
        )
