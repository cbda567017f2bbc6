"""Loaders of files: registers (MT-102, CSV, Parquet), reject and reversal
files, category feeds (CSV, Parquet), rosters (CSV, XLSX, Parquet).

Parquet and XLSX need the files extra.
"""

from osms_client.loaders.category_file import (
    CATEGORY_COLUMNS,
    CategoryFile,
    read_category_file,
)
from osms_client.loaders.errors import FileError
from osms_client.loaders.kinds import FileKind, kind_of
from osms_client.loaders.load import DEFAULT_SOURCE, load
from osms_client.loaders.mt102 import Mt102File
from osms_client.loaders.register_table import REGISTER_COLUMNS, RegisterTable
from osms_client.loaders.rejects import REJECT_COLUMNS, RejectFile, read_resolutions
from osms_client.loaders.report import LoadProgress, LoadReport
from osms_client.loaders.reversals import (
    REVERSAL_COLUMNS,
    ReversalReport,
    read_reversals,
    reverse_file,
)
from osms_client.loaders.roster_file import ROSTER_COLUMNS, read_roster
from osms_client.loaders.sheets import write_sheet
from osms_client.loaders.sync import SyncProgress, sync_file
from osms_client.loaders.tables import CsvTable, ParquetTable, open_table

__all__ = [
    "CATEGORY_COLUMNS",
    "DEFAULT_SOURCE",
    "REGISTER_COLUMNS",
    "REJECT_COLUMNS",
    "REVERSAL_COLUMNS",
    "ROSTER_COLUMNS",
    "CategoryFile",
    "CsvTable",
    "FileError",
    "FileKind",
    "LoadProgress",
    "LoadReport",
    "Mt102File",
    "ParquetTable",
    "RegisterTable",
    "RejectFile",
    "ReversalReport",
    "SyncProgress",
    "kind_of",
    "load",
    "open_table",
    "read_category_file",
    "read_resolutions",
    "read_reversals",
    "read_roster",
    "reverse_file",
    "sync_file",
    "write_sheet",
]
