"""Stub: a polyclinic sends its attached population, and reads the morning's report on it.

    python -m osms_client.stubs.polyclinic_roster_check 127.0.0.1:50051 polyclinic-5 roster.csv

The file has the columns ``iin``, ``attached_on`` and ``last_visit_on``. Sent every night, only what
changed is written; the report is one question, however many are attached.
"""

import asyncio
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from osms.values import almaty_date
from osms_client import (
    AsyncGateway,
    ListedMember,
    OsmsError,
    RosterHeader,
    RosterMember,
    RosterReport,
    RosterSyncResult,
)
from osms_client.stubs.arguments import day, gateway_of, program

COLUMNS = ("iin", "attached_on", "last_visit_on")


@dataclass(frozen=True)
class RosterCheck:
    """What a polyclinic wants to know in the morning."""

    sync: RosterSyncResult
    """What the list changed, and which of its lines are wrong."""

    report: RosterReport
    """Who is insured, who is not and why, and what the clinic gets. Of the unknown the numbers are
    to be checked: they are not uninsured."""

    lapsing: tuple[ListedMember, ...]
    """Whom to call: their cover ends by the end of the next month."""


async def run(
    gateway: AsyncGateway, roster: str, members: Sequence[RosterMember], *, as_of: date
) -> RosterCheck:
    """Send the list of a day and report on the roster; what fails is simply run again."""
    header = RosterHeader(roster=roster, as_of=as_of, declared_members=len(members))
    sync = await gateway.sync_roster(header, members)
    report = await gateway.roster_report(roster)
    listed = gateway.list_roster_members(roster, lapsing_by=report.lapsing_by)
    return RosterCheck(sync, report, tuple([member async for member in listed]))


def read_members(path: Path) -> list[RosterMember]:
    """Return the members that a CSV file lists; raise ValueError if a column is missing."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if missing := set(COLUMNS).difference(rows.fieldnames or ()):
            raise ValueError(f"{path} has no column {', '.join(sorted(missing))}")
        return [
            RosterMember(
                iin=row["iin"].strip(),
                attached_on=row["attached_on"].strip(),
                last_visit_on=row["last_visit_on"].strip(),
            )
            for row in rows
        ]


async def main() -> None:
    """Send a file and print the morning's list."""
    parser = program("Check an attached population.", asks_about_one=False)
    parser.add_argument("roster", help="the roster's code: your own, such as polyclinic-5")
    parser.add_argument("file", type=Path, help=f"a CSV file with {', '.join(COLUMNS)}")
    parser.add_argument(
        "--as-of", type=day, help="the day of the file: YYYY-MM-DD (default: today)"
    )
    arguments = parser.parse_args()
    try:
        members = read_members(arguments.file)
    except OSError as error:
        parser.error(f"{arguments.file} cannot be read: {error.strerror}")
    except ValueError as error:
        parser.error(str(error))
    as_of = arguments.as_of or almaty_date(datetime.now(UTC))
    async with gateway_of(arguments) as gateway:
        try:
            check = await run(gateway, arguments.roster, members, as_of=as_of)
        except OsmsError as error:
            raise SystemExit(f"no report, nothing is known of anybody: {error}") from None
    report = check.report
    print(f"members {report.members}, lines rejected {check.sync.rejected}")
    print(f"insured {report.insured + report.retention}, care on a visit {report.on_visit}")
    print(f"unknown {report.unknown}, not seen for a year {report.not_seen}")
    for part in report.uninsured_by_ground:
        print(f"not insured, {part.ground}: {part.members}")
    for member in check.lapsing:
        print(f"{member.eligibility.iin} covered through {member.eligibility.covered_through}")


if __name__ == "__main__":
    asyncio.run(main())
