"""Registers of a CSV or Parquet file: the rows of one follow each other, its columns repeat."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
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
        self._row_reader = RowReader(self._columns)

    @property
    def bytes_read(self) -> int:
        """About how far the file has been read."""
        return self.table.bytes_read

    def registers(self) -> Iterator[Register]:
        """Yield the registers; raises FileError before the first if any of them is broken."""
        found = 0
        # A file that proves broken is closed at once.
        with closing(self._registers()) as registers:
            for register in registers:
                found += 1
                for _ in register.rows:
                    pass
        if not found:
            raise FileError(self.table.path, "rows under the names of the columns: there are none")
        yield from self._registers()

    def _registers(self) -> Generator[Register, None, None]:
        index = self._columns.index
        key_of = itemgetter(index["source"], index["reference"])
        head_of = itemgetter(*(index[name] for name in HEADER_COLUMNS))
        with closing(self.table.rows()) as lines:
            for _, group in groupby(lines, key=lambda row: key_of(row[1])):
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
        yield self._row_reader.row(first, line)
        for number, cells in others:
            if head_of(cells) != head:
                expected = "the same register columns in all rows of a register"
                raise FileError(self.table.path, expected, line=number)
            yield self._row_reader.row(cells, number)

    def _register(self, cells: Cells, line: int, rows: Iterator[PaymentRow]) -> Register:
        columns = self._columns
        return Register(
            source=columns.text(cells, "source"),
            reference=columns.text(cells, "reference"),
            received_on=columns.day(cells, "received_on", line),
            payer=_payer(columns.text(cells, "payer_bin"), columns.text(cells, "payer_name")),
            purpose_code=columns.text(cells, "purpose_code"),
            declared=RegisterTotals(
                people=columns.integer(cells, "declared_people", line),
                documents=columns.integer(cells, "declared_documents", line),
                amount_tiyn=columns.integer(cells, "declared_amount_tiyn", line),
            ),
            rows=rows,
        )


class RowReader:
    """Reads rows; the way from cells to a row is the hot path of a large file."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._texts = columns.reader(ROW_COLUMNS)

    def row(self, cells: Cells, line: int) -> PaymentRow:
        """Read one row; raise FileError where a number is none."""
        texts = self._texts(cells)
        line_no, document, iin, surname, given_name, patronymic, birth_date, period = texts[:8]
        amount_tiyn, purpose_code, payer_bin, payer_name = texts[8:]
        as_integer = self._columns.as_integer
        return PaymentRow(
            line_no=as_integer(line_no, "line_no", line),
            document=document,
            iin=iin,
            surname=surname,
            given_name=given_name,
            patronymic=patronymic,
            birth_date=birth_date,
            period=period,
            amount_tiyn=as_integer(amount_tiyn, "amount_tiyn", line),
            purpose_code=purpose_code,
            payer=_payer(payer_bin, payer_name),
        )


def _payer(number: str, name: str) -> Payer | None:
    return Payer(number, name) if number or name else None
