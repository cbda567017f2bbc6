"""What became of a load."""

from dataclasses import dataclass, field
from pathlib import Path

from osms_client.loaders.errors import FileError
from osms_client.registers import RegisterResult, RegisterSummary, RowTotals
from osms_client.remedies import Resolution, ResolutionResult
from osms_client.vocabulary import RegisterOutcome, ResolutionOutcome

DETAILS_KEPT_MAX = 1_000
"""Refused registers and unresolved lines kept one by one; all of them are counted."""

NOTHING = RowTotals(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProgress:
    """How far a load has come."""

    path: Path
    """The file it is at."""

    bytes_done: int
    """Bytes of all files read so far, about."""

    bytes_total: int
    """Bytes of all files."""

    registers: int
    """Registers answered."""

    rows: int
    """Rows in them, and lines of reject files answered."""


@dataclass(slots=True)
class LoadReport:
    """Counts of a load; filled while results come, so that it is true at any moment."""

    files: int = 0
    """Files that were read to their end."""

    failures: list[FileError] = field(default_factory=list)
    """Files that were not."""

    committed: int = 0
    """Registers committed now."""

    already_committed: int = 0
    """Registers that had been committed before: nothing was counted twice."""

    refused: int = 0
    """Registers refused; nothing of them counts."""

    refusals: list[RegisterResult] = field(default_factory=list)
    """The first of the refused registers."""

    accepted: RowTotals = NOTHING
    """Rows that became payments now."""

    settled_before: RowTotals = NOTHING
    """Rows of the registers committed before that are not in suspense."""

    suspended: RowTotals = NOTHING
    """Rows of these registers that are in suspense now."""

    warnings: int = 0
    """Lines accepted although something looks strange."""

    resolved: int = 0
    """Suspended lines corrected or refunded now."""

    already_resolved: int = 0
    """Suspended lines that had been resolved before in the same way."""

    unresolved: int = 0
    """Lines of reject files that could not be resolved."""

    unresolved_lines: list[tuple[Resolution, ResolutionResult]] = field(default_factory=list)
    """The first of them."""

    revision: int = 0
    """The newest store revision of these registers and lines: ``at_least_revision`` of a lookup
    that must see them."""

    @property
    def changed(self) -> bool:
        """Whether the gateway knows more than before."""
        return bool(self.committed or self.resolved)

    @property
    def clean(self) -> bool:
        """Whether all of it is accepted, now or before."""
        return not (self.failures or self.refused or self.suspended.rows or self.unresolved)

    def add_register(self, result: RegisterResult, now: RegisterSummary | None) -> None:
        """Count a register; ``now`` is how it stands, needed where it had suspended lines."""
        self.revision = max(self.revision, result.revision)
        self.warnings += len(result.warnings)
        if result.outcome is RegisterOutcome.COMMITTED:
            self.committed += 1
            self.accepted = _sum(self.accepted, result.accepted)
            self.suspended = _sum(self.suspended, result.suspended)
        elif result.outcome is RegisterOutcome.ALREADY_COMMITTED:
            self.already_committed += 1
            self.suspended = _sum(self.suspended, now.suspended if now else NOTHING)
            settled = _less(now.total, now.suspended) if now else result.accepted
            self.settled_before = _sum(self.settled_before, settled)
        else:
            self.refused += 1
            if len(self.refusals) < DETAILS_KEPT_MAX:
                self.refusals.append(result)

    def add_resolution(self, resolution: Resolution, result: ResolutionResult) -> None:
        """Count a line of a reject file."""
        if result.outcome is ResolutionOutcome.RESOLVED:
            self.resolved += 1
        elif result.outcome is ResolutionOutcome.ALREADY_RESOLVED:
            self.already_resolved += 1
        else:
            self.unresolved += 1
            if len(self.unresolved_lines) < DETAILS_KEPT_MAX:
                self.unresolved_lines.append((resolution, result))


def _sum(left: RowTotals, right: RowTotals) -> RowTotals:
    return RowTotals(left.rows + right.rows, left.amount_tiyn + right.amount_tiyn)


def _less(left: RowTotals, right: RowTotals) -> RowTotals:
    return RowTotals(left.rows - right.rows, left.amount_tiyn - right.amount_tiyn)
