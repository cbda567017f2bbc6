"""A data set: files that tell two years of history, and the answers that follow from it.

Load the files in the order of `timeline.csv`, with the gateway's clock at each step's instant, into
a store that was initialised no later than the first of them. Then every row of `expected.csv` must
come true: the status of a person on a service date, as known at the end of a day (`known_on`) or
now. `extra/` holds what is not part of the history: a snapshot that broke off.
"""

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from osms_seeds.employers import BLOCK
from osms_seeds.facts import Person, Status
from osms_seeds.files import timeline
from osms_seeds.files.feed_desk import FeedDesk
from osms_seeds.files.register_desk import RegisterDesk
from osms_seeds.people import generate
from osms_seeds.timetable import Timetable

TODAY = date(2026, 12, 31)
"""The last day of the history unless another is given."""

EXPECTED_COLUMNS = (
    "iin",
    "service_date",
    "known_on",
    "status",
    "funding_source",
    "archetype",
    "note",
)
_FUNDING_SOURCE = {
    Status.INSURED: "OSMS_AND_GOBMP",
    Status.INSURED_RETENTION: "OSMS_AND_GOBMP",
    Status.ELIGIBLE_ON_VISIT: "OSMS_ON_VISIT",
    Status.NOT_INSURED: "GOBMP",
    Status.UNKNOWN_CONSUMER: "GOBMP",
}


class FolderNotEmptyError(FileExistsError):
    """The folder holds something already; files of two data sets must not mix."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written."""

    people: int
    registers: int
    payment_rows: int
    payment_rows_pending_max: int
    """The most rows held in memory at once; does not grow with the number of people."""
    feed_records: int
    expectations: int
    steps: int


def write_dataset(out: Path, *, people: int, seed: int, today: date = TODAY) -> Summary:
    """Write a data set into a new or empty folder.

    Raises FolderNotEmptyError, TodayTooEarlyError, TooManyPeopleError.
    """
    time = Timetable(today)
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise FolderNotEmptyError(out)
    registers = RegisterDesk(out, seed, time)
    feeds = FeedDesk(out, people, time)
    expectations = 0
    with (out / "expected.csv").open("w", encoding="utf-8", newline="") as file:
        expected = csv.writer(file, lineterminator="\n")
        expected.writerow(EXPECTED_COLUMNS)
        for person in generate(people, seed, time):
            if person.index % BLOCK == 0:
                registers.end_block()
            registers.take(person)
            feeds.take(person)
            expected.writerows(_expected_rows(person))
            expectations += len(person.expectations)
    steps = [*registers.close(), *feeds.close()]
    timeline.write(out / "timeline.csv", steps)
    return Summary(
        people=people,
        registers=registers.registers,
        payment_rows=registers.rows,
        payment_rows_pending_max=registers.rows_pending_max,
        feed_records=feeds.records,
        expectations=expectations,
        steps=len(steps),
    )


def _expected_rows(person: Person) -> list[tuple[str, ...]]:
    return [
        (
            person.iin,
            known.service_date.isoformat(),
            known.known_on.isoformat() if known.known_on else "",
            known.status,
            _FUNDING_SOURCE[known.status],
            person.archetype,
            known.note,
        )
        for known in person.expectations
    ]
