"""Which archetypes there are, and who gets which.

A thousand cards are shuffled once by the seed and dealt over and over: person n gets card n modulo
1,000. So the shares are exact, and a person's archetype and its rank among those of the same
archetype are known without looking at anyone else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from osms_seeds.archetypes import births, paying, state_paid, uninsured, uninsured_payers
from osms_seeds.archetypes.births import Births
from osms_seeds.facts import Person
from osms_seeds.timetable import Timetable


@dataclass(frozen=True, slots=True)
class Archetype:
    """A kind of life."""

    story: Callable[[Person], None]
    per_mille: int
    """How many of a thousand people lead it."""
    births: Callable[[Timetable], Births]
    """Between which days they are born."""

    @property
    def name(self) -> str:
        """The name of the story."""
        return self.story.__name__


STATE_PAID = (
    Archetype(state_paid.child, 272, births.children),
    Archetype(state_paid.newborn, 10, births.newborns),
    Archetype(state_paid.student, 84, births.students),
    Archetype(state_paid.pensioner, 126, births.pensioners),
    Archetype(state_paid.disabled, 42, births.adults),
    Archetype(state_paid.on_benefit, 57, births.young_adults),
    Archetype(state_paid.in_service, 8, births.adults),
    Archetype(state_paid.dead_by_mistake, 1, births.pensioners),
)
"""Insured because the state pays, or because they are exempt."""

PAYING = (
    Archetype(paying.steady_employee, 120, births.adults),
    Archetype(paying.independent_payer, 28, births.adults),
    Archetype(paying.two_payers, 6, births.adults),
    Archetype(paying.graduate, 8, births.graduates),
    Archetype(paying.payer_of_arrears, 6, births.adults),
    Archetype(paying.late_healer, 12, births.adults),
    Archetype(paying.stopped_lately, 6, births.adults),
    Archetype(paying.long_payer, 22, births.adults),
    Archetype(paying.prepaid_year, 12, births.adults),
)
"""Insured because contributions were paid."""

UNINSURED = (
    Archetype(uninsured_payers.stopped_long_ago, 40, births.adults),
    Archetype(uninsured.came_of_age, 20, births.of_age_lately),
    Archetype(uninsured_payers.gap_never_paid, 10, births.adults),
    Archetype(uninsured_payers.newcomer, 12, births.adults),
    Archetype(uninsured_payers.almost_long_payer, 3, births.adults),
    Archetype(uninsured_payers.prepaid_too_late, 3, births.adults),
    Archetype(uninsured_payers.prepaid_taken_back, 3, births.adults),
    Archetype(uninsured_payers.wages_taken_back, 3, births.adults),
    Archetype(uninsured_payers.reversed_only, 2, births.adults),
    Archetype(uninsured_payers.penalty_only, 3, births.adults),
    Archetype(uninsured.removed_late, 5, births.adults),
    Archetype(uninsured.removed_before_told, 2, births.adults),
    Archetype(uninsured.missing_in_snapshot, 1, births.pensioners),
    Archetype(uninsured.on_visit, 30, births.adults),
    Archetype(uninsured.reservist, 3, births.adults),
    Archetype(uninsured.deceased, 8, births.pensioners),
    Archetype(uninsured.former_beneficiary, 9, births.adults),
    Archetype(uninsured_payers.only_in_suspense, 2, births.adults),
    Archetype(uninsured.unseen, 21, births.adults),
)
"""Mostly not insured today; those who ceased to be lately may still be covered."""

DECK = (*STATE_PAID, *PAYING, *UNINSURED)
CARDS = sum(archetype.per_mille for archetype in DECK)


def deal(seed: int, index: int) -> tuple[int, int]:
    """Return the position in DECK of a person's archetype, and the rank within it from 0."""
    cards = _shuffled(seed)
    round_, place = divmod(index, CARDS)
    position, rank = cards[place]
    return position, round_ * DECK[position].per_mille + rank


@lru_cache(maxsize=1)
def _shuffled(seed: int) -> tuple[tuple[int, int], ...]:
    """Return all cards in the order dealt: archetype, and which of its cards."""
    cards = [
        (position, rank)
        for position, archetype in enumerate(DECK)
        for rank in range(archetype.per_mille)
    ]
    Random(f"{seed}/deck").shuffle(cards)
    return tuple(cards)
