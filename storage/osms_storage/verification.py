"""Proof that every ledger is what its facts make it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from osms_storage.ledgers import CoverPolicy, people_after, read_ledgers, replay_ledgers
from osms_storage.reference import ReferenceData
from osms_storage.store import Store


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
            people = await people_after(connection, last)
            if not people:
                return
            kept = await read_ledgers(connection, people)
            made = await replay_ledgers(connection, people, data, policy)
        wrong = tuple(iin for iin in people if kept.get(iin) != made.get(iin))
        yield VerifiedPage(len(people), wrong)
        last = people[-1]
