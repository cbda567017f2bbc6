"""Payments: registers, their rows, and what was done about them."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from osms_storage.schema.knowledge import key_column, metadata

payer = Table(
    "payer",
    metadata,
    # A hash of BIN and name, so that a bulk load needs no look-up.
    key_column("id", BigInteger),
    Column("bin", Text, nullable=False),
    Column("name", Text, nullable=False),
)

register = Table(
    "register",
    metadata,
    key_column("batch_id", BigInteger),
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
    key_column("register_id", BigInteger),
    # From 1; 0 in a payment: the register's own document and payer.
    key_column("document_no", Integer),
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
    key_column("iin", BigInteger),
    Column("amount", BigInteger, nullable=False),
    # 0: the row said nothing of the person's name.
    Column("name_id", BigInteger, nullable=False),
    key_column("register_id", Integer),
    key_column("line_no", Integer),
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
    key_column("iin", BigInteger),
    # A hash of the columns below.
    key_column("name_id", BigInteger),
    Column("surname", Text, nullable=False),
    Column("given_name", Text, nullable=False),
    Column("patronymic", Text, nullable=False),
    Column("birth_date", Integer),
    sqlite_with_rowid=False,
)

suspense = Table(
    "suspense",
    metadata,
    key_column("register_id", BigInteger),
    key_column("line_no", Integer),
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
    key_column("register_id", BigInteger),
    key_column("line_no", Integer),
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
    key_column("batch_id", BigInteger),
    Column("operator_reason", Text, nullable=False),
)

reversal = Table(
    "reversal",
    metadata,
    key_column("iin", BigInteger),
    key_column("source_id", SmallInteger),
    Column("reference", Text, primary_key=True),
    key_column("line_no", Integer),
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
    key_column("source_id", SmallInteger),
    Column("reference", Text, primary_key=True),
    key_column("line_no", Integer),
    Column("batch_id", BigInteger, nullable=False),
    Column("content", LargeBinary(32), nullable=False),
)
