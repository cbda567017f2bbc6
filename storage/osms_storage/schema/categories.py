"""Categories: who is assigned to what, and the syncs that say so."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, Table, Text

from osms_storage.schema.knowledge import key_column, metadata


def _record_columns() -> list[Column[int] | Column[str]]:
    return [
        # Null: not removed.
        Column("removed_on", Integer),
        Column("removal_source_id", SmallInteger),
        Column("removal_reason_id", BigInteger),
    ]


removal_reason = Table(
    "removal_reason",
    metadata,
    # A hash of the text.
    key_column("id", BigInteger),
    Column("reason", Text, nullable=False),
)

assignment = Table(
    "assignment",
    metadata,
    key_column("iin", BigInteger),
    key_column("source_id", SmallInteger),
    # 0: unspecified.
    key_column("category_id", SmallInteger),
    # A removal without a day of assignment has the negative of its day of removal here.
    key_column("assigned_on", Integer),
    # Later batches win.
    key_column("batch_id", BigInteger),
    *_record_columns(),
    sqlite_with_rowid=False,
)

sync_run = Table(
    "sync_run",
    metadata,
    key_column("id", BigInteger),
    # Null until applied.
    Column("batch_id", BigInteger, index=True),
    Column("sender_id", SmallInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("delta_number", BigInteger, nullable=False),
    Column("as_of", Integer, nullable=False),
    # By the system's clock: when the last chunk came.
    Column("received_at", BigInteger, nullable=False),
    Column("content", LargeBinary(32)),
    # 1 until what it brought is dropped from the tables of staging.
    Column("staged", SmallInteger, nullable=False),
    # JSON of osms_storage.category_records.SyncCounts.
    Column("counts", Text),
    Column("operator_reason", Text),
    Index("ix_sync_run_sender_id_state", "sender_id", "state", "kind", "delta_number"),
)

sync_scope = Table(
    "sync_scope",
    metadata,
    key_column("run_id", BigInteger),
    key_column("source_id", SmallInteger),
    key_column("category_id", SmallInteger),
)

# What a run brought, until it is applied or superseded.
staged_record = Table(
    "staged_record",
    metadata,
    key_column("run_id", BigInteger),
    key_column("iin", BigInteger),
    key_column("source_id", SmallInteger),
    key_column("category_id", SmallInteger),
    key_column("assigned_on", Integer),
    *_record_columns(),
    sqlite_with_rowid=False,
)

# People of a run's rejected records: their spans are not closed by it.
staged_protection = Table(
    "staged_protection",
    metadata,
    key_column("run_id", BigInteger),
    key_column("iin", BigInteger),
    sqlite_with_rowid=False,
)

# What applying a run changes: the rows that become assignments.
staged_change = Table(
    "staged_change",
    metadata,
    key_column("run_id", BigInteger),
    key_column("iin", BigInteger),
    key_column("source_id", SmallInteger),
    key_column("category_id", SmallInteger),
    key_column("assigned_on", Integer),
    *_record_columns(),
    Column("closing", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Which sources an applied sync spoke for.
feed_delivery = Table(
    "feed_delivery",
    metadata,
    key_column("source_id", SmallInteger),
    key_column("batch_id", BigInteger),
    Column("as_of", Integer, nullable=False),
)
