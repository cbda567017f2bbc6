"""Tables of text in a file: CSV by the standard library, Parquet by polars, in constant memory."""

import csv
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from osms_client.loaders.errors import FileError

PARQUET_ROWS_AT_ONCE = 50_000
"""Rows of a Parquet file held at a time. Its own row groups should not be much larger."""

NOTE_MARK = "# osms-feed "
"""What the first line of a CSV may open with, and the key of a Parquet file's metadata."""

Cells = Sequence[str]
"""The texts of one row, in the order of the columns."""


class Table(Protocol):
    """A file of rows."""

    path: Path
    columns: list[str]
    note: str | None
    """What the file says of itself after ``# osms-feed``; None if nothing."""
    bytes_read: int
    """About how far the file has been read."""

    def rows(self) -> Generator[tuple[int, Cells], None, None]:
        """Yield the line (of Parquet: the row) and its cells, from the first one, each time."""


@dataclass
class CsvTable:
    """A CSV file in UTF-8, with or without a byte order mark."""

    path: Path
    columns: list[str] = field(default_factory=list)
    note: str | None = None
    bytes_read: int = 0

    def __post_init__(self) -> None:
        with self._reader() as (reader, _):
            self.columns = [name.strip() for name in next(reader, [])]
        if not self.columns:
            raise FileError(self.path, "a line with the names of the columns: there is none")
        if len(self.columns) == 1 and ";" in self.columns[0]:
            raise FileError(self.path, "commas between columns, not semicolons", line=1)

    def rows(self) -> Generator[tuple[int, Cells], None, None]:
        """Yield the number of the line at which each row ends, and its cells."""
        width = len(self.columns)
        with self._reader() as (reader, tell):
            next(reader)
            for number, cells in enumerate(reader):
                if len(cells) != width:
                    if not cells:
                        continue  # an empty line, e.g. the last one
                    expected = f"{width} cells in a row"
                    raise FileError(self.path, expected, line=self._line(reader))
                if number % 1_000 == 0:
                    self.bytes_read = tell()
                yield self._line(reader), cells

    def _line(self, reader: "_Reader") -> int:
        return reader.line_num + (self.note is not None)

    @contextmanager
    def _reader(self) -> "Iterator[tuple[_Reader, Callable[[], int]]]":
        with self.path.open("rb") as raw:
            lines = self._lines(raw)
            reader = csv.reader(lines, strict=True)
            try:
                yield reader, raw.tell
            except UnicodeDecodeError as error:
                raise FileError(self.path, "text in UTF-8", line=self._line(reader) + 1) from error
            except csv.Error as error:
                expected = "a row of CSV with closed quotes"
                raise FileError(self.path, expected, line=self._line(reader)) from error

    def _lines(self, raw: Iterator[bytes]) -> Iterator[str]:
        for number, line in enumerate(raw):
            text = line.decode("utf-8-sig" if number == 0 else "utf-8")
            if number == 0 and text.startswith(NOTE_MARK):
                self.note = text.removeprefix(NOTE_MARK).strip()
            else:
                yield text


class _Reader(Protocol):
    """What a csv.reader is; its own type has no name."""

    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


@dataclass
class ParquetTable:
    """A Parquet file; every value is taken as its text, dates as YYYY-MM-DD."""

    path: Path
    columns: list[str] = field(default_factory=list)
    note: str | None = None
    bytes_read: int = 0

    def __post_init__(self) -> None:
        import polars

        with self._readable():
            self.columns = list(polars.read_parquet_schema(self.path))
            metadata = polars.read_parquet_metadata(self.path)
        self.note = metadata.get(NOTE_MARK.strip("# "))

    def rows(self) -> Generator[tuple[int, Cells], None, None]:
        """Yield the number of each row, from 1, and its cells."""
        import polars

        size = self.path.stat().st_size
        with self._readable():
            frame = polars.scan_parquet(self.path)
            total = frame.select(polars.len()).collect().item()
        number = 0
        # Slices, not collect_batches: that one runs ahead of a slow reader, without a bound.
        for start in range(0, total, PARQUET_ROWS_AT_ONCE):
            with self._readable():
                batch = (
                    frame.slice(start, PARQUET_ROWS_AT_ONCE)
                    .select(polars.all().cast(polars.String).fill_null(""))
                    .collect(engine="streaming")
                )
            for cells in batch.iter_rows():
                number += 1
                yield number, cells
            self.bytes_read = size * number // total

    @contextmanager
    def _readable(self) -> Iterator[None]:
        import polars

        try:
            yield
        except (polars.exceptions.PolarsError, OSError) as error:
            raise FileError(self.path, "a whole Parquet file") from error


def open_table(path: Path) -> Table:
    """Open a table by its kind; raise FileError if it has no columns."""
    return ParquetTable(path) if is_parquet(path) else CsvTable(path)


def is_parquet(path: Path) -> bool:
    """Tell whether a file says that it is Parquet, whatever its name is."""
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"
