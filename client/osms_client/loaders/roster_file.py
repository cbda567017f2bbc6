"""Rosters in CSV, XLSX or Parquet: a row a member, other columns beside are left alone."""

import re
from pathlib import Path

from osms_client.loaders.cells import Columns
from osms_client.loaders.errors import FileError
from osms_client.loaders.sheets import open_sheet
from osms_client.rosters import RosterMember

ROSTER_COLUMNS = ("iin", "attached_on", "last_visit_on")
"""The fields of a member. All three must be there; a last visit may be empty."""

_CUT = re.compile(r"[0-9]{9,11}")
"""An IIN that a spreadsheet took for a number: zeros at its beginning are lost."""


def read_roster(path: Path) -> list[RosterMember]:
    """Return the members that a file lists; raise FileError if it is not a whole roster.

    Of people born from 2000 on spreadsheets cut the zeros that their IIN begins with: they are put
    back.
    """
    table = open_sheet(path)
    columns = Columns(path, table.columns, known=ROSTER_COLUMNS, others=True)
    read = columns.reader(ROSTER_COLUMNS)
    members = []
    for _, cells in table.rows():
        iin, attached_on, last_visit_on = read(cells)
        if _CUT.fullmatch(iin):
            iin = iin.zfill(12)
        members.append(RosterMember(iin=iin, attached_on=attached_on, last_visit_on=last_visit_on))
    if not members:
        # Nearly always an export that failed; it would take everybody off the roster.
        raise FileError(path, "at least one member")
    return members
