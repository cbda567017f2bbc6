"""The smaller state-paid categories, and who may get them."""

from dataclasses import dataclass
from datetime import date

from osms_seeds.facts import Person


@dataclass(frozen=True, slots=True)
class Benefit:
    """A category that people of working age get for a while."""

    source: str
    category: str
    """Empty: the source names none."""
    weight: int
    days_max: int
    """How long ago it was assigned at most; shorter than it usually lasts."""
    sexes: str = "mf"
    valid_from: date = date.min


_BENEFITS = (
    Benefit("health", "pregnant", 14, 200, "f"),
    Benefit("labour", "parent_under_3", 16, 700),
    Benefit("labour", "childbirth_leave", 18, 700, "f"),
    Benefit("labour", "disabled_child_carer", 9, 700),
    Benefit("labour", "disabled_adult_carer", 7, 700),
    Benefit("labour", "mother_award", 12, 720, "f"),
    Benefit("labour", "targeted_aid", 12, 300),
    Benefit("labour", "registered_unemployed", 10, 170, valid_from=date(2026, 1, 1)),
    Benefit("labour", "kandas", 4, 330),
    Benefit("internal_affairs", "kandas", 2, 330),
    Benefit("internal_affairs", "prisoner", 4, 700, "m"),
    Benefit("legal_statistics", "prisoner", 2, 700),
    Benefit("internal_affairs", "remand", 2, 150, "m"),
    Benefit("legal_statistics", "remand", 1, 150),
    Benefit("legal_statistics", "house_arrest", 1, 90),
    Benefit("health", "", 2, 700),
)


def choose(person: Person) -> Benefit:
    """Draw a benefit that is open to the person's sex."""
    benefits = [benefit for benefit in _BENEFITS if person.sex in benefit.sexes]
    return person.rng.choices(benefits, [benefit.weight for benefit in benefits])[0]
