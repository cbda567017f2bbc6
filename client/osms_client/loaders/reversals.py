"""Reversal files: which accepted payments to take back."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from osms_client.blocking import Gateway
from osms_client.blocking.stream import chunks
from osms_client.loaders.cells import Columns
from osms_client.loaders.errors import FileError
from osms_client.loaders.report import DETAILS_KEPT_MAX
from osms_client.loaders.tables import Cells, Table, open_table
from osms_client.remedies import PaymentKey, Reversal, ReversalLine, ReversalResult
from osms_client.vocabulary import ReversalOutcome

REVERSAL_COLUMNS = (
    "source",
    "reversal_reference",
    "reversed_on",
    "line_no",
    "payment_source",
    "payment_reference",
    "payment_line_no",
    "iin",
    "amount_tiyn",
    "reason_code",
)
"""The columns of a reversal file; lines of one reversal follow each other."""

LINES_AT_ONCE = 5_000
"""Lines of a reversal in one call; its key holds across calls."""


@dataclass(slots=True)
class ReversalReport:
    """Counts of a reversal file; filled while results come."""

    reversed: int = 0
    """Lines reversed now."""

    already_reversed: int = 0
    """Lines that had been reversed before."""

    late: int = 0
    """Of both: lines that came after the 15 working days the rules allow."""

    failed: int = 0
    """Lines that could not be reversed."""

    failures: list[tuple[Reversal, ReversalLine, ReversalResult]] = field(default_factory=list)
    """The first of them."""

    revision: int = 0
    """The newest store revision of these reversals."""


def reverse_file(
    gateway: Gateway, path: Path | str, *, report: ReversalReport | None = None
) -> ReversalReport:
    """Reverse the payments that a file (CSV, Parquet) names.

    Raises FileError before anything is reversed if the file cannot be read. The same file again
    changes nothing. Pass your own ``report`` to keep what was done before an error.
    """
    report = ReversalReport() if report is None else report
    path = Path(path)
    try:
        table = open_table(path)
    except OSError as error:
        raise FileError(path, f"a file that can be read ({error.strerror})") from error
    if not sum(1 for _ in read_reversals(table)):
        raise FileError(path, "rows under the names of the columns: there are none")
    for reversal in read_reversals(table):
        answer = gateway.reverse_payments(reversal)
        report.revision = max(report.revision, answer.revision)
        for line, result in zip(reversal.lines, answer.results, strict=True):
            _count(report, reversal, line, result)
    return report


def read_reversals(table: Table) -> Iterator[Reversal]:
    """Yield reversals, long ones in parts; raises FileError at a broken line."""
    columns = Columns(table.path, table.columns, known=REVERSAL_COLUMNS)

    def key(row: tuple[int, Cells]) -> tuple[str, str, str]:
        source, reference, day = (columns.text(row[1], name) for name in REVERSAL_COLUMNS[:3])
        return source, reference, day

    for (source, reference, _), group in groupby(table.rows(), key=key):
        for some in chunks(group, LINES_AT_ONCE):
            line, cells = some[0]
            yield Reversal(
                source=source,
                reversal_reference=reference,
                reversed_on=columns.day(cells, "reversed_on", line),
                lines=tuple(_line(columns, cells, line) for line, cells in some),
            )


def _line(columns: Columns, cells: Cells, line: int) -> ReversalLine:
    return ReversalLine(
        line_no=columns.integer(cells, "line_no", line),
        payment=PaymentKey(
            source=columns.text(cells, "payment_source"),
            reference=columns.text(cells, "payment_reference"),
            line_no=columns.integer(cells, "payment_line_no", line),
            iin=columns.text(cells, "iin"),
        ),
        amount_tiyn=columns.integer(cells, "amount_tiyn", line),
        reason_code=columns.text(cells, "reason_code"),
    )


def _count(
    report: ReversalReport, reversal: Reversal, line: ReversalLine, result: ReversalResult
) -> None:
    report.late += result.late
    if result.outcome is ReversalOutcome.REVERSED:
        report.reversed += 1
    elif result.outcome is ReversalOutcome.ALREADY_REVERSED:
        report.already_reversed += 1
    else:
        report.failed += 1
        if len(report.failures) < DETAILS_KEPT_MAX:
            report.failures.append((reversal, line, result))
