"""Sends a file of categories."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from osms_client.blocking import Gateway
from osms_client.categories import CategoryRecord, RejectedRecord, SyncHeader, SyncResult
from osms_client.loaders.category_file import read_category_file
from osms_client.loaders.errors import FileError
from osms_client.loaders.kinds import FileKind, kind_of
from osms_client.loaders.tables import open_table

_TELL_EVERY_RECORDS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncProgress:
    """How far a sync has come."""

    header: SyncHeader
    """What is sent."""

    records: int
    """Records sent so far, of ``header.declared_records``."""


def sync_file(
    gateway: Gateway,
    path: Path | str,
    *,
    on_rejected: Callable[[RejectedRecord], object] | None = None,
    on_progress: Callable[[SyncProgress], object] | None = None,
) -> SyncResult:
    """Send a category feed (CSV, Parquet) and return what became of it.

    Raises FileError if it cannot be read; then nothing of it counts. A feed with another number
    of records than it declares is sent as it is: the gateway refuses it. The same file again is
    ALREADY_APPLIED. ``on_progress`` is called in another thread.
    """
    path = Path(path)
    if kind_of(path) is FileKind.MT102:
        raise FileError(path, "a category feed; registers are for osms load")
    feed = read_category_file(open_table(path))
    records = feed.records
    if on_progress is not None:
        records = _counted(records, feed.header, on_progress)
    return gateway.sync(feed.header, records, on_rejected=on_rejected)


def _counted(
    records: Iterator[CategoryRecord],
    header: SyncHeader,
    on_progress: Callable[[SyncProgress], object],
) -> Iterator[CategoryRecord]:
    count = 0
    for record in records:
        yield record
        count += 1
        if count % _TELL_EVERY_RECORDS == 0:
            on_progress(SyncProgress(header=header, records=count))
    on_progress(SyncProgress(header=header, records=count))
