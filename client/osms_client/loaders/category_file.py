"""Category feeds in CSV or Parquet: the head says what the feed is, the rows are its records."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from osms.values import parse_date
from osms_client.categories import CategoryRecord, SyncHeader, SyncScope
from osms_client.loaders.cells import Columns
from osms_client.loaders.errors import FileError
from osms_client.loaders.tables import Table
from osms_client.vocabulary import SyncKind

CATEGORY_COLUMNS = (
    "iin",
    "source",
    "category",
    "assigned_on",
    "removed_on",
    "removal_source",
    "removal_reason",
)
"""The fields of a record."""

EXAMPLE = "# osms-feed sender=labour kind=DELTA delta_number=14 as_of=2026-03-02 records=1200"
"""The head of a feed; a snapshot also has ``scope=labour/pension,labour/disabled``."""


@dataclass(frozen=True, slots=True)
class CategoryFile:
    """A feed that is ready to be sent; its records are read as they are taken."""

    header: SyncHeader
    """What the feed is."""

    records: Iterator[CategoryRecord]
    """Its records. Raises FileError at one that cannot be read: then nothing of it counts."""


def read_category_file(table: Table) -> CategoryFile:
    """Read a feed; raise FileError if its head or its columns are not those of one."""
    header = _Head(table).header()
    columns = Columns(table.path, table.columns, known=CATEGORY_COLUMNS)
    records = (
        CategoryRecord(**{name: columns.text(cells, name) for name in CATEGORY_COLUMNS})
        for _, cells in table.rows()
    )
    return CategoryFile(header, records)


class _Head:
    """The words ``key=value`` of a feed's head."""

    def __init__(self, table: Table) -> None:
        self._path: Path = table.path
        if table.note is None:
            raise FileError(self._path, f'a head such as "{EXAMPLE}"', line=1)
        self._words: dict[str, str] = {}
        for word in table.note.split():
            key, equals, value = word.partition("=")
            if not equals or key in self._words:
                raise self._wrong("words key=value, each key once,")
            self._words[key] = value

    def header(self) -> SyncHeader:
        """Return the head as it is sent."""
        kind = self._kind()
        header = SyncHeader(
            sender=self._take("sender"),
            kind=kind,
            delta_number=self._number("delta_number", absent=kind is SyncKind.SNAPSHOT),
            as_of=self._day("as_of"),
            declared_records=self._number("records"),
            scope=self._scope() if kind is SyncKind.SNAPSHOT else (),
        )
        if self._words:
            raise self._wrong("no further words")
        return header

    def _wrong(self, expected: str) -> FileError:
        return FileError(self._path, f"{expected} in the head of the feed", line=1)

    def _take(self, key: str) -> str:
        value = self._words.pop(key, "")
        if not value:
            raise self._wrong(f"{key}=...")
        return value

    def _kind(self) -> SyncKind:
        value = self._take("kind")
        if value not in SyncKind.__members__:
            raise self._wrong(f"kind={' or '.join(SyncKind)}")
        return SyncKind(value)

    def _number(self, key: str, *, absent: bool = False) -> int:
        if absent and key not in self._words:
            return 0
        value = self._take(key)
        if not (value.isascii() and value.isdigit() and len(value) <= 18):
            raise self._wrong(f"{key} as a whole number")
        return int(value)

    def _day(self, key: str) -> date:
        try:
            return parse_date(self._take(key))
        except ValueError:
            raise self._wrong(f"{key} as YYYY-MM-DD") from None

    def _scope(self) -> tuple[SyncScope, ...]:
        parts = [part.partition("/") for part in self._take("scope").split(",")]
        if not all(source for source, _, _ in parts):
            raise self._wrong("scope as source/category,source/category")
        return tuple(SyncScope(source, category) for source, _, category in parts)
