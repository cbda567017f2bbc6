"""Changes: what watchers are told, and what is still to be looked at for it."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, Table

from osms_storage.schema.knowledge import key_column, metadata
from osms_storage.schema.ledgers import ledger_columns

# Whose facts a batch touched, until it is found out what that changed.
touched = Table(
    "touched",
    metadata,
    key_column("batch_id", BigInteger),
    key_column("part", Integer),
    # int64 each, little-endian.
    Column("people", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# Batches that touched everybody, as new law does.
census = Table(
    "census",
    metadata,
    key_column("batch_id", BigInteger),
    # Everybody up to this IIN has been looked at.
    Column("done_through", BigInteger, nullable=False),
)


def _state_columns(prefix: str = "") -> list[Column[int]]:
    return [
        # A number of the contract's EligibilityStatus.
        Column(f"{prefix}status", SmallInteger, nullable=False),
        # Null: it never ends.
        Column(f"{prefix}valid_through", Integer),
        Column(f"{prefix}covered_through", Integer),
    ]


# What watchers were last told of a person, and the ledger that it was made of.
standing = Table(
    "standing",
    metadata,
    key_column("iin", BigInteger),
    # The law it was made by.
    Column("reference_revision", BigInteger, nullable=False),
    *_state_columns(),
    # The last day on which the answer does not change by itself. Null: there is no other, or the
    # ledger is damaged: then its person is not looked at before a batch touches it.
    Column("ends_on", Integer),
    *ledger_columns(),
    Index("ix_standing_ends_on", "ends_on"),
)

# Each step of finding changes.
telling = Table(
    "telling",
    metadata,
    key_column("step", BigInteger),
    # The newest when the step looked.
    Column("revision", BigInteger, nullable=False),
    Column("told_at", BigInteger, nullable=False),
)

change = Table(
    "change",
    metadata,
    key_column("iin", BigInteger),
    key_column("step", BigInteger),
    Column("revision", BigInteger, nullable=False),
    # A number of the contract's ChangeCause.
    Column("cause", SmallInteger, nullable=False),
    # The first day whose status is another than was told.
    Column("effective_on", Integer, nullable=False),
    *_state_columns("before_"),
    *_state_columns("after_"),
    Index("ix_change_step", "step"),
    sqlite_with_rowid=False,
)
