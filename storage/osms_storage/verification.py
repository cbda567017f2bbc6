"""Proof that every ledger is what its facts make it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.ledgers import CoverPolicy, read_ledgers, replay_ledgers
from osms_storage.reference import ReferenceData
from osms_storage.schema import assignment, ledger, payment
from osms_storage.store import Store

PAGE_PEOPLE = 5_000


@dataclass(frozen=True, slots=True)
class VerifiedPage:
    """Some people whose ledgers were compared, ascending by IIN."""

    people: int
    wrong: tuple[int, ...]
    """IINs whose ledger differs from the one their facts make."""


async def verify_ledgers(
    store: Store, data: ReferenceData, policy: CoverPolicy
) -> AsyncIterator[VerifiedPage]:
    """Compare every ledger with one made anew from the facts, page by page.

    Each page is read at one moment, so a store may be verified while it serves.
    """
    last = -1
    while True:
        async with store.reading() as connection:
            people = await _people_after(connection, last)
            if not people:
                return
            kept = await read_ledgers(connection, people)
            made = await replay_ledgers(connection, people, data, policy)
        wrong = tuple(iin for iin in people if kept.get(iin) != made.get(iin))
        yield VerifiedPage(len(people), wrong)
        last = people[-1]


async def _people_after(connection: AsyncConnection, last: int) -> list[int]:
    parts = [
        select(
            select(table.c.iin)
            .where(table.c.iin > last)
            .distinct()
            .order_by(table.c.iin)
            .limit(PAGE_PEOPLE)
            .subquery()
            .c.iin
        )
        for table in (ledger, payment, assignment)
    ]
    everyone = union_all(*parts).subquery()
    rows = await connection.scalars(
        select(everyone.c.iin).distinct().order_by(everyone.c.iin).limit(PAGE_PEOPLE)
    )
    return list(rows)
