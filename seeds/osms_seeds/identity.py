"""Individual identification numbers that never repeat, without remembering any.

An IIN is six digits of the birth date, one of century and sex, four of a serial, and a check
digit. Every archetype owns a range of serials, and its n-th member the n-th slot (birth day, sex,
serial) of a fixed shuffle of all its slots. So 20 million people get different numbers, and a
person's number depends on the seed and the person's index alone.
"""

from dataclasses import dataclass
from datetime import date

from osms.values import check_digit

PEOPLE_MAX = 20_000_000
SERIALS = 10_000
SEXES = "mf"
_SHUFFLE = 2_654_435_761
"""A prime larger than any number of slots, hence coprime with it."""


@dataclass(frozen=True, slots=True)
class Slots:
    """The numbers that one archetype may give out."""

    first_birth: date
    last_birth: date
    first_serial: int
    """Even: serials are used in pairs, of which at least one has a check digit."""
    pairs: int

    @classmethod
    def for_members(cls, members: int, born: tuple[date, date], first_serial: int) -> "Slots":
        """Return the smallest range of serials that is enough for so many people."""
        days = born[1].toordinal() - born[0].toordinal() + 1
        return cls(*born, first_serial, -(-members // (days * len(SEXES))))

    @property
    def next_serial(self) -> int:
        """The first serial after this range."""
        return self.first_serial + 2 * self.pairs

    def take(self, ordinal: int, seed: int) -> tuple[date, str, str]:
        """Return birth date, sex and IIN of the archetype's member with this ordinal."""
        days = self.last_birth.toordinal() - self.first_birth.toordinal() + 1
        slot = (ordinal * _SHUFFLE + seed) % (days * len(SEXES) * self.pairs)
        rest, day = divmod(slot, days)
        pair, sex = divmod(rest, len(SEXES))
        born = date.fromordinal(self.first_birth.toordinal() + day)
        serial = self.first_serial + 2 * pair
        return born, SEXES[sex], _iin(born, SEXES[sex], serial)


def _iin(born: date, sex: str, even_serial: int) -> str:
    # The last digit of the stem weighs 11 at first and 2 at the second pass, so of two neighbours
    # with the same tens at most one has no check digit.
    century = {18: 1, 19: 3, 20: 5}[born.year // 100] + (sex == "f")
    for serial in (even_serial, even_serial + 1):
        stem = f"{born:%y%m%d}{century}{serial:04d}"
        digit = check_digit(stem)
        if digit is not None:
            return f"{stem}{digit}"
    raise AssertionError(even_serial)
