"""Registers as tables: the register's columns are repeated on each of its rows."""

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from osms.values import format_month
from osms_seeds.files.register import SOURCE, Register

COLUMNS = (
    "source",
    "reference",
    "received_on",
    "payer_bin",
    "payer_name",
    "purpose_code",
    "declared_people",
    "declared_documents",
    "declared_amount_tiyn",
    "line_no",
    "document",
    "iin",
    "surname",
    "given_name",
    "patronymic",
    "birth_date",
    "period",
    "amount_tiyn",
    "row_purpose_code",
    "row_payer_bin",
    "row_payer_name",
)

Cells = tuple[str | int, ...]


def cells(register: Register) -> Iterator[Cells]:
    """Yield the cells of each row; what equals the register's own is left empty."""
    head = (
        SOURCE,
        register.reference,
        register.received_on.isoformat(),
        register.payer.bin,
        register.payer.name,
        register.purpose_code,
        register.people,
        register.documents,
        register.amount_tiyn,
    )
    for line_no, row in enumerate(register.rows, start=1):
        own_payer = row.payer != register.payer
        yield (
            *head,
            line_no,
            row.document,
            row.iin,
            row.name.surname,
            row.name.given,
            row.name.patronymic,
            row.born.isoformat(),
            format_month(row.period),
            row.amount_tiyn,
            row.purpose_code if row.purpose_code != register.purpose_code else "",
            row.payer.bin if own_payer else "",
            row.payer.name if own_payer else "",
        )


def csv_lines(rows: Iterator[Cells]) -> str:
    """Return rows as CSV text."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_parquet(path: Path, register: Register) -> None:
    """Write a file of one register."""
    import polars  # needs the extra `files`; everything else does without

    path.parent.mkdir(parents=True, exist_ok=True)
    frame = polars.DataFrame(list(cells(register)), schema=list(COLUMNS), orient="row")
    frame.write_parquet(path)
