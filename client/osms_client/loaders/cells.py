"""Reading the cells of a row, with the place of what cannot be read."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from operator import itemgetter
from pathlib import Path

from osms.values import parse_date
from osms_client.loaders.errors import FileError
from osms_client.loaders.tables import Cells

_INTEGER = re.compile(r"-?[0-9]{1,18}")


class Columns:
    """Finds cells by the names of their columns."""

    def __init__(
        self, path: Path, columns: list[str], *, known: tuple[str, ...], others: bool = False
    ) -> None:
        """Raise FileError if the columns are not exactly the known ones, in any order.

        With ``others`` there may be more beside them.
        """
        self._path = path
        for name in known:
            if columns.count(name) != 1:
                raise FileError(path, f"one column {name!r}", line=1)
        for number, name in enumerate(columns, 1):
            if name not in known and not others:
                # Its name is not told: where data stands among the names, it holds a person.
                expected = f"no other column ({number}) than {', '.join(known)}"
                raise FileError(path, expected, line=1)
        self.index: Mapping[str, int] = {name: columns.index(name) for name in known}

    def text(self, cells: Cells, name: str) -> str:
        """Return a cell without the spaces around it."""
        return cells[self.index[name]].strip()

    def reader(self, names: tuple[str, ...]) -> Callable[[Cells], list[str]]:
        """Return what reads several cells at once, without the spaces around them."""
        pick = itemgetter(*(self.index[name] for name in names))
        return lambda cells: [cell.strip() for cell in pick(cells)]

    def integer(self, cells: Cells, name: str, line: int) -> int:
        """Return a whole number."""
        return self.as_integer(self.text(cells, name), name, line)

    def as_integer(self, text: str, name: str, line: int) -> int:
        """Return the text of a cell as a whole number."""
        if not _INTEGER.fullmatch(text):
            raise FileError(self._path, f"a whole number in {name}", line=line)
        return int(text)

    def day(self, cells: Cells, name: str, line: int) -> date:
        """Return a date."""
        try:
            return parse_date(self.text(cells, name))
        except ValueError:
            raise FileError(self._path, f"a date YYYY-MM-DD in {name}", line=line) from None
