"""Proof that every ledger is what its facts make it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.ledgers import (
    EVERYBODY,
    StoredLedger,
    encode,
    people_after,
    read_stored,
    replay_ledgers,
)
from osms_storage.projection import CoverPolicy
from osms_storage.reference import ReferenceData
from osms_storage.store import Store


@dataclass(frozen=True, slots=True)
class VerifiedPage:
    """Some people whose ledgers were compared, ascending by IIN."""

    people: int
    last: int
    """The last one's IIN."""
    wrong: tuple[int, ...]
    """IINs whose ledger differs from the one their facts make."""


async def verify_ledgers(
    store: Store,
    data: ReferenceData,
    policy: CoverPolicy,
    *,
    after: int = -1,
    upto: int = EVERYBODY,
) -> AsyncIterator[VerifiedPage]:
    """Compare every ledger with one made anew from the facts, page by page, within a range.

    Each page is read at one moment, so a store may be verified while it serves.
    """
    last = after
    while True:
        async with store.reading() as connection:
            people = await people_after(connection, last, upto)
            if not people:
                return
            wrong = await differing_ledgers(connection, people, data, policy)
        last = people[-1]
        yield VerifiedPage(len(people), last, tuple(wrong))


async def differing_ledgers(
    connection: AsyncConnection, people: Sequence[int], data: ReferenceData, policy: CoverPolicy
) -> dict[int, StoredLedger | None]:
    """Return what the facts make of those whose ledger is another; None: no ledger at all."""
    kept = await read_stored(connection, people)
    replayed = await replay_ledgers(connection, people, data, policy)
    made = {iin: encode(row) for iin, row in replayed.items()}
    return {iin: made.get(iin) for iin in people if kept.get(iin) != made.get(iin)}
