"""Asks about everyone and compares each answer with the one that was made up."""

import csv
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import tee
from pathlib import Path
from typing import NamedTuple

from osms_client import Eligibility, Gateway, LookupItem, Purpose


class Expectation(NamedTuple):
    """One answer that must come true."""

    iin: str
    service_date: date
    known_on: date | None
    status: str
    funding_source: str
    archetype: str
    note: str


class Difference(NamedTuple):
    """An answer that differs."""

    expected: Expectation
    answered: str


@dataclass(slots=True)
class Comparison:
    """What came of comparing."""

    answers: int = 0
    past_answers: int = 0
    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    """Of the people as they are today."""
    differences: list[Difference] = field(default_factory=list)


def expectations(path: Path) -> Iterator[Expectation]:
    """Yield the expected answers of a data set."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            known_on = date.fromisoformat(row["known_on"]) if row["known_on"] else None
            yield Expectation(
                row["iin"],
                date.fromisoformat(row["service_date"]),
                known_on,
                row["status"],
                row["funding_source"],
                row["archetype"],
                row["note"],
            )


def compare_all(gateway: Gateway, path: Path, today: date) -> Comparison:
    """Stream every question of a data set and compare the answers, one knowledge time at a time."""
    comparison = Comparison()
    past: dict[date, list[Expectation]] = {}
    for expectation in expectations(path):
        if expectation.known_on is not None:
            past.setdefault(expectation.known_on, []).append(expectation)
    started = time.perf_counter()
    present = (e for e in expectations(path) if e.known_on is None)
    _compare(gateway, present, None, today, comparison)
    for known_on, asked in sorted(past.items()):
        _compare(gateway, asked, known_on, today, comparison)
    comparison.seconds = time.perf_counter() - started
    return comparison


def _compare(
    gateway: Gateway,
    asked: Iterable[Expectation],
    known_on: date | None,
    today: date,
    comparison: Comparison,
) -> None:
    asked, expected = tee(asked)
    items = (LookupItem(iin=e.iin, service_date=e.service_date) for e in asked)
    answers = gateway.lookup_stream(items, purpose=Purpose.AUDIT, known=known_on)
    for expectation, answer in zip(expected, answers, strict=True):
        comparison.answers += 1
        comparison.past_answers += known_on is not None
        if not isinstance(answer, Eligibility):
            comparison.differences.append(Difference(expectation, answer.reason))
            continue
        if known_on is None and expectation.service_date == today:
            comparison.statuses[answer.status] += 1
        found = (str(answer.status), str(answer.funding_source))
        if found != (expectation.status, expectation.funding_source):
            comparison.differences.append(Difference(expectation, " ".join(found)))
