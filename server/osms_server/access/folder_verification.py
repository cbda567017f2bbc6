"""Finds out whether the chains in a folder of journals are whole."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from osms_server.access.chain import CHANGED, MISSING, REORDERED, Chain, Finding, digest
from osms_server.access.chain_files import chains_in, files_of, first_number, held
from osms_server.access.frames import Frame, frames_in
from osms_server.access.keeper import Head, Keeper


@dataclass(frozen=True, slots=True)
class FolderReport:
    """What was found in a folder of journals."""

    chains: int
    """How many chains were followed."""
    records: int
    """How many records were read."""
    findings: tuple[Finding, ...]
    """By chain and number; empty: the folder is whole."""


async def verify_folder(folder: Path, keeper: Keeper | None = None) -> FolderReport:
    """Follow every chain of a folder; gateways may go on writing to it and shipping from it.

    ``keeper`` says how far the store has each chain, so that missing records before those in the
    folder are found too; None: what comes first in the folder counts as the next.

    Raises StoreError if the keeper does.
    """
    findings: list[Finding] = []
    chains = records = 0
    for path in await asyncio.to_thread(chains_in, folder):
        files = await asyncio.to_thread(files_of, path)
        # Not before the files were listed: what is gone from the folder is in the store.
        head = await keeper.head(path.name) if keeper else None
        walk = _Walk(path.name, head, from_start=keeper is not None)
        await asyncio.to_thread(walk.follow, files, live=held(path))
        chains += 1
        records += walk.records
        findings += walk.findings()
    return FolderReport(chains, records, tuple(findings))


class _Walk:
    """Follows one chain; what comes late is told from what is missing."""

    def __init__(self, writer: str, head: Head | None, *, from_start: bool) -> None:
        self._head = head
        self._chain = Chain(writer, head.number, head.hash) if head else Chain(writer)
        self._from_start = from_start
        self._linked = True
        """Whether the hash of the record before is known."""
        self._faults: dict[int, Finding] = {}
        self._gaps: dict[int, int] = {}
        """The first number that is missing, and the next that is there."""
        self._late = -1
        self.records = 0

    def findings(self) -> list[Finding]:
        """Return what is wrong, by number."""
        missing = {number: Finding(self._chain.writer, number, MISSING) for number in self._gaps}
        return [finding for _, finding in sorted((missing | self._faults).items())]

    def follow(self, files: Sequence[Path], *, live: bool) -> None:
        """Read the files in their order; at the end of a live chain a write may be under way."""
        for file in files[:1]:
            self._begin_at(first_number(file))
        for frame, last in _with_last(_frames(files)):
            if frame.sealed is None:
                if not (last and (frame.torn or live)):
                    self._damaged()
                continue
            self.records += 1
            if frame.number <= self._chain.number:
                self._came_late(frame.number)
            else:
                self._came(frame.number, frame.sealed)

    def _begin_at(self, number: int) -> None:
        """Go on where the store ends; before that, only what the folder has is looked at."""
        if not self._from_start or (self._head and number <= self._head.number):
            self._chain.number, self._chain.hash = number - 1, b""
            self._linked = number == 1

    def _damaged(self) -> None:
        self._fault(Finding(self._chain.writer, self._chain.number + 1, CHANGED))
        self._chain.number += 1
        self._linked = False

    def _came(self, number: int, sealed: bytes) -> None:
        if number > self._chain.number + 1:
            self._gaps[self._chain.number + 1] = number
        finding = self._chain.follow(sealed, number)
        if finding and finding.fault != MISSING and (self._linked or finding.number == number):
            self._fault(finding)
        self._linked = True
        head = self._head
        if head and number == head.number and digest(sealed) != head.hash:
            self._fault(Finding(self._chain.writer, number, CHANGED))

    def _came_late(self, number: int) -> None:
        """Note a record that stands behind later ones, once for a row of them."""
        if number != self._late + 1:
            self._fault(Finding(self._chain.writer, number, REORDERED))
        self._late = number
        for first, following in list(self._gaps.items()):
            if first <= number < following:
                del self._gaps[first]
                if first < number:
                    self._gaps[first] = number
                if number + 1 < following:
                    self._gaps[number + 1] = following

    def _fault(self, finding: Finding) -> None:
        self._faults.setdefault(finding.number, finding)


def _frames(files: Sequence[Path]) -> Iterator[Frame]:
    for file in files:
        # A file that is gone by now was shipped meanwhile.
        with suppress(FileNotFoundError):
            yield from frames_in(file.read_bytes())


def _with_last(frames: Iterator[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Return each with whether it is the last."""
    before: Frame | None = None
    for frame in frames:
        if before is not None:
            yield before, False
        before = frame
    if before is not None:
        yield before, True
