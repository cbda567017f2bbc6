"""Puts people's payments into registers, and registers into files.

An employer at a bank with an MT-102 program sends one message a month and purpose code. All other
payments go into consolidated CSV registers of different sizes. Payments older than the history
come in files of a year each, loaded first.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random

from osms_seeds.facts import CONTRIBUTION, DEDUCTION, Payer, Person
from osms_seeds.files import mt102, register_table
from osms_seeds.files.register import CONSOLIDATED, Register, Row
from osms_seeds.files.reversals import ReversalDesk
from osms_seeds.files.spool import Spool
from osms_seeds.files.timeline import Step, StepKind
from osms_seeds.timetable import IN_TIME, Timetable

PEOPLE_MIN = 8
"""An employer with fewer rows is put into a consolidated register, but for penalties."""
PEOPLE_MAX = 5_000
_SIZES = (PEOPLE_MIN, 40, 150, 600, 2_000, PEOPLE_MAX)
_SIZE_WEIGHTS = (8, 12, 10, 6, 3, 1)
_OWN_MESSAGE_CODES = (CONTRIBUTION, DEDUCTION, "123", "124")
_PARQUET_MONTHS = (1, 4, 7, 10)
_MINUTES = {"utf-8": 0, "cp1251": 10, "cp866": 20}

_Group = tuple[date, Payer, str]


class _Tray:
    """A day's rows on their way into consolidated registers of different sizes."""

    def __init__(self, rng: Random) -> None:
        self.rows: list[Row] = []
        self._rng = rng
        self.size = self._draw()

    def take(self) -> list[Row]:
        """Take away the rows of one register, and draw the size of the next."""
        taken, self.rows = self.rows[: self.size], self.rows[self.size :]
        self.size = self._draw()
        return taken

    def _draw(self) -> int:
        return self._rng.choices(_SIZES, _SIZE_WEIGHTS)[0]


class RegisterDesk:
    """Holds a few rows for each day, and writes a register when it is full."""

    def __init__(self, out: Path, seed: int, time: Timetable) -> None:
        """Write below `out`."""
        self._out = out
        self._seed = seed
        self._time = time
        self._reversals = ReversalDesk(out, time)
        self._groups: dict[_Group, list[Row]] = {}
        self._trays: dict[date, _Tray] = {}
        self._spools: dict[str, Spool] = {}
        self._styles: dict[str, mt102.Style] = {}
        self._steps: dict[str, Step] = {}
        self._references: Counter[date] = Counter()
        self.rows = 0
        self.rows_pending_max = 0
        """The most rows that were ever held in memory."""

    @property
    def registers(self) -> int:
        """Registers written so far."""
        return self._references.total()

    def take(self, person: Person) -> None:
        """Take a person's payments."""
        for payment in person.payments:
            row = Row(
                payment.iin,
                person.name,
                person.born,
                payment.period,
                payment.amount_tiyn,
                payment.purpose_code,
                payment.payer,
                payment.reversal,
            )
            day = payment.received_on
            if self._has_own_message(day, row):
                self._groups.setdefault((day, row.payer, row.purpose_code), []).append(row)
            else:
                self._consolidate(day, row)
        self.rows += len(person.payments)

    def end_block(self) -> None:
        """Write the messages of employers of whom no more people will come."""
        self._note_pending()
        for (day, payer, code), rows in self._groups.items():
            if len(rows) >= PEOPLE_MIN or code not in (CONTRIBUTION, DEDUCTION):
                self._write_message(Register(self._reference(day), day, payer, code, rows))
            else:
                for row in rows:
                    self._consolidate(day, row)
        self._groups.clear()

    def close(self) -> Iterator[Step]:
        """Write what is left, finish all files and yield their steps."""
        self.end_block()
        for day, tray in self._trays.items():
            if tray.rows:
                self._write_consolidated(day, tray.rows)
        for path, spool in self._spools.items():
            style = self._styles.get(path)
            if style is not None and style.ends_with_newline:
                spool.write(style.newline)
            spool.flush()
        yield from self._steps.values()
        yield from self._reversals.close()

    def _has_own_message(self, day: date, row: Row) -> bool:
        return (
            bool(row.payer.encoding)
            and day >= self._time.opening
            and day.day == IN_TIME
            and row.purpose_code in _OWN_MESSAGE_CODES
        )

    def _consolidate(self, day: date, row: Row) -> None:
        if day not in self._trays:
            self._trays[day] = _Tray(Random(f"{self._seed}/sizes/{day}"))
        tray = self._trays[day]
        tray.rows.append(row)
        if len(tray.rows) >= tray.size + PEOPLE_MIN:  # what stays is enough for one more register
            self._note_pending()
            self._write_consolidated(day, tray.take())

    def _reference(self, day: date) -> str:
        self._references[day] += 1
        return f"GCVP-{day:%y%m%d}{self._references[day]:05d}"

    def _write_message(self, register: Register) -> None:
        day, encoding = register.received_on, register.payer.encoding
        path = f"registers/{day}-{encoding}.mt102"
        first = path not in self._spools
        if first:
            rng = Random(f"{self._seed}/style/{path}")
            self._styles[path] = mt102.Style.draw(rng, encoding)
            self._begin(path, day, StepKind.REGISTER_MT102, _MINUTES[encoding], encoding)
        style = self._styles[path]
        order_no = self._references[day]
        text = mt102.message(register, style, order_no)
        self._spools[path].write(text if first else style.newline + text)
        self._reversals.take(register)

    def _write_consolidated(self, day: date, rows: list[Row]) -> None:
        register = Register(self._reference(day), day, CONSOLIDATED, CONTRIBUTION, rows)
        self._reversals.take(register)
        if self._goes_to_parquet(day):
            path = f"registers/{day}.parquet"
            register_table.write_parquet(self._out / path, register)
            instant = self._time.instant(day, 10, 40)
            self._steps[path] = Step(instant, path, StepKind.REGISTER_PARQUET)
            return
        history = day < self._time.opening
        path = f"registers/history-{day.year}.csv" if history else f"registers/{day}.csv"
        if path not in self._spools:
            self._begin(path, day, StepKind.REGISTER_CSV, 30)
            self._spools[path].write(",".join(register_table.COLUMNS) + "\n")
        self._spools[path].write(register_table.csv_lines(register_table.cells(register)))

    def _goes_to_parquet(self, day: date) -> bool:
        """Say whether this is the first consolidated register of a quarter's first 20th."""
        wanted = day.day == IN_TIME and day.month in _PARQUET_MONTHS and day >= self._time.opening
        return wanted and f"registers/{day}.parquet" not in self._steps

    def _begin(
        self, path: str, day: date, kind: StepKind, minute: int, encoding: str = "utf-8"
    ) -> None:
        self._spools[path] = Spool(self._out / path, encoding)
        if day < self._time.opening:
            instant = self._time.instant(self._time.opening, 6, day.year % 60)
        else:
            instant = self._time.instant(day, 10, minute)
        self._steps[path] = Step(instant, path, kind)

    def _note_pending(self) -> None:
        pending = sum(map(len, self._groups.values()))
        pending += sum(len(tray.rows) for tray in self._trays.values())
        self.rows_pending_max = max(self.rows_pending_max, pending)
