"""What can go wrong in the store, one class per thing a caller can do about it.

StoreError
├── StoreUnavailableError   ask again later
├── StoreFullError          make room, then ask again
├── RunAbandonedError       send the sync again
├── OutdatedComparisonError compare the sync again
├── LawChangedError         run the command again
├── BrokenChainError        stop, and show an operator the writer's files
├── RebuildEndedError       nothing, or run the command again
├── SchemaMismatchError     migrate the store, or run the matching release
├── StoreNotEmptyError      restore into another store
├── ArchiveDamagedError     restore another archive
├── ArchiveRefusedError     restore it with the matching release, or into the matching engine
└── ArchiveUnwritableError  make room for the archive, or write it elsewhere
"""


class StoreError(Exception):
    """The store could not do its work; nothing was applied."""


class StoreUnavailableError(StoreError):
    """The store cannot be read or written now."""


class StoreFullError(StoreError):
    """The store's disk is full."""


class RunAbandonedError(StoreError):
    """A sync was idle for so long that it was forgotten."""


class LawChangedError(StoreError):
    """The law or the reference data changed while all ledgers were made by them."""

    def __init__(
        self, message: str = "The reference data changed meanwhile. Run the command again."
    ) -> None:
        # An argument, lest the error be lost on its way from another process.
        super().__init__(message)


class RebuildEndedError(StoreError):
    """Another process has ended the rebuild that this one was a part of."""

    def __init__(
        self, message: str = "Another rebuild of the ledgers has ended meanwhile."
    ) -> None:
        super().__init__(message)


class BrokenChainError(StoreError):
    """Records of the access log do not go on where the store's end, or are others than those."""

    def __init__(self, writer: str, number: int, message: str) -> None:
        self.writer = writer
        """Names the chain."""
        self.number = number
        """The record that does not fit."""
        super().__init__(message)


class OutdatedComparisonError(StoreError):
    """Another sync was applied since a snapshot was compared with what was known."""


class SchemaMismatchError(StoreError):
    """The store's schema is not the one this release works with."""

    def __init__(self, found: str | None, expected: str) -> None:
        self.found = found
        """The schema revision of the store; None if it has none."""
        self.expected = expected
        """The schema revision of this release."""
        super().__init__(
            f"The store has schema {found or 'none'}, this release works with {expected}. "
            "An older store is brought up by `osms init`; a newer one needs a newer release."
        )


class StoreNotEmptyError(StoreError):
    """A store that a backup is to be restored into holds something already."""

    def __init__(self) -> None:
        super().__init__("There is something in the store already; a restore replaces nothing.")


class ArchiveDamagedError(StoreError):
    """A backup is not as it was written."""

    def __init__(self, where: str) -> None:
        self.where = where
        """The part that is damaged, or what is missing."""
        super().__init__(f"The archive is damaged or cut off ({where}); nothing was changed.")


class ArchiveRefusedError(StoreError):
    """A backup is whole, but not one that can be restored here."""


class ArchiveUnwritableError(StoreError):
    """A backup cannot be written where it is to be."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The archive cannot be written: {reason}.")
