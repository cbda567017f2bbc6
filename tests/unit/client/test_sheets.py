"""Sheets: what is written reads back, and nothing in it runs."""

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars
import pytest
import xlsxwriter

from osms_client.loaders import FileError, read_roster, write_sheet
from osms_client.loaders.sheets import Value, open_sheet
from osms_client.rosters import RosterMember
from tests.unit.client.fake import IIN, OTHER_IIN

HEAD = ["iin", "attached_on", "last_visit_on"]


@pytest.mark.parametrize("ending", ["csv", "xlsx", "XLSX"])
def test_a_sheet_reads_back(tmp_path: Path, ending: str) -> None:
    """Texts, days, numbers and nothing, whichever the kind."""
    path = tmp_path / f"sheet.{ending}"
    row: list[Value] = [OTHER_IIN, date(2024, 3, 1), 425_000, Decimal("0.72"), None]
    assert write_sheet(path, ["a", "b", "c", "d", "e"], [row, row]) == 2
    table = open_sheet(path)
    assert table.columns == ["a", "b", "c", "d", "e"]
    told = [OTHER_IIN, "2024-03-01", "425000", "0.72", ""]
    assert [(line, list(cells)) for line, cells in table.rows()] == [(2, told), (3, told)]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_only_its_owner_reads_a_sheet(tmp_path: Path, ending: str) -> None:
    """Also where somebody else may read what was begun by a command that was killed."""
    path = tmp_path / f"sheet.{ending}"
    tmp_path.joinpath(f"sheet.{ending}.part").touch(0o644)
    write_sheet(path, ["a"], [["b"]])
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["=1+1", "+7 701", "-5", "@SUM(A1)", "http://a.b", "{=1}"])
def test_no_text_of_a_sheet_is_a_formula_or_a_link(tmp_path: Path, text: str) -> None:
    """Whatever it begins with, it stays the text it is."""
    path = tmp_path / "sheet.xlsx"
    write_sheet(path, [text], [[text]])
    assert [list(cells) for _, cells in open_sheet(path).rows()] == [[text]]
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_sheet_that_breaks_off_leaves_the_one_before(tmp_path: Path, ending: str) -> None:
    """Half a list is worse than an old one."""
    path = tmp_path / f"sheet.{ending}"
    write_sheet(path, ["a"], [["old"]])
    before = path.read_bytes()

    def breaking() -> Iterator[list[Value]]:
        yield ["new"]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_sheet(path, ["a"], breaking())
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_sheet_of_another_name_is_not_written(tmp_path: Path) -> None:
    """Nor one in a folder that is not there."""
    with pytest.raises(FileError, match=r"\.csv or \.xlsx"):
        write_sheet(tmp_path / "sheet.ods", ["a"], [])
    with pytest.raises(FileError, match="can be written"):
        write_sheet(tmp_path / "none" / "sheet.csv", ["a"], [])


# --- rosters -------------------------------------------------------------------------------------


def write_workbook(path: Path, *rows: list[Any]) -> None:
    """Write a sheet as a clinic's program may: numbers and days of its own kinds."""
    with xlsxwriter.Workbook(path, {"default_date_format": "dd.mm.yyyy"}) as workbook:
        sheet = workbook.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)


def test_a_roster_is_read_from_a_clinic_s_sheet(tmp_path: Path) -> None:
    """Days as days or texts, a number that lost its zero, other columns, and empty rows between."""
    path = tmp_path / "roster.xlsx"
    half_past_nine = datetime.combine(date(2025, 6, 1), time(9, 30))
    write_workbook(
        path,
        ["name", *HEAD],
        ["A", int(OTHER_IIN), date(2024, 3, 1), half_past_nine],
        [],
        ["B", IIN, "2024-03-02", ""],
    )
    assert read_roster(path) == [
        RosterMember(iin=OTHER_IIN, attached_on="2024-03-01", last_visit_on="2025-06-01"),
        RosterMember(iin=IIN, attached_on="2024-03-02"),
    ]


def test_a_roster_is_read_from_csv_and_parquet(tmp_path: Path) -> None:
    """The same columns in any order; what is wrong in a cell is left to the gateway."""
    text, parquet = tmp_path / "roster.csv", tmp_path / "roster.parquet"
    text.write_text(f"last_visit_on,iin,attached_on\n,{IIN},soon\n", encoding="utf-8-sig")
    polars.DataFrame({"iin": [IIN], "attached_on": ["soon"], "last_visit_on": [None]}).cast(
        polars.String
    ).write_parquet(parquet)
    expected = [RosterMember(iin=IIN, attached_on="soon")]
    assert read_roster(text) == read_roster(parquet) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"iin,attached_on\n", "one column 'last_visit_on'"),
        (b"iin,iin,attached_on,last_visit_on\n", "one column 'iin'"),
        (b"iin,attached_on,last_visit_on\n", "at least one member"),
        (b"", "names of the columns"),
        (b"PK\x03\x04....", "a whole XLSX file"),
    ],
)
def test_what_is_no_roster_says_what_it_lacks(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    """A missing column, an empty list, a broken file."""
    path = tmp_path / "roster"
    path.write_bytes(content)
    with pytest.raises(FileError, match=expected):
        read_roster(path)


def test_an_empty_sheet_and_a_missing_file_are_no_rosters(tmp_path: Path) -> None:
    """Both are told in a sentence."""
    path = tmp_path / "roster.xlsx"
    write_workbook(path)
    with pytest.raises(FileError, match="names of the columns"):
        read_roster(path)
    with pytest.raises(FileError, match="can be read"):
        read_roster(tmp_path / "missing.csv")
