"""Stub: a polyclinic checks its whole attached population, every night if it likes.

    python -m osms_client.stubs.polyclinic_roster_check 127.0.0.1:50051 roster.csv

The file has a column ``iin`` (or a single column without a heading). It is streamed: a million
people need no more memory than a thousand.
"""

import asyncio
import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from osms_client import (
    AsyncGateway,
    Eligibility,
    Ground,
    LookupFailure,
    Purpose,
    Status,
    UnansweredError,
)
from osms_client.stubs.arguments import day, program

SOON = timedelta(days=31)
"""Who loses cover within this time is called."""


@dataclass
class RosterCheck:
    """What a polyclinic wants to know in the morning."""

    insured: int = 0
    """People with the insurance package open, retention included."""

    uninsured: Counter[Ground] = field(default_factory=Counter)
    """People without it, by the ground that decided."""

    on_visit: int = 0
    """People whose care is paid for when they come."""

    unknown: list[str] = field(default_factory=list)
    """IINs of which nothing is known: check the numbers, do not count them as uninsured."""

    lapsing: list[tuple[str, date]] = field(default_factory=list)
    """IINs of the insured whose cover ends soon, with the last day."""

    mistyped: list[str] = field(default_factory=list)
    """Items that could not be answered, as they stand in the file."""

    revision: int = 0
    """Store revision of the last answers."""


async def run(
    gateway: AsyncGateway,
    iins: Iterable[str],
    *,
    service_date: date | None = None,
    soon: timedelta = SOON,
) -> RosterCheck:
    """Check people in a stream and count as the answers come; ``service_date`` None is today."""
    check = RosterCheck()
    async for result in gateway.lookup_stream(
        iins, purpose=Purpose.ROSTER, service_date=service_date
    ):
        if isinstance(result, LookupFailure):
            check.mistyped.append(result.iin)
        else:
            _count(check, result, soon)
    return check


def _count(check: RosterCheck, answer: Eligibility, soon: timedelta) -> None:
    check.revision = answer.revision
    if answer.insured:
        check.insured += 1
        last_day = answer.covered_through
        if last_day is not None and last_day < answer.service_date + soon:
            check.lapsing.append((answer.iin, last_day))
    elif answer.status is Status.ELIGIBLE_ON_VISIT:
        check.on_visit += 1
    elif answer.status is Status.UNKNOWN_CONSUMER:
        check.unknown.append(answer.iin)
    else:
        check.uninsured[answer.grounds[0]] += 1


def read_iins(path: Path) -> Iterator[str]:
    """Yield the IINs of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        first = next(rows, ["iin"])
        column = first.index("iin") if "iin" in first else 0
        if "iin" not in first:
            yield first[column].strip()
        for row in rows:
            if row:
                yield row[column].strip()


async def main() -> None:
    """Check a file and print the morning's list."""
    parser = program("Check an attached population.", asks_about_one=False)
    parser.add_argument("roster", type=Path, help="a CSV file with a column iin, or only IINs")
    parser.add_argument("--date", type=day, help="the day of care: YYYY-MM-DD (default: today)")
    arguments = parser.parse_args()
    try:
        arguments.roster.open("rb").close()
    except OSError as error:
        parser.error(f"{arguments.roster} cannot be read: {error.strerror}")
    async with AsyncGateway(arguments.target) as gateway:
        try:
            check = await run(gateway, read_iins(arguments.roster), service_date=arguments.date)
        except UnansweredError as error:
            raise SystemExit(f"no answer, nothing is known of anybody: {error}") from None
    print(f"insured {check.insured}, care on a visit {check.on_visit}")
    print(f"unknown {len(check.unknown)}, mistyped {len(check.mistyped)}")
    for ground, people in check.uninsured.most_common():
        print(f"not insured, {ground}: {people}")
    for iin, last_day in check.lapsing:
        print(f"{iin} covered through {last_day}")


if __name__ == "__main__":
    asyncio.run(main())
