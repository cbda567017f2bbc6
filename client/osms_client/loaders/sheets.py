"""Sheets for people: read from XLSX, written as CSV or XLSX.

In a sheet, days are days, and a text is never a formula, whatever it begins with.
"""

import csv
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

from osms_client.loaders.errors import FileError
from osms_client.loaders.owner_only import owner_only
from osms_client.loaders.tables import Cells, Table, open_table

SHEET_ENDINGS = (".csv", ".xlsx")
"""What the name of a sheet to write must end in."""

_ZIP = b"PK\x03\x04"
_DAY_WIDTH = 12
"""Characters: a narrower column shows a day as hashes."""

Value = str | int | Decimal | date | None
"""What a cell holds; None: nothing."""


@dataclass
class XlsxTable:
    """The first sheet of an XLSX file; every value is taken as its text, days as YYYY-MM-DD."""

    path: Path
    columns: list[str] = field(default_factory=list)
    note: str | None = None
    bytes_read: int = 0

    def __post_init__(self) -> None:
        from python_calamine import CalamineError, CalamineWorkbook

        try:
            # An empty corner belongs to the sheet: rows keep their numbers.
            sheet = CalamineWorkbook.from_path(self.path).get_sheet_by_index(0)
            self._rows = sheet.to_python(skip_empty_area=False)
        except (CalamineError, IndexError) as error:
            raise FileError(self.path, "a whole XLSX file with a sheet") from error
        if not self._rows:
            raise FileError(self.path, "a row with the names of the columns: there is none")
        self.columns = [_text(cell).strip() for cell in self._rows[0]]

    def rows(self) -> Generator[tuple[int, Cells], None, None]:
        """Yield the number of each row that is not empty, from 2, and its cells."""
        for number, row in enumerate(self._rows[1:], 2):
            cells = [_text(cell) for cell in row]
            if any(cells):
                yield number, cells


def _text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    return str(cell)


def open_sheet(path: Path) -> Table:
    """Open a sheet or another table by its kind; raise FileError if it has no columns."""
    try:
        with path.open("rb") as file:
            zipped = file.read(len(_ZIP)) == _ZIP
        return XlsxTable(path) if zipped else open_table(path)
    except OSError as error:
        raise FileError(path, f"a file that can be read ({error.strerror})") from error


def write_sheet(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> int:
    """Write a sheet by the ending of its name; return how many rows it has.

    The file is there once all rows are written: what rows raise leaves the one before it. Raises
    FileError if it cannot be written, or its name ends in neither .csv nor .xlsx.
    """
    check_sheet_name(path)
    part = path.with_name(f"{path.name}.part")
    write = _write_xlsx if path.suffix.lower() == ".xlsx" else _write_csv
    try:
        part.unlink(missing_ok=True)  # of a command that was killed
        with open(part, "wb", opener=owner_only) as file:
            written = write(file, columns, rows)
        part.replace(path)
    except OSError as error:
        raise FileError(path, f"a place that can be written ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)
    return written


def check_sheet_name(path: Path) -> None:
    """Raise FileError unless the name says how to write the sheet."""
    if path.suffix.lower() not in SHEET_ENDINGS:
        raise FileError(path, f"a name that ends in {' or '.join(SHEET_ENDINGS)}")


def _write_csv(file: BinaryIO, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> int:
    from io import TextIOWrapper

    text = TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    written = 0
    for row in rows:
        writer.writerow(row)
        written += 1
    text.flush()
    text.detach()
    return written


def _write_xlsx(file: BinaryIO, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> int:
    import xlsxwriter

    workbook = xlsxwriter.Workbook(file, {"constant_memory": True})
    try:
        sheet = workbook.add_worksheet()
        day_format = workbook.add_format({"num_format": "yyyy-mm-dd"})
        sheet.set_column(0, len(columns) - 1, _DAY_WIDTH)
        bold = workbook.add_format({"bold": True})
        for column, name in enumerate(columns):
            sheet.write_string(0, column, name, bold)
        sheet.freeze_panes(1, 0)
        written = 0
        for written, row in enumerate(rows, 1):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    # Not write(), which takes texts for formulas, numbers and links.
                    sheet.write_string(written, column, value)
                elif isinstance(value, date):
                    sheet.write_datetime(written, column, value, day_format)
                elif value is not None:
                    sheet.write_number(written, column, value)
    finally:
        workbook.close()
    return written
