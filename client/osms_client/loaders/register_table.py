"""Registers of a CSV or Parquet file: the rows of one follow each other, its columns repeat."""

from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter

from osms_client.loaders.cells import Columns
from osms_client.loaders.errors import FileError
from osms_client.loaders.tables import Cells, Table
from osms_client.registers import Payer, PaymentRow, Register, RegisterTotals

HEADER_COLUMNS = (
    "source",
    "reference",
    "received_on",
    "payer_bin",
    "payer_name",
    "purpose_code",
    "declared_people",
    "declared_documents",
    "declared_amount_tiyn",
)
"""What a register says of itself, the same in each of its rows."""

ROW_COLUMNS = (
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
"""What a row says."""

REGISTER_COLUMNS = HEADER_COLUMNS + ROW_COLUMNS


class RegisterTable:
    """Reads registers from a table: once to see that it can be read, once to send."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._columns = Columns(table.path, table.columns, known=REGISTER_COLUMNS)

    @property
    def bytes_read(self) -> int:
        """About how far the file has been read."""
        return self.table.bytes_read

    def registers(self) -> Iterator[Register]:
        """Yield the registers; raises FileError before the first if any of them is broken."""
        found = 0
        for register in self._registers():
            found += 1
            for _ in register.rows:
                pass
        if not found:
            raise FileError(self.table.path, "rows under the names of the columns: there are none")
        yield from self._registers()

    def _registers(self) -> Iterator[Register]:
        index = self._columns.index
        key_of = itemgetter(index["source"], index["reference"])
        head_of = itemgetter(*(index[name] for name in HEADER_COLUMNS))
        for _, group in groupby(self.table.rows(), key=lambda row: key_of(row[1])):
            line, first = next(group)
            rows = self._rows(line, first, head_of, group)  # noqa: B031 # what is left of it
            yield self._register(first, line, rows)

    def _rows(
        self,
        line: int,
        first: Cells,
        head_of: Callable[[Cells], object],
        others: Iterator[tuple[int, Cells]],
    ) -> Iterator[PaymentRow]:
        head = head_of(first)
        yield payment_row(self._columns, first, line)
        for number, cells in others:
            if head_of(cells) != head:
                expected = "the same register columns in all rows of a register"
                raise FileError(self.table.path, expected, line=number)
            yield payment_row(self._columns, cells, number)

    def _register(self, cells: Cells, line: int, rows: Iterator[PaymentRow]) -> Register:
        columns = self._columns
        return Register(
            source=columns.text(cells, "source"),
            reference=columns.text(cells, "reference"),
            received_on=columns.day(cells, "received_on", line),
            payer=_payer(columns, cells, "payer_bin", "payer_name"),
            purpose_code=columns.text(cells, "purpose_code"),
            declared=RegisterTotals(
                people=columns.integer(cells, "declared_people", line),
                documents=columns.integer(cells, "declared_documents", line),
                amount_tiyn=columns.integer(cells, "declared_amount_tiyn", line),
            ),
            rows=rows,
        )


def payment_row(columns: Columns, cells: Cells, line: int) -> PaymentRow:
    """Read one row."""
    return PaymentRow(
        line_no=columns.integer(cells, "line_no", line),
        document=columns.text(cells, "document"),
        iin=columns.text(cells, "iin"),
        surname=columns.text(cells, "surname"),
        given_name=columns.text(cells, "given_name"),
        patronymic=columns.text(cells, "patronymic"),
        birth_date=columns.text(cells, "birth_date"),
        period=columns.text(cells, "period"),
        amount_tiyn=columns.integer(cells, "amount_tiyn", line),
        purpose_code=columns.text(cells, "row_purpose_code"),
        payer=_payer(columns, cells, "row_payer_bin", "row_payer_name"),
    )


def _payer(columns: Columns, cells: Cells, bin_column: str, name_column: str) -> Payer | None:
    number, name = columns.text(cells, bin_column), columns.text(cells, name_column)
    return Payer(number, name) if number or name else None
