"""Made-up people: the same for the same seed, different from each other, in fixed shares."""

from collections import Counter
from datetime import date, timedelta
from itertools import islice, pairwise

import pytest

from osms.values import parse_iin
from osms_seeds.archetypes import DECK
from osms_seeds.archetypes.deck import PAYING, STATE_PAID, UNINSURED
from osms_seeds.facts import Person, Status
from osms_seeds.identity import PEOPLE_MAX, SERIALS, Slots
from osms_seeds.names import russify
from osms_seeds.people import TooManyPeopleError, generate, slots_of_archetypes
from osms_seeds.timetable import TODAY_MIN, Timetable, TodayTooEarlyError

TIME = Timetable(date(2026, 12, 31))


def told(person: Person) -> tuple[object, ...]:
    """Return all that is told of a person."""
    facts = (person.payments, person.assignments, person.expectations)
    return (person.iin, person.name, person.born, person.archetype, *facts)


def test_the_same_seed_makes_up_the_same_people() -> None:
    """A person is the same in every run, down to the last payment."""
    assert list(map(told, generate(300, 5, TIME))) == list(map(told, generate(300, 5, TIME)))


def test_another_seed_makes_up_other_people() -> None:
    """Two seeds share no life."""
    pairs = zip(generate(100, 1, TIME), generate(100, 2, TIME), strict=True)
    assert not any(told(one) == told(other) for one, other in pairs)


def test_few_people_are_the_first_of_many() -> None:
    """The first hundred of two hundred people are the hundred of a hundred."""
    first = map(told, islice(generate(200, 5, TIME), 100))
    assert list(first) == list(map(told, generate(100, 5, TIME)))


def test_people_come_one_by_one() -> None:
    """The first of 20 million people is there at once."""
    assert next(generate(PEOPLE_MAX, 1, TIME)).index == 0


def test_more_people_than_numbers_are_refused() -> None:
    """Beyond the last number there is nobody."""
    with pytest.raises(TooManyPeopleError):
        next(generate(PEOPLE_MAX + 1, 1, TIME))


def test_numbers_are_valid_unique_and_say_birth_date_and_sex() -> None:
    """An IIN passes its check digit, is nobody else's, and fits the person."""
    people = list(generate(5_000, 3, TIME))
    assert len({person.iin for person in people}) == len(people)
    for person in people:
        parse_iin(person.iin)
        century = 3 if person.born.year < 2000 else 5
        assert person.iin[:6] == f"{person.born:%y%m%d}"
        assert int(person.iin[6]) == century + (person.sex == "f")


def test_numbers_suffice_and_never_meet_up_to_the_most_people() -> None:
    """Archetypes own different serials, and give each slot out once."""
    slots = slots_of_archetypes(TIME)
    assert slots[-1].next_serial <= SERIALS
    for before, after in pairwise(slots):
        assert before.next_serial == after.first_serial
    small = Slots.for_members(500, (date(2000, 1, 1), date(2000, 1, 31)), 100)
    taken = {small.take(ordinal, 9)[2] for ordinal in range(500)}
    assert len(taken) == 500


def test_shares_of_the_groups() -> None:
    """Of a thousand people 600 are state-paid, 220 pay, 180 are not insured."""
    shares = [
        sum(archetype.per_mille for archetype in group) for group in (STATE_PAID, PAYING, UNINSURED)
    ]
    assert shares == [600, 220, 180]
    dealt = Counter(person.archetype for person in generate(1_000, 8, TIME))
    assert dealt == Counter({archetype.name: archetype.per_mille for archetype in DECK})


def test_everybody_has_an_answer_today_and_no_two_for_one_question() -> None:
    """Each person states an answer for the last day, and never two for the same question."""
    for person in generate(3_000, 4, TIME):
        asked = [(known.service_date, known.known_on) for known in person.expectations]
        assert (TIME.today, None) in asked
        assert len(set(asked)) == len(asked)


def test_all_statuses_occur_today() -> None:
    """A thousand people are enough to see each answer."""
    today = {
        known.status
        for person in generate(1_000, 1, TIME)
        for known in person.expectations
        if known.service_date == TIME.today and known.known_on is None
    }
    assert today == set(Status)


@pytest.mark.parametrize("offset_days", range(0, 800, 31))
def test_lives_fit_any_last_day(offset_days: int) -> None:
    """Whatever day the history ends on, nothing arrives or is known outside of it."""
    time = Timetable(TODAY_MIN + timedelta(days=offset_days))
    for person in generate(1_000, offset_days, time):
        for payment in person.payments:
            assert payment.received_on < time.opening or payment.received_on in time.register_days
            if payment.reversal is not None:
                assert payment.reversal.reversed_on in time.register_days
                assert payment.reversal.reversed_on >= payment.received_on
        for span in person.assignments:
            assert span.told_on in time.feed_days
            assert span.removal_told_on is None or span.removal_told_on in time.feed_days
        for known in person.expectations:
            assert time.answers_on(known.service_date)
            assert known.known_on is None or time.opening <= known.known_on <= time.today


def test_a_last_day_before_the_rules_of_2026_is_refused() -> None:
    """A history that ends too early is not made up."""
    with pytest.raises(TodayTooEarlyError):
        Timetable(TODAY_MIN - timedelta(days=1))


def test_russified_names_fit_the_8_bit_encodings() -> None:
    """Every name can be written in CP866 and CP1251."""
    for person in generate(500, 2, TIME):
        name = person.name
        text = russify(f"{name.surname} {name.given} {name.patronymic} {person.employer.name}")
        text.encode("cp866")
        text.encode("cp1251")
