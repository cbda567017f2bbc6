"""Rebuilds of the ledgers: compared with their facts page by page, and mended where they differ.

A page is compared without a lock. Only who differs there is compared again under the write lock,
and replaced: a register committed meanwhile is among the facts then, and one that comes later
finds the mended ledger. So there is no second copy of the ledgers to fill, to keep up with what
is committed and to exchange, and a store that is right is never kept from writing.

People are split into parts, so that several processes may rebuild at the same time.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import pairwise

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.engines import bulk_insert
from osms_storage.errors import LawChangedError, RebuildEndedError
from osms_storage.ledgers import EVERYBODY, write_ledgers
from osms_storage.projection import CoverPolicy
from osms_storage.reference import ReferenceData, newest_reference_revision
from osms_storage.schema import ledger, rebuild
from osms_storage.store import Store, Unit, newest_revision
from osms_storage.touching import touch
from osms_storage.verification import differing_ledgers, verify_ledgers

LEDGER = "LEDGER"
_COLUMNS = ("projection", "upto", "reference_revision", "done_through", "people", "differed")


@dataclass(frozen=True, slots=True)
class Part:
    """Some people of a rebuild, and how far it has come with them."""

    upto: int
    """The last IIN of the part."""
    reference_revision: int
    """The law it works by."""
    done_through: int
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


async def begin_rebuild(
    store: Store, reference_revision: int, parts: int, *, dry_run: bool = False
) -> list[Part]:
    """Return the parts of a rebuild by a law: of one that was interrupted, else about so many.

    A dry run begins anew and leaves no trace.
    """
    async with store.reading() as connection:
        interrupted = [] if dry_run else await _interrupted(connection, reference_revision)
        if interrupted:
            return interrupted
        bounds = [-1, *await _bounds(connection, parts), EVERYBODY]
    begun = [Part(upto, reference_revision, done_through=after) for after, upto in pairwise(bounds)]
    if not dry_run:
        async with store.writing("REBUILD") as unit:
            await unit.connection.execute(delete(rebuild).where(rebuild.c.projection == LEDGER))
            rows = [(LEDGER, *astuple(part)) for part in begun]
            await bulk_insert(unit.connection, rebuild, _COLUMNS, rows)
    return begun


async def _bounds(connection: AsyncConnection, parts: int) -> list[int]:
    """Return people who split all ledgers into parts of equal size."""
    count = await connection.scalar(select(func.count()).select_from(ledger)) or 0
    bounds: list[int] = []
    last = -1
    while len(bounds) < parts - 1:
        people = select(ledger.c.iin).where(ledger.c.iin > last).order_by(ledger.c.iin)
        bound = await connection.scalar(people.offset(count // parts).limit(1))
        if bound is None:
            break
        bounds.append(bound)
        last = bound
    return bounds


async def rebuild_part(
    store: Store, data: ReferenceData, policy: CoverPolicy, part: Part, *, dry_run: bool = False
) -> AsyncIterator[Part]:
    """Mend every ledger of a part that differs; yield where it stands, at first and by page.

    A dry run writes nothing. Otherwise raises LawChangedError if the law is not the store's newest
    one, also when that comes while it runs, and RebuildEndedError if another process ended the
    rebuild.
    """
    yield part
    pages = verify_ledgers(store, data, policy, after=part.done_through, upto=part.upto)
    async for page in pages:
        part = replace(part, done_through=page.last, people=part.people + page.people)
        if dry_run:
            part = replace(part, differed=part.differed + len(page.wrong))
        else:
            async with store.writing("REBUILD") as unit:
                if await _newest_law(unit.connection) != part.reference_revision:
                    raise LawChangedError
                mended = await _mend(unit, page.wrong, data, policy)
                part = replace(part, differed=part.differed + mended)
                await _keep(unit.connection, part)
        yield part


async def end_rebuild(store: Store) -> None:
    """Forget a rebuild whose parts are all done."""
    async with store.writing("REBUILD") as unit:
        await unit.connection.execute(delete(rebuild).where(rebuild.c.projection == LEDGER))


async def _mend(
    unit: Unit, suspects: Sequence[int], data: ReferenceData, policy: CoverPolicy
) -> int:
    """Replace the ledgers that still differ, now that nobody else writes; return how many."""
    if not suspects:
        return 0
    wrong = await differing_ledgers(unit.connection, suspects, data, policy)
    if wrong:
        await write_ledgers(unit.connection, wrong)
        # Answers change, so they change at a revision of their own.
        await touch(unit.connection, await unit.open_batch("REBUILD"), wrong)
    return len(wrong)


async def _interrupted(connection: AsyncConnection, reference_revision: int) -> list[Part]:
    rows = await connection.execute(
        select(*(rebuild.c[name] for name in _COLUMNS[1:]))
        .where(rebuild.c.projection == LEDGER, rebuild.c.reference_revision == reference_revision)
        .order_by(rebuild.c.upto)
    )
    return [Part(*row) for row in rows]


async def _keep(connection: AsyncConnection, part: Part) -> None:
    kept = await connection.execute(
        update(rebuild)
        .where(rebuild.c.projection == LEDGER, rebuild.c.upto == part.upto)
        .values(done_through=part.done_through, people=part.people, differed=part.differed)
    )
    if not kept.rowcount:
        raise RebuildEndedError
