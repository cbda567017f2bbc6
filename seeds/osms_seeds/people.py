"""The people: made up one after the other, each from the seed and the own index alone."""

from collections.abc import Iterator
from random import Random

from osms_seeds.archetypes import DECK, deal
from osms_seeds.employers import BLOCK, SIZES, employers
from osms_seeds.facts import Person
from osms_seeds.identity import PEOPLE_MAX, SERIALS, Slots
from osms_seeds.names import name
from osms_seeds.timetable import Timetable


class TooManyPeopleError(ValueError):
    """More people than there are numbers for."""


def generate(count: int, seed: int, time: Timetable) -> Iterator[Person]:
    """Yield people 0 to count - 1; the first of many are the same as the first of few.

    Raises TooManyPeopleError above PEOPLE_MAX.
    """
    if count > PEOPLE_MAX:
        raise TooManyPeopleError(count)
    slots = slots_of_archetypes(time)
    for index in range(count):
        yield _person(index, seed, time, slots)


def slots_of_archetypes(time: Timetable) -> tuple[Slots, ...]:
    """Return the numbers of each archetype of the deck; their serials do not overlap."""
    slots: list[Slots] = []
    next_serial = 0
    for archetype in DECK:
        members = PEOPLE_MAX * archetype.per_mille // 1000
        slots.append(Slots.for_members(members, archetype.births(time), next_serial))
        next_serial = slots[-1].next_serial
    assert next_serial <= SERIALS
    return tuple(slots)


def _person(index: int, seed: int, time: Timetable, slots: tuple[Slots, ...]) -> Person:
    position, rank = deal(seed, index)
    archetype = DECK[position]
    born, sex, iin = slots[position].take(rank, seed)
    rng = Random(f"{seed}/{index}")
    payers = employers(seed, index // BLOCK)
    employer, other_employer = rng.choices(payers, SIZES)[0], payers[0]
    if employer is other_employer:
        other_employer = payers[1]
    person = Person(
        index, archetype.name, rng, time, iin, sex, born, name(rng, sex), employer, other_employer
    )
    archetype.story(person)
    return person
