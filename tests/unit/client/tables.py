"""Writes register and category files for the loaders to read."""

import csv
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import polars

from osms_client.loaders import CATEGORY_COLUMNS, REGISTER_COLUMNS
from tests.unit.client.fake import IIN

HEAD = {
    "source": "state_corporation",
    "reference": "GCVP-1",
    "received_on": "2025-08-20",
    "payer_bin": "160440007161",
    "payer_name": 'ТОО "РОМАШКА", филиал',
    "purpose_code": "121",
    "declared_people": "1",
    "declared_documents": "1",
    "declared_amount_tiyn": "425000",
}
ROW = {
    "line_no": "1",
    "document": "521",
    "iin": IIN,
    "surname": "Әбдіқадыров",
    "given_name": "Ұлан",
    "patronymic": "",
    "birth_date": "1990-01-01",
    "period": "2025-07",
    "amount_tiyn": "425000",
}
RECORD = {
    "iin": IIN,
    "source": "labour",
    "category": "pension",
    "assigned_on": "2026-03-01",
    "removed_on": "",
    "removal_source": "",
    "removal_reason": "",
}
NOTE = "# osms-feed sender=labour kind=DELTA delta_number=14 as_of=2026-03-02 records={}"


def rows(count: int = 1, /, **changes: Any) -> list[dict[str, str]]:
    """Return rows of one register whose totals match."""
    total = str(425_000 * count)
    head = {**HEAD, "declared_amount_tiyn": total}
    return [{**head, **ROW, "line_no": str(number + 1), **changes} for number in range(count)]


def as_csv(
    cells: Iterable[dict[str, str]], columns: Iterable[str] = REGISTER_COLUMNS, note: str = ""
) -> str:
    """Return a CSV file."""
    out = StringIO()
    if note:
        out.write(note + "\n")
    writer = csv.DictWriter(out, list(columns), restval="")
    writer.writeheader()
    writer.writerows(cells)
    return out.getvalue()


def feed_csv(records: list[dict[str, str]], note: str = "") -> str:
    """Return a category feed in CSV."""
    return as_csv(records, CATEGORY_COLUMNS, note or NOTE.format(len(records)))


def write_parquet(
    path: Path,
    cells: Iterable[dict[str, Any]],
    columns: Iterable[str] = REGISTER_COLUMNS,
    note: str = "",
) -> None:
    """Write a Parquet file, with whatever types the values have."""
    table = [{name: row.get(name) for name in columns} for row in cells]
    metadata = {"osms-feed": note.removeprefix("# osms-feed ")} if note else None
    frame = polars.DataFrame(table, schema=None if table else dict.fromkeys(columns, polars.String))
    frame.write_parquet(path, metadata=metadata)
