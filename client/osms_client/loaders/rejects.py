"""Reject files: suspended lines as CSV, to be corrected by a person and loaded again."""

import csv
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from osms_client.blocking import Gateway
from osms_client.loaders.cells import Columns
from osms_client.loaders.errors import FileError
from osms_client.loaders.owner_only import owner_only
from osms_client.loaders.register_table import REGISTER_COLUMNS, RowReader
from osms_client.loaders.tables import Table
from osms_client.registers import Payer, RegisterSummary
from osms_client.remedies import Correction, Refund, Resolution, SuspendedRow
from osms_client.vocabulary import LineIssue, SuspenseState

REJECT_COLUMNS = (*REGISTER_COLUMNS, "issue", "field", "action")
"""A register's columns, what is wrong, and what to do: ``correct`` (or empty) or ``refund``."""

_CORRECT = "correct"
_REFUND = "refund"


class RejectFile:
    """Writes the lines that are in suspense now.

    The file is there once all of them are written, and only if there are any. One that is there
    before is never touched: a person may have worked on it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        """Lines written so far."""
        self._part = path.with_name(f"{path.name}.part")

    def __enter__(self) -> Self:
        """Raise FileError if the file is there, or cannot be written."""
        try:
            if self.path.exists() or self.path.is_symlink():
                raise FileError(self.path, "a new file for rejects: there is one, maybe corrected")
            self._part.unlink(missing_ok=True)  # of a load that was killed
            self._file = open(self._part, "w", encoding="utf-8", newline="", opener=owner_only)
        except OSError as error:
            expected = f"a place where rejects can be written ({error.strerror})"
            raise FileError(self.path, expected) from error
        self._writer = csv.writer(self._file)
        self._writer.writerow(REJECT_COLUMNS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        if error is None and self.lines:
            self._part.replace(self.path)
        else:
            self._part.unlink()  # the next load finds the same lines

    def add(self, gateway: Gateway, register: RegisterSummary) -> None:
        """Write a register's lines that are in suspense now."""
        suspended = gateway.list_suspense(
            source=register.source,
            reference=register.reference,
            state=SuspenseState.SUSPENDED,
        )
        for line in suspended:
            self._writer.writerow(_cells(register, line))
            self.lines += 1


def _cells(register: RegisterSummary, line: SuspendedRow) -> list[str | int]:
    row, payer = line.row, line.row.payer or Payer()
    return [
        *(register.source, register.reference, register.received_on.isoformat()),
        *(register.payer.bin, register.payer.name, register.purpose_code),
        *(register.declared.people, register.declared.documents, register.declared.amount_tiyn),
        *(row.line_no, row.document, row.iin, row.surname, row.given_name, row.patronymic),
        *(row.birth_date, row.period, row.amount_tiyn, row.purpose_code, payer.bin, payer.name),
        *(line.issue, line.field, _action(line)),
    ]


def _action(line: SuspendedRow) -> str:
    """Return what can be done: an amount must stay as it was, so a wrong one is refunded."""
    return _REFUND if line.issue is LineIssue.AMOUNT_NOT_POSITIVE else _CORRECT


def read_resolutions(table: Table) -> Iterator[Resolution]:
    """Yield what to do with each line of a reject file; raises FileError at a broken line."""
    columns = Columns(table.path, table.columns, known=REJECT_COLUMNS)
    row_reader = RowReader(columns)
    for line, cells in table.rows():
        source, reference = columns.text(cells, "source"), columns.text(cells, "reference")
        line_no = columns.integer(cells, "line_no", line)
        action = columns.text(cells, "action")
        if action == _REFUND:
            yield Refund(source=source, reference=reference, line_no=line_no)
        elif action in ("", _CORRECT):
            row = row_reader.row(cells, line)
            yield Correction(source=source, reference=reference, line_no=line_no, row=row)
        else:
            raise FileError(table.path, f"{_CORRECT} or {_REFUND} in action", line=line)
