"""The books: what became of every row that was received, and of its money."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum
from typing import NamedTuple

from osms_storage.records import Totals


class Fate(IntEnum):
    """What became of a row; all but REVERSED exclude each other. Positions in Sums."""

    ACCEPTED = 1
    SUSPENDED = 2
    CORRECTED = 3
    REFUNDED = 4
    REVERSED = 5


class Sums(NamedTuple):
    """What was received and what became of it."""

    received: Totals = Totals()
    """What registers declared; for a purpose and for rows by themselves, what the rows say."""
    accepted: Totals = Totals()
    suspended: Totals = Totals()
    """What is still in suspense."""
    corrected: Totals = Totals()
    refunded: Totals = Totals()
    reversed: Totals = Totals()
    """Whole and partial reversals of what was accepted or corrected."""

    @property
    def found(self) -> Totals:
        """What the facts account for."""
        parts = (self.accepted, self.suspended, self.corrected, self.refunded)
        return Totals(sum(part.rows for part in parts), sum(part.amount_tiyn for part in parts))

    def with_fate(self, fate: Fate, totals: Totals) -> "Sums":
        """Return these with some rows more."""
        return Sums(*(_both(s, totals) if i == fate else s for i, s in enumerate(self)))

    def __add__(self, other: "Sums") -> "Sums":  # type: ignore[override] # sums add, not tuples
        """Return both together."""
        return Sums(*map(_both, self, other))


def _both(one: Totals, other: Totals) -> Totals:
    return Totals(one.rows + other.rows, one.amount_tiyn + other.amount_tiyn)


class Part(NamedTuple):
    """Rows of one register that share purpose and fate."""

    register_id: int
    purpose_code: str
    fate: Fate
    totals: Totals


class DeclaredRegister(NamedTuple):
    """A register and what it declared."""

    register_id: int
    source_id: int
    reference: str
    received_on: int
    """Ordinal day."""
    declared: Totals


@dataclass(frozen=True, slots=True)
class WrongRegister:
    """A register that does not add up."""

    register_id: int
    register: DeclaredRegister | None
    """None: facts name a register that is not there."""
    sums: Sums
    overdrawn: int
    """Payments of which more is reversed than they are."""


@dataclass(slots=True)
class Books:
    """The totals of registers, or of some rows of them, at one moment."""

    revision: int
    recorded_at: datetime
    registers: int = 0
    total: Sums = field(default_factory=Sums)
    days: dict[date, Sums] = field(default_factory=lambda: defaultdict(Sums))
    """By the day on which the register was received."""
    purposes: dict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    """By purpose code of the row, else of its register; empty: it said none that can be read."""

    def enter(
        self, registers: list[DeclaredRegister], parts: list[Part], *, whole: bool
    ) -> dict[int, Sums]:
        """Add registers with all their parts; return the sums of each.

        ``whole``: received is what was declared, else what the parts sum up to.
        """
        sums: dict[int, Sums] = defaultdict(Sums)
        for register_id, purpose_code, fate, totals in parts:
            sums[register_id] = sums[register_id].with_fate(fate, totals)
            purpose = Sums().with_fate(fate, totals)
            self.purposes[purpose_code] += purpose._replace(received=purpose.found)
        for register in registers:
            own = sums[register.register_id]
            received = register.declared if whole else own.found
            sums[register.register_id] = own._replace(received=received)
            if whole or any(any(part) for part in own):
                self.registers += 1
                day = date.fromordinal(register.received_on)
                self.days[day] += sums[register.register_id]
        for own in sums.values():
            self.total += own
        return sums


def wrong_registers(
    registers: list[DeclaredRegister], sums: dict[int, Sums], overdrawn: dict[int, int]
) -> Iterator[WrongRegister]:
    """Yield the registers whose facts are not what they declared, by id."""
    known = {register.register_id: register for register in registers}
    for register_id in sorted({*sums, *overdrawn}):
        own = sums.get(register_id, Sums())
        excess = overdrawn.get(register_id, 0)
        if register_id not in known or own.found != own.received or excess:
            yield WrongRegister(register_id, known.get(register_id), own, excess)
