"""A register before it is written: one consolidated payment with its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from osms_seeds.facts import Name, Payer, Reversal

SOURCE = "state_corporation"
CONSOLIDATED = Payer("160440007161", "Государственная корпорация «Правительство для граждан»")
"""The payer of registers whose rows name their own payers."""


@dataclass(frozen=True, slots=True)
class Row:
    """One person's payment; its line number is its place in the register."""

    iin: str
    name: Name
    born: date
    period: int
    amount_tiyn: int
    purpose_code: str
    payer: Payer
    reversal: Reversal | None

    @property
    def document(self) -> str:
        """The document inside the payment: one for each employer, none for people who pay alone."""
        return f"PP-{self.payer.bin[-6:]}-{self.purpose_code}" if self.payer.iban else ""


@dataclass(frozen=True, slots=True)
class Register:
    """What is sent, checked and committed as a whole."""

    reference: str
    received_on: date
    payer: Payer
    purpose_code: str
    rows: Sequence[Row]

    @property
    def people(self) -> int:
        """Distinct IIN texts of the rows."""
        return len({row.iin for row in self.rows})

    @property
    def documents(self) -> int:
        """Distinct documents; rows without one share the register's own."""
        return len({row.document for row in self.rows})

    @property
    def amount_tiyn(self) -> int:
        """The sum of all rows, bad ones included."""
        return sum(row.amount_tiyn for row in self.rows)
