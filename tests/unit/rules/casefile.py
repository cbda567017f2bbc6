"""Reads the worked cases: data files that a lawyer can read and add to."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from tests.unit.rules.facts import (
    Assignment,
    Facts,
    Kind,
    Payment,
    Reversal,
    noon,
    shift,
)
from tests.unit.rules.naive import Answer, redacted

FOLDER = Path(__file__).parent / "cases"
TODAY = date(2026, 12, 31)
"""The day on which the cases are asked, unless they say otherwise."""
COVER_CODES = ("121", "122")
RECORDED_EARLY = date(2000, 1, 1)
"""When a category without a date of record became known."""

_KIND_KEYS = {
    "state_paid_from": Kind.STATE_PAID,
    "exempt_from": Kind.EXEMPT,
    "on_visit_from": Kind.ON_VISIT,
    "gives_nothing_from": Kind.NONE,
    "died": Kind.DECEASED,
}


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a case, and what the answer must say."""

    on: date
    known: date
    expected: Mapping[str, Any]
    """Fields of the answer by the names of the case files, as plain values."""


@dataclass(frozen=True, slots=True)
class Case:
    """Facts about one person and questions about them."""

    title: str
    facts: Facts
    questions: tuple[Question, ...]


def cases() -> list[Case]:
    """Return the cases of all files, in the order of the files' names."""
    return [
        _case(raw)
        for path in sorted(FOLDER.glob("*.toml"))
        for raw in tomllib.loads(path.read_text("utf-8"))["case"]
    ]


def spoken(answer: Answer) -> dict[str, Any]:
    """Return an answer in the words of the case files."""
    return {
        "status": answer.status,
        "funding": answer.funding_source,
        "grounds": list(answer.grounds),
        "clinic_sees": list(redacted(answer.grounds)),
        "valid_through": answer.valid_through or "never",
        "covered_through": answer.covered_through or "never",
        "overdue": list(answer.arrears_months),
        "blocking": list(answer.blocking_months),
        "restore_tenge": answer.restore_amount_tiyn / 100,
        "rule": answer.rule,
        "retention_months": answer.retention_months,
    }


def months(text: str) -> list[date]:
    """Return the months of ``2025-01..2025-03, 2025-07``; none for an empty text."""
    found: list[date] = []
    for part in filter(None, text.split(", ")):
        first, _, last = part.partition("..")
        month = date.fromisoformat(f"{first}-01")
        while month <= date.fromisoformat(f"{last or first}-01"):
            found.append(month)
            month = shift(month, 1)
    return found


@dataclass(slots=True)
class _Reader:
    """Collects the facts of one case, line by line."""

    payments: list[Payment] = field(default_factory=list)
    reversals: list[Reversal] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)

    def read(self, line: dict[str, Any]) -> None:
        """Add one line; every key must be understood."""
        if "paid" in line:
            self._paid(line)
        elif "reversed" in line:
            self._reversed(line)
        else:
            self._assigned(line)
        if line:
            raise ValueError(f"keys not understood: {sorted(line)}")

    def _paid(self, line: dict[str, Any]) -> None:
        received = line.pop("received", None)
        recorded = line.pop("recorded", None)
        gives_cover = line.pop("code", "122") in COVER_CODES
        amount_tiyn = line.pop("tenge", 4_250) * 100
        if "name" in line:
            self.names[line.pop("name")] = len(self.payments)
        for period in months(line.pop("paid")):
            received_on = received or shift(period, 1).replace(day=20)
            recorded_at = noon(recorded or received_on)
            self.payments.append(
                Payment(period, received_on, recorded_at, amount_tiyn, gives_cover)
            )

    def _reversed(self, line: dict[str, Any]) -> None:
        payment_no = self.names[line.pop("reversed")]
        tenge = line.pop("tenge", None)
        amount_tiyn = self.payments[payment_no].amount_tiyn if tenge is None else tenge * 100
        self.reversals.append(Reversal(payment_no, noon(line.pop("on")), amount_tiyn))

    def _assigned(self, line: dict[str, Any]) -> None:
        (key,) = _KIND_KEYS.keys() & line.keys()
        self.assignments.append(
            Assignment(
                _KIND_KEYS[key],
                assigned_on=line.pop(key),
                removed_on=line.pop("voided" if key == "died" else "until", None),
                recorded_at=noon(line.pop("recorded", RECORDED_EARLY)),
                source=key,
                category=line.pop("category", "unspecified"),
            )
        )


def _case(raw: dict[str, Any]) -> Case:
    reader = _Reader()
    for line in raw["facts"]:
        reader.read(dict(line))
    facts = Facts(tuple(reader.payments), tuple(reader.reversals), tuple(reader.assignments))
    return Case(raw["title"], facts, tuple(_questions(raw["ask"])))


def _questions(asked: list[dict[str, Any]]) -> Iterator[Question]:
    for raw in asked:
        expected = dict(raw)
        on, known = expected.pop("on"), expected.pop("known", TODAY)
        for name in ("overdue", "blocking"):
            if name in expected:
                expected[name] = months(expected[name])
        yield Question(on, known, expected)
