"""Who appears in one example, and the part of the categories that its snapshots replace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import TypeVar

from osms_client import CategoryRecord, SyncScope

SCOPE = tuple(
    SyncScope("labour", category) for category in ("pension", "social_level_d", "targeted_aid")
)
CROWD_PART = SCOPE[2]
"""Where the crowd has its spans."""

T = TypeVar("T")


@dataclass(frozen=True)
class Cast:
    """Who may appear in one example."""

    people: tuple[str, ...]
    crowd: tuple[str, ...]
    """As many as the guard must see closed to hold a snapshot, and more."""
    began_on: date

    def crowd_records(self) -> tuple[CategoryRecord, ...]:
        """Return the spans of the crowd, which no delta touches."""
        source, category = CROWD_PART.source, CROWD_PART.category
        return tuple(
            CategoryRecord(iin=iin, source=source, category=category, assigned_on="2020-01-01")
            for iin in self.crowd
        )


def some(random: Random, choices: Sequence[T], most: int) -> list[T]:
    """Return one or more of some things."""
    return random.sample(choices, random.randint(1, min(most, len(choices))))
