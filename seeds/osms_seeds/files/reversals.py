"""Reversals: payments taken back, one file a day."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from osms_seeds.files.register import SOURCE, Register
from osms_seeds.files.spool import Spool
from osms_seeds.files.timeline import Step, StepKind
from osms_seeds.timetable import Timetable

COLUMNS = (
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
LINES_MAX = 1_000
"""Lines of one reversal reference; a day with more has several references."""


class ReversalDesk:
    """Writes reversals as the payments they take back get their references."""

    def __init__(self, out: Path, time: Timetable) -> None:
        """Write below `out`."""
        self._out = out
        self._time = time
        self._spools: dict[date, Spool] = {}
        self._lines: dict[date, int] = {}

    def take(self, register: Register) -> None:
        """Write the reversals of a register's rows."""
        for line_no, row in enumerate(register.rows, start=1):
            if row.reversal is None:
                continue
            day = row.reversal.reversed_on
            batch, line = divmod(self._lines.get(day, 0), LINES_MAX)
            self._lines[day] = self._lines.get(day, 0) + 1
            cells = (
                SOURCE,
                f"REV-{day:%y%m%d}{batch + 1:05d}",
                day.isoformat(),
                str(line + 1),
                SOURCE,
                register.reference,
                str(line_no),
                row.iin,
                str(row.reversal.amount_tiyn),
                row.reversal.reason_code,
            )
            self._spool(day).write(",".join(cells) + "\n")

    def close(self) -> Iterator[Step]:
        """Finish all files and yield their steps, each after the registers of its day."""
        for day, spool in self._spools.items():
            spool.flush()
            path = spool.path.relative_to(self._out).as_posix()
            yield Step(self._time.instant(day, 16, 0), path, StepKind.REVERSALS)

    def _spool(self, day: date) -> Spool:
        if day not in self._spools:
            self._spools[day] = Spool(self._out / "reversals" / f"{day}.csv")
            self._spools[day].write(",".join(COLUMNS) + "\n")
        return self._spools[day]
