"""Loads files of registers and corrected reject files."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Protocol

from osms_client.blocking import Gateway
from osms_client.blocking.stream import chunks
from osms_client.loaders.errors import FileError
from osms_client.loaders.kinds import FileKind, kind_of
from osms_client.loaders.mt102 import Mt102File
from osms_client.loaders.register_table import RegisterTable
from osms_client.loaders.rejects import RejectFile, read_resolutions
from osms_client.loaders.report import LoadProgress, LoadReport
from osms_client.loaders.tables import open_table
from osms_client.registers import Register, RegisterResult
from osms_client.vocabulary import RegisterOutcome

DEFAULT_SOURCE = "state_corporation"
"""Whose registers MT-102 files are, which do not say it themselves."""

RESOLUTIONS_AT_ONCE = 1_000
"""Lines of a reject file in one call: even long ones stay below the size of a message."""

OnProgress = Callable[[LoadProgress], object]


class RegisterReader(Protocol):
    """A file of registers."""

    @property
    def bytes_read(self) -> int:
        """About how far it has been read."""

    def registers(self) -> Iterator[Register]:
        """Yield its registers, each with rows to be read before the next."""


def load(
    gateway: Gateway,
    paths: Sequence[Path | str],
    *,
    source: str = DEFAULT_SOURCE,
    rejects: Path | None = None,
    operator_reason: str = "",
    on_progress: OnProgress | None = None,
    report: LoadReport | None = None,
) -> LoadReport:
    """Send files of registers (MT-102, CSV, Parquet) and corrected reject files, in their order.

    Doing it again changes nothing and says so; a load that was killed is simply run again. A file
    that cannot be read is noted in the report and the others go on. Suspended lines are written
    to ``rejects``, a new file; FileError, before anything is sent, if it exists or cannot be
    written. ``operator_reason`` stands beside resolved lines; empty: the file's name. Errors of the
    gateway are raised: pass your own ``report`` to keep what was done before one.
    """
    loading = _Load(gateway, list(map(Path, paths)), source, operator_reason, on_progress, report)
    if rejects is None:
        loading.run(None)
    else:
        if rejects.resolve() in [path.resolve() for path in loading.paths]:
            raise FileError(rejects, "another file for rejects than those to be loaded")
        with RejectFile(rejects) as file:
            loading.run(file)
    return loading.report


class _Load:
    """One load on its way."""

    def __init__(
        self,
        gateway: Gateway,
        paths: list[Path],
        source: str,
        operator_reason: str,
        on_progress: OnProgress | None,
        report: LoadReport | None,
    ) -> None:
        self.paths = paths
        self.report = LoadReport() if report is None else report
        self._gateway = gateway
        self._source = source
        self._operator_reason = operator_reason
        self._on_progress = on_progress
        self._reader: RegisterReader | None = None
        self._path = Path()
        self._sizes = {path: path.stat().st_size if path.is_file() else 0 for path in paths}
        self._bytes_before = 0
        self._registers_answered = self._rows_answered = 0

    def run(self, rejects: RejectFile | None) -> None:
        """Load all files; neighbours of one kind share a stream."""
        for is_rejects, files in groupby(self._readable(), key=lambda file: _resolves(file[1])):
            if is_rejects:
                for path, _ in files:
                    self._resolve(path)
                continue
            for result in self._gateway.ingest(self._registers(files)):
                self._note(result, rejects)

    def _readable(self) -> Iterator[tuple[Path, FileKind]]:
        for path in self.paths:
            try:
                kind = kind_of(path)
                if kind is FileKind.CATEGORIES:
                    raise FileError(path, "registers; a category feed is for osms sync")
            except FileError as failure:
                self.report.failures.append(failure)
            else:
                yield path, kind

    def _registers(self, files: Iterable[tuple[Path, FileKind]]) -> Iterator[Register]:
        for path, kind in files:
            self._path = path
            try:
                reader: RegisterReader
                if kind is FileKind.MT102:
                    reader = Mt102File(path, source=self._source)
                else:
                    reader = RegisterTable(open_table(path))
                self._reader = reader
                yield from reader.registers()
            except FileError as failure:
                self.report.failures.append(failure)
            else:
                self.report.files += 1
            self._finish(path)

    def _finish(self, path: Path) -> None:
        self._bytes_before += self._sizes[path]
        self._reader = None

    def _note(self, result: RegisterResult, rejects: RejectFile | None) -> None:
        now = None
        if result.suspended.rows and result.outcome is not RegisterOutcome.REFUSED:
            now = self._gateway.get_register(result.source, result.reference)
        self.report.add_register(result, now)
        if now is not None and now.suspended.rows and rejects is not None:
            rejects.add(self._gateway, now)
        self._registers_answered += 1
        self._rows_answered += result.accepted.rows + result.suspended.rows
        self._tell()

    def _resolve(self, path: Path) -> None:
        self._path = path
        try:
            table = open_table(path)
            for _ in read_resolutions(table):
                pass  # a broken line is found before anything is resolved
        except FileError as failure:
            self.report.failures.append(failure)
            return
        reason = self._operator_reason or f"corrected in {path.name}"
        for some in chunks(read_resolutions(table), RESOLUTIONS_AT_ONCE):
            answer = self._gateway.resolve_suspense(some, operator_reason=reason)
            for resolution, result in zip(some, answer.results, strict=True):
                self.report.add_resolution(resolution, result)
            self.report.revision = max(self.report.revision, answer.revision)
            self._rows_answered += len(some)
            self._tell()
        self.report.files += 1
        self._finish(path)

    def _tell(self) -> None:
        if self._on_progress is None:
            return
        reader = self._reader
        self._on_progress(
            LoadProgress(
                path=self._path,
                bytes_done=self._bytes_before + (reader.bytes_read if reader else 0),
                bytes_total=sum(self._sizes.values()),
                registers=self._registers_answered,
                rows=self._rows_answered,
            )
        )


def _resolves(kind: FileKind) -> bool:
    return kind is FileKind.REJECTS
