"""Rebuilds of the ledgers: compared with their facts page by page, and mended where they differ.

A page is compared without a lock. Only who differs there is compared again under the write lock,
and replaced: a register committed meanwhile is among the facts then, and one that comes later
finds the mended ledger. So there is no second copy of the ledgers to fill, to keep up with what
is committed and to exchange, and a store that is right is never kept from writing.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import astuple, dataclass, replace

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.engines import bulk_insert
from osms_storage.errors import LawChangedError
from osms_storage.ledgers import CoverPolicy, write_ledgers
from osms_storage.reference import ReferenceData, newest_reference_revision
from osms_storage.schema import ledger, rebuild
from osms_storage.store import Store, newest_revision
from osms_storage.verification import differing_ledgers, verify_ledgers

LEDGER = "LEDGER"
_COLUMNS = ("projection", "reference_revision", "done_through", "people", "differed")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild has come, with what was done before it was interrupted."""

    reference_revision: int
    """The law it works by."""
    done_through: int = -1
    """Everybody up to this IIN is done."""
    people: int = 0
    differed: int = 0
    """Ledgers that were not what their facts make, and were replaced."""


async def count_ledgers(store: Store) -> int:
    """Return how many ledgers there are."""
    async with store.reading() as connection:
        return await connection.scalar(select(func.count()).select_from(ledger)) or 0


async def newest_law(store: Store) -> int:
    """Return the revision of the newest reference data."""
    async with store.reading() as connection:
        return await _newest_law(connection)


async def _newest_law(connection: AsyncConnection) -> int:
    number, _ = await newest_revision(connection)
    return await newest_reference_revision(connection, number)


async def rebuild_ledgers(
    store: Store,
    data: ReferenceData,
    policy: CoverPolicy,
    reference_revision: int,
    *,
    dry_run: bool = False,
) -> AsyncIterator[Progress]:
    """Mend every ledger that differs from its facts; yield where it stands, at first and by page.

    Goes on where a rebuild by the same law was interrupted; a dry run begins at the first ledger
    and writes nothing. Raises LawChangedError if the law is not the store's newest one, also when
    that comes while it runs.
    """
    progress = Progress(reference_revision)
    if not dry_run:
        progress = await _interrupted(store, progress)
    yield progress
    async for page in verify_ledgers(store, data, policy, after=progress.done_through):
        progress = replace(progress, done_through=page.last, people=progress.people + page.people)
        if dry_run:
            progress = replace(progress, differed=progress.differed + len(page.wrong))
        else:
            async with store.writing("REBUILD") as unit:
                if await _newest_law(unit.connection) != reference_revision:
                    raise LawChangedError
                mended = await _mend(unit.connection, page.wrong, data, policy)
                progress = replace(progress, differed=progress.differed + mended)
                await _keep(unit.connection, progress)
        yield progress
    if not dry_run:
        async with store.writing("REBUILD") as unit:
            await unit.connection.execute(delete(rebuild).where(rebuild.c.projection == LEDGER))


async def _mend(
    connection: AsyncConnection, suspects: Sequence[int], data: ReferenceData, policy: CoverPolicy
) -> int:
    """Replace the ledgers that still differ, now that nobody else writes; return how many."""
    if not suspects:
        return 0
    wrong = await differing_ledgers(connection, suspects, data, policy)
    await write_ledgers(connection, wrong)
    return len(wrong)


async def _interrupted(store: Store, begun: Progress) -> Progress:
    async with store.reading() as connection:
        row = (
            await connection.execute(
                select(rebuild.c.done_through, rebuild.c.people, rebuild.c.differed).where(
                    rebuild.c.projection == LEDGER,
                    rebuild.c.reference_revision == begun.reference_revision,
                )
            )
        ).first()
    return begun if row is None else Progress(begun.reference_revision, *row)


async def _keep(connection: AsyncConnection, progress: Progress) -> None:
    row = (LEDGER, *astuple(progress))
    await bulk_insert(connection, rebuild, _COLUMNS, [row], update=_COLUMNS[1:])
