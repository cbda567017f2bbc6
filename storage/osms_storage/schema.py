"""The tables, one schema for every engine.

Facts are append-only and point at their batch; a batch gets its revision at commit, so what was
known at a revision is what its batches say. Every key of a person's data holds the IIN, so that the
same schema distributes by person; suspense is exempt (its IIN may be unreadable), as are the
tables of whole registers and syncs.

Days are proleptic Gregorian ordinals (``date.toordinal``), months ``year * 12 + month - 1``,
instants microseconds since 1970 UTC, money tiyn.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.sqlite import INTEGER

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


def _key(name: str, type_: type[Integer]) -> Column[int]:
    # In SQLite a single key of type INTEGER is the table's own tree; BIGINT would add an index.
    return Column(
        name, type_().with_variant(INTEGER(), "sqlite"), primary_key=True, autoincrement=False
    )


# --- knowledge -----------------------------------------------------------------------------------

revision = Table(
    "revision",
    metadata,
    _key("number", BigInteger),
    Column("recorded_at", BigInteger, nullable=False, index=True),
    Column("cause", Text, nullable=False),
)

batch = Table(
    "batch",
    metadata,
    _key("id", BigInteger),
    Column("revision", BigInteger, ForeignKey("revision.number"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
)

reference = Table(
    "reference",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    # JSON; null: abolished from this revision on.
    Column("body", Text),
)

# --- payments ------------------------------------------------------------------------------------

payer = Table(
    "payer",
    metadata,
    # A hash of BIN and name, so that a bulk load needs no look-up.
    _key("id", BigInteger),
    Column("bin", Text, nullable=False),
    Column("name", Text, nullable=False),
)

register = Table(
    "register",
    metadata,
    _key("batch_id", BigInteger),
    Column("source_id", SmallInteger, nullable=False),
    Column("reference", Text, nullable=False),
    Column("received_on", Integer, nullable=False, index=True),
    Column("payer_id", BigInteger),
    Column("purpose_code", Text, nullable=False),
    Column("people", Integer, nullable=False),
    Column("documents", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("suspended_rows", Integer, nullable=False),
    Column("suspended_amount", BigInteger, nullable=False),
    Column("content", LargeBinary(32), nullable=False),
    UniqueConstraint("source_id", "reference"),
    Index("ix_register_source_id_batch_id", "source_id", "batch_id"),
)

# What rows of a register name of their own: the MT102 they stood in, and who paid.
register_document = Table(
    "register_document",
    metadata,
    _key("register_id", BigInteger),
    # From 1; 0 in a payment: the register's own document and payer.
    _key("document_no", Integer),
    Column("document", Text, nullable=False),
    # Null: the register's payer.
    Column("payer_id", BigInteger),
)

# 0.7 billion rows: widest columns first, none of them null, so that PostgreSQL pads nothing. It is
# partitioned there (see the migration): what arrives is for a few months, so the index that it is
# entered into in the order of people stays small, and whole years are reached by register.
payment = Table(
    "payment",
    metadata,
    _key("iin", BigInteger),
    Column("amount", BigInteger, nullable=False),
    # 0: the row said nothing of the person's name.
    Column("name_id", BigInteger, nullable=False),
    _key("register_id", Integer),
    _key("line_no", Integer),
    # The correction that made a suspended line a payment; 0: accepted with its register.
    Column("correction_id", Integer, nullable=False),
    Column("document_no", Integer, nullable=False),
    Column("period", SmallInteger, nullable=False),
    Column("purpose", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)

person_name = Table(
    "person_name",
    metadata,
    _key("iin", BigInteger),
    # A hash of the columns below.
    _key("name_id", BigInteger),
    Column("surname", Text, nullable=False),
    Column("given_name", Text, nullable=False),
    Column("patronymic", Text, nullable=False),
    Column("birth_date", Integer),
    sqlite_with_rowid=False,
)

suspense = Table(
    "suspense",
    metadata,
    _key("register_id", BigInteger),
    _key("line_no", Integer),
    # The row as it was sent.
    Column("document", Text, nullable=False),
    Column("iin", Text, nullable=False),
    Column("surname", Text, nullable=False),
    Column("given_name", Text, nullable=False),
    Column("patronymic", Text, nullable=False),
    Column("birth_date", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("purpose_code", Text, nullable=False),
    # Null: the row named no payer of its own.
    Column("payer_bin", Text),
    Column("payer_name", Text),
    Column("issue", SmallInteger, nullable=False),
    Column("field", Text, nullable=False),
)

suspense_resolution = Table(
    "suspense_resolution",
    metadata,
    _key("register_id", BigInteger),
    _key("line_no", Integer),
    Column("batch_id", BigInteger, nullable=False),
    # A state of osms_storage.records.SuspenseState: CORRECTED or REFUNDED.
    Column("state", SmallInteger, nullable=False),
    # Of the corrected row; empty for a refund.
    Column("content", LargeBinary(32), nullable=False),
)

# Why an operator resolved lines: once for all lines of a call.
resolution = Table(
    "resolution",
    metadata,
    _key("batch_id", BigInteger),
    Column("operator_reason", Text, nullable=False),
)

reversal = Table(
    "reversal",
    metadata,
    _key("iin", BigInteger),
    _key("source_id", SmallInteger),
    Column("reference", Text, primary_key=True),
    _key("line_no", Integer),
    Column("register_id", BigInteger, nullable=False, index=True),
    Column("payment_line_no", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reason", SmallInteger, nullable=False),
    Column("reversed_on", Integer, nullable=False),
    Column("batch_id", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Says that a line of a reversal was used, and by which content; the person is in `reversal` only.
reversal_line = Table(
    "reversal_line",
    metadata,
    _key("source_id", SmallInteger),
    Column("reference", Text, primary_key=True),
    _key("line_no", Integer),
    Column("batch_id", BigInteger, nullable=False),
    Column("content", LargeBinary(32), nullable=False),
)

# --- categories ----------------------------------------------------------------------------------


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
    _key("id", BigInteger),
    Column("reason", Text, nullable=False),
)

assignment = Table(
    "assignment",
    metadata,
    _key("iin", BigInteger),
    _key("source_id", SmallInteger),
    # 0: unspecified.
    _key("category_id", SmallInteger),
    # A removal without a day of assignment has the negative of its day of removal here.
    _key("assigned_on", Integer),
    # Later batches win.
    _key("batch_id", BigInteger),
    *_record_columns(),
    sqlite_with_rowid=False,
)

sync_run = Table(
    "sync_run",
    metadata,
    _key("id", BigInteger),
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
    _key("run_id", BigInteger),
    _key("source_id", SmallInteger),
    _key("category_id", SmallInteger),
)

# What a run brought, until it is applied or superseded.
staged_record = Table(
    "staged_record",
    metadata,
    _key("run_id", BigInteger),
    _key("iin", BigInteger),
    _key("source_id", SmallInteger),
    _key("category_id", SmallInteger),
    _key("assigned_on", Integer),
    *_record_columns(),
    sqlite_with_rowid=False,
)

# People of a run's rejected records: their spans are not closed by it.
staged_protection = Table(
    "staged_protection",
    metadata,
    _key("run_id", BigInteger),
    _key("iin", BigInteger),
    sqlite_with_rowid=False,
)

# What applying a run changes: the rows that become assignments.
staged_change = Table(
    "staged_change",
    metadata,
    _key("run_id", BigInteger),
    _key("iin", BigInteger),
    _key("source_id", SmallInteger),
    _key("category_id", SmallInteger),
    _key("assigned_on", Integer),
    *_record_columns(),
    Column("closing", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Which sources an applied sync spoke for.
feed_delivery = Table(
    "feed_delivery",
    metadata,
    _key("source_id", SmallInteger),
    _key("batch_id", BigInteger),
    Column("as_of", Integer, nullable=False),
)

# --- projection ----------------------------------------------------------------------------------

PAID_COLUMNS = ("paid_2017", "paid_2022", "paid_2027", "paid_2032")
"""The months with a net payment above zero, as bits: each column holds 60 from a July on."""

LEDGER_COLUMNS = (*PAID_COLUMNS, "died_on", "advance", "spans")
"""The columns of a stored ledger after its IIN, in the order in which it is read and written."""


def _ledger_columns() -> list[Column[Any]]:
    return [
        *(Column(name, BigInteger, nullable=False, server_default="0") for name in PAID_COLUMNS),
        Column("died_on", Integer),
        # Pairs (month, month of the earliest receipt) of uint16: months paid before they began.
        # Null: none.
        Column("advance", LargeBinary),
        # (source, category) of int16, (first day, day removed or 0) of int32: spans that hold a
        # day. Null: none.
        Column("spans", LargeBinary),
    ]


ledger = Table(
    "ledger",
    metadata,
    _key("iin", BigInteger),
    *_ledger_columns(),
    # Room on each page for the next month's bit beside the row it replaces.
    postgresql_with={"fillfactor": 80},
)

# Where the parts of a rebuild stand; empty when none was begun and not ended.
rebuild = Table(
    "rebuild",
    metadata,
    # What is rebuilt: LEDGER.
    Column("projection", Text, primary_key=True),
    # A part is all people up to this number, from where the part before it ends.
    _key("upto", BigInteger),
    # The law it works by: with other law it begins anew.
    Column("reference_revision", BigInteger, nullable=False),
    # All people of the part up to this number are done.
    Column("done_through", BigInteger, nullable=False),
    Column("people", BigInteger, nullable=False),
    Column("differed", BigInteger, nullable=False),
)

# --- changes -------------------------------------------------------------------------------------

# Whose facts a batch touched, until it is found out what that changed.
touched = Table(
    "touched",
    metadata,
    _key("batch_id", BigInteger),
    _key("part", Integer),
    # int64 each, little-endian.
    Column("people", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# Batches that touched everybody, as new law does.
census = Table(
    "census",
    metadata,
    _key("batch_id", BigInteger),
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
    _key("iin", BigInteger),
    # The law it was made by.
    Column("reference_revision", BigInteger, nullable=False),
    *_state_columns(),
    *_ledger_columns(),
    # The next day on which the answer changes by itself is the one after.
    Index("ix_standing_valid_through", "valid_through"),
)

# Each step of finding changes.
telling = Table(
    "telling",
    metadata,
    _key("step", BigInteger),
    # The newest when the step looked.
    Column("revision", BigInteger, nullable=False),
    Column("told_at", BigInteger, nullable=False, index=True),
)

change = Table(
    "change",
    metadata,
    _key("iin", BigInteger),
    _key("step", BigInteger),
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
