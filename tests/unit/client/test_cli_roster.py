"""The commands about rosters: what they send, print, write and return."""

import json
from pathlib import Path

import grpc
import pytest

from osms.v1 import roster_service_pb2 as pb
from osms_client.cli.roster import MEMBER_COLUMNS
from osms_client.loaders.sheets import open_sheet
from tests.unit.client import clinic
from tests.unit.client.commands import osms
from tests.unit.client.fake import IIN, OTHER_IIN, FakeGateway, abort

CODE = ("--roster", "polyclinic-5")


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    """A roster of two."""
    path = tmp_path / "roster.csv"
    lines = ["iin,attached_on,last_visit_on", f"{IIN},2024-03-01,", f"{OTHER_IIN},2024-03-02,"]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_sync_sends_a_file(fake: FakeGateway, roster: Path) -> None:
    """The code and the day come from the command line, the count from the file."""
    clinic.take_lists(fake)
    result = osms(fake, "roster", "sync", roster, *CODE, "--as-of", "2026-03-14")
    assert result.exit_code == 0, result.output
    header = fake.asked[0].header
    assert (header.roster, header.as_of, header.declared_members) == (
        "polyclinic-5",
        "2026-03-14",
        2,
    )
    assert "polyclinic-5: version 3, 2 members: 2 added, 0 changed" in result.output


def test_sync_names_rejected_lines(fake: FakeGateway, roster: Path) -> None:
    """The rest is applied, and the status is 1."""
    rejected = pb.RejectedMember(member_no=2, issue=pb.MEMBER_ISSUE_IIN, field="iin")
    clinic.take_lists(fake, rejected)
    result = osms(fake, "roster", "sync", roster, *CODE)
    assert result.exit_code == 1
    assert "member 2: rejected, IIN (iin)" in result.output


def test_a_refused_file_ends_with_1_and_one_that_is_no_roster_with_2(
    fake: FakeGateway, roster: Path, tmp_path: Path
) -> None:
    """Both say why in a sentence."""
    fake.on(
        "SyncRoster",
        lambda requests, context: abort(
            context,
            grpc.StatusCode.FAILED_PRECONDITION,
            "SNAPSHOT_OUTDATED",
            metadata={"last_as_of": "2026-03-15"},
        ),
    )
    refused = osms(fake, "roster", "sync", roster, *CODE)
    assert refused.exit_code == 1
    assert "reason SNAPSHOT_OUTDATED last_as_of=2026-03-15" in refused.stderr
    broken = osms(fake, "roster", "sync", tmp_path / "none.xlsx", *CODE)
    assert broken.exit_code == 2
    assert "can be read" in broken.stderr


def test_report_prints_and_writes_every_figure(fake: FakeGateway, tmp_path: Path) -> None:
    """A table for people, and the same as a sheet with money in tiyn."""
    fake.answers("GetRosterReport", clinic.report())
    path = tmp_path / "report.xlsx"
    result = osms(fake, "roster", "report", *CODE, "--norm-tiyn", "150000", "--out", path)
    assert result.exit_code == 0, result.output
    assert fake.asked[0].norm_tiyn_per_head == 150_000
    for text in ("2026-03-15", "ARREARS", "for 12 months", "12 630,00", "UNINSURED_NOT_SEEN"):
        assert text in result.output
    table = open_sheet(path)
    assert table.columns == ["figure", "of", "value"]
    rows = [tuple(cells) for _, cells in table.rows()]
    assert ("members", "", "10") in rows
    assert ("lapsing", "2026-03-31", "1") in rows
    assert ("norms", "of 9", "8.42") in rows
    assert ("reduction_tiyn", "", "87000") in rows
    assert ("stale_source", "labour", "") in rows


def test_report_prints_json(fake: FakeGateway) -> None:
    """A program reads all of it; exact shares are texts."""
    fake.answers("GetRosterReport", clinic.report())
    said = json.loads(osms(fake, "roster", "report", *CODE, "--json").output)
    assert (said["members"], said["money"]["norms"]) == (10, "8.42")
    assert said["uninsured_by_ground"][0] == {"ground": "NO_CONTRIBUTIONS", "members": 1}


def test_report_of_an_unknown_roster_is_no_answer(fake: FakeGateway, tmp_path: Path) -> None:
    """It ends with 2 and writes nothing; so does one to a file of an unknown kind."""
    path = tmp_path / "report.csv"
    fake.on(
        "GetRosterReport",
        lambda request, context: abort(context, grpc.StatusCode.NOT_FOUND, "ROSTER_NOT_FOUND"),
    )
    result = osms(fake, "roster", "report", *CODE, "--out", path)
    assert (result.exit_code, path.exists()) == (2, False)
    assert "ROSTER_NOT_FOUND" in result.stderr
    result = osms(fake, "roster", "report", *CODE, "--out", tmp_path / "report.txt")
    assert result.exit_code == 2
    assert ".csv or .xlsx" in result.stderr


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_list_writes_members(fake: FakeGateway, tmp_path: Path, ending: str) -> None:
    """Every page of them, with the filters that were set; the file may be synced again."""
    clinic.list_two_pages(fake)
    path = tmp_path / f"members.{ending}"
    filters = ("--uninsured", "--not-seen", "--lapsing-by", "2026-04-30")
    result = osms(fake, "roster", "list", *CODE, *filters, "--out", path)
    assert result.exit_code == 0, result.output
    assert "2 members" in result.output
    asked = fake.asked[0]
    assert (asked.uninsured, asked.not_seen, asked.lapsing_by) == (True, True, "2026-04-30")
    table = open_sheet(path)
    assert tuple(table.columns) == MEMBER_COLUMNS
    first, second = [dict(zip(table.columns, cells, strict=True)) for _, cells in table.rows()]
    assert (first["iin"], first["covered_through"]) == (IIN, "2025-09-30")
    assert (second["status"], second["blocking_months"]) == ("NOT_INSURED", "2025-07")
    assert (second["not_seen"], second["last_visit_on"]) == ("yes", "")
    clinic.take_lists(fake)
    assert osms(fake, "roster", "sync", path, *CODE).exit_code == 0
    sent = fake.asked[-2].chunk.members
    assert [member.iin for member in sent] == [IIN, OTHER_IIN]


def test_list_prints_the_first_members(fake: FakeGateway) -> None:
    """And says how many more there are."""
    clinic.list_two_pages(fake, first=24)
    result = osms(fake, "roster", "list", *CODE)
    assert result.exit_code == 0, result.output
    assert result.output.count(IIN) == 20
    assert "and 5 more" in result.output
