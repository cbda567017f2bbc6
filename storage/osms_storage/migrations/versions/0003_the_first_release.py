"""The tables of the first release; no store of an earlier schema was ever in use."""

from itertools import pairwise

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = None
branch_labels = None
depends_on = None

FIRST_YEARS = (2017, 2020)
"""What was paid for before the system began shares a partition."""
LAST_YEAR = 2037
"""The year in which the months end that a ledger has room for."""


def upgrade() -> None:
    _create_knowledge()
    _create_payments()
    _create_remedies()
    _create_categories()
    _create_syncs()
    _create_staging()
    _create_projection()


def _key(name: str, type_: "sa.types.TypeEngine[int]") -> "sa.Column[int]":
    # In SQLite a single key of type INTEGER is the table's own tree; BIGINT would add an index.
    return sa.Column(
        name, type_.with_variant(sa.INTEGER(), "sqlite"), autoincrement=False, nullable=False
    )


def _create_knowledge() -> None:
    op.create_table(
        "reference",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "code", "revision", name=op.f("pk_reference")),
    )
    op.create_table(
        "revision",
        _key("number", sa.BigInteger()),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_revision")),
    )
    op.create_index(op.f("ix_revision_recorded_at"), "revision", ["recorded_at"], unique=False)
    op.create_table(
        "batch",
        _key("id", sa.BigInteger()),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["revision"], ["revision.number"], name=op.f("fk_batch_revision")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
    )
    op.create_index(op.f("ix_batch_revision"), "batch", ["revision"], unique=False)


def _create_payments() -> None:
    op.create_table(
        "payer",
        _key("id", sa.BigInteger()),
        sa.Column("bin", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payer")),
    )
    _create_payment_table()
    op.create_table(
        "person_name",
        _key("iin", sa.BigInteger()),
        _key("name_id", sa.BigInteger()),
        sa.Column("surname", sa.Text(), nullable=False),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("patronymic", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("iin", "name_id", name=op.f("pk_person_name")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "register",
        _key("batch_id", sa.BigInteger()),
        sa.Column("source_id", sa.SmallInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("received_on", sa.Integer(), nullable=False),
        sa.Column("payer_id", sa.BigInteger(), nullable=True),
        sa.Column("purpose_code", sa.Text(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("suspended_rows", sa.Integer(), nullable=False),
        sa.Column("suspended_amount", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_register")),
        sa.UniqueConstraint("source_id", "reference", name=op.f("uq_register_source_id_reference")),
    )
    op.create_index(op.f("ix_register_received_on"), "register", ["received_on"], unique=False)
    op.create_index(
        "ix_register_source_id_batch_id", "register", ["source_id", "batch_id"], unique=False
    )
    op.create_table(
        "register_document",
        _key("register_id", sa.BigInteger()),
        _key("document_no", sa.Integer()),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("payer_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("register_id", "document_no", name=op.f("pk_register_document")),
    )


def _create_remedies() -> None:
    op.create_table(
        "resolution",
        _key("batch_id", sa.BigInteger()),
        sa.Column("operator_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_resolution")),
    )
    op.create_table(
        "reversal",
        _key("iin", sa.BigInteger()),
        _key("source_id", sa.SmallInteger()),
        sa.Column("reference", sa.Text(), nullable=False),
        _key("line_no", sa.Integer()),
        sa.Column("register_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_line_no", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.Column("reversed_on", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "iin", "source_id", "reference", "line_no", name=op.f("pk_reversal")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_reversal_register_id"), "reversal", ["register_id"], unique=False)
    op.create_table(
        "reversal_line",
        _key("source_id", sa.SmallInteger()),
        sa.Column("reference", sa.Text(), nullable=False),
        _key("line_no", sa.Integer()),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "reference", "line_no", name=op.f("pk_reversal_line")),
    )
    op.create_table(
        "suspense",
        _key("register_id", sa.BigInteger()),
        _key("line_no", sa.Integer()),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("iin", sa.Text(), nullable=False),
        sa.Column("surname", sa.Text(), nullable=False),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("patronymic", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("purpose_code", sa.Text(), nullable=False),
        sa.Column("payer_bin", sa.Text(), nullable=True),
        sa.Column("payer_name", sa.Text(), nullable=True),
        sa.Column("issue", sa.SmallInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("register_id", "line_no", name=op.f("pk_suspense")),
    )
    op.create_table(
        "suspense_resolution",
        _key("register_id", sa.BigInteger()),
        _key("line_no", sa.Integer()),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("register_id", "line_no", name=op.f("pk_suspense_resolution")),
    )


def _create_categories() -> None:
    op.create_table(
        "assignment",
        _key("iin", sa.BigInteger()),
        _key("source_id", sa.SmallInteger()),
        _key("category_id", sa.SmallInteger()),
        _key("assigned_on", sa.Integer()),
        _key("batch_id", sa.BigInteger()),
        sa.Column("removed_on", sa.Integer(), nullable=True),
        sa.Column("removal_source_id", sa.SmallInteger(), nullable=True),
        sa.Column("removal_reason_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "iin", "source_id", "category_id", "assigned_on", "batch_id", name=op.f("pk_assignment")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feed_delivery",
        _key("source_id", sa.SmallInteger()),
        _key("batch_id", sa.BigInteger()),
        sa.Column("as_of", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "batch_id", name=op.f("pk_feed_delivery")),
    )
    op.create_table(
        "removal_reason",
        _key("id", sa.BigInteger()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removal_reason")),
    )


def _create_syncs() -> None:
    op.create_table(
        "sync_run",
        _key("id", sa.BigInteger()),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("sender_id", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("delta_number", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("staged", sa.SmallInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(length=32), nullable=True),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.Column("operator_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_run")),
    )
    op.create_index(op.f("ix_sync_run_batch_id"), "sync_run", ["batch_id"], unique=False)
    op.create_index(
        "ix_sync_run_sender_id_state",
        "sync_run",
        ["sender_id", "state", "kind", "delta_number"],
        unique=False,
    )
    op.create_table(
        "sync_scope",
        _key("run_id", sa.BigInteger()),
        _key("source_id", sa.SmallInteger()),
        _key("category_id", sa.SmallInteger()),
        sa.PrimaryKeyConstraint("run_id", "source_id", "category_id", name=op.f("pk_sync_scope")),
    )


def _create_staging() -> None:
    op.create_table(
        "staged_change",
        _key("run_id", sa.BigInteger()),
        _key("iin", sa.BigInteger()),
        _key("source_id", sa.SmallInteger()),
        _key("category_id", sa.SmallInteger()),
        _key("assigned_on", sa.Integer()),
        sa.Column("removed_on", sa.Integer(), nullable=True),
        sa.Column("removal_source_id", sa.SmallInteger(), nullable=True),
        sa.Column("removal_reason_id", sa.BigInteger(), nullable=True),
        sa.Column("closing", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "run_id",
            "iin",
            "source_id",
            "category_id",
            "assigned_on",
            name=op.f("pk_staged_change"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "staged_protection",
        _key("run_id", sa.BigInteger()),
        _key("iin", sa.BigInteger()),
        sa.PrimaryKeyConstraint("run_id", "iin", name=op.f("pk_staged_protection")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "staged_record",
        _key("run_id", sa.BigInteger()),
        _key("iin", sa.BigInteger()),
        _key("source_id", sa.SmallInteger()),
        _key("category_id", sa.SmallInteger()),
        _key("assigned_on", sa.Integer()),
        sa.Column("removed_on", sa.Integer(), nullable=True),
        sa.Column("removal_source_id", sa.SmallInteger(), nullable=True),
        sa.Column("removal_reason_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "run_id",
            "iin",
            "source_id",
            "category_id",
            "assigned_on",
            name=op.f("pk_staged_record"),
        ),
        sqlite_with_rowid=False,
    )


def _create_projection() -> None:
    op.create_table(
        "ledger",
        _key("iin", sa.BigInteger()),
        sa.Column("paid_2017", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid_2022", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid_2027", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid_2032", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("died_on", sa.Integer(), nullable=True),
        sa.Column("advance", sa.LargeBinary(), nullable=True),
        sa.Column("spans", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("iin", name=op.f("pk_ledger")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_table(
        "rebuild",
        sa.Column("projection", sa.Text(), nullable=False),
        _key("upto", sa.BigInteger()),
        sa.Column("reference_revision", sa.BigInteger(), nullable=False),
        sa.Column("done_through", sa.BigInteger(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("differed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("projection", "upto", name=op.f("pk_rebuild")),
    )


def _create_payment_table() -> None:
    """Make the table of payments; in PostgreSQL one for each year of periods.

    A unique key of the whole would have to hold the period, for nothing: a register is written
    once, and each of its rows has one period. So each partition has the key of its own.
    """
    columns = (
        _key("iin", sa.BigInteger()),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("name_id", sa.BigInteger(), nullable=False),
        _key("register_id", sa.Integer()),
        _key("line_no", sa.Integer()),
        sa.Column("correction_id", sa.Integer(), nullable=False),
        sa.Column("document_no", sa.Integer(), nullable=False),
        sa.Column("period", sa.SmallInteger(), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
    )
    key = sa.PrimaryKeyConstraint("iin", "register_id", "line_no", name=op.f("pk_payment"))
    if op.get_bind().dialect.name != "postgresql":
        op.create_table("payment", *columns, key, sqlite_with_rowid=False)
        return
    op.create_table("payment", *columns, postgresql_partition_by="RANGE (period)")
    years = (*FIRST_YEARS, *range(FIRST_YEARS[-1] + 1, LAST_YEAR + 2))
    for first, after in pairwise(years):
        op.execute(
            f"CREATE TABLE payment_{first} PARTITION OF payment"
            f" (CONSTRAINT pk_payment_{first} PRIMARY KEY (iin, register_id, line_no))"
            f" FOR VALUES FROM ({first * 12}) TO ({after * 12})"
        )
    # Rows lie in the order in which registers came; corrections of old ones are few.
    op.execute(
        "CREATE INDEX ix_payment_register_id ON payment"
        " USING brin (register_id int4_minmax_multi_ops) WITH (autosummarize = on)"
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_batch_revision"), table_name="batch")
    op.drop_table("batch")
    op.drop_table("sync_scope")
    op.drop_index("ix_sync_run_sender_id_state", table_name="sync_run")
    op.drop_index(op.f("ix_sync_run_batch_id"), table_name="sync_run")
    op.drop_table("sync_run")
    op.drop_table("suspense_resolution")
    op.drop_table("suspense")
    op.drop_table("staged_record")
    op.drop_table("staged_protection")
    op.drop_table("staged_change")
    op.drop_index(op.f("ix_revision_recorded_at"), table_name="revision")
    op.drop_table("revision")
    op.drop_table("reversal_line")
    op.drop_index(op.f("ix_reversal_register_id"), table_name="reversal")
    op.drop_table("reversal")
    op.drop_table("resolution")
    op.drop_table("removal_reason")
    op.drop_table("register_document")
    op.drop_index("ix_register_source_id_batch_id", table_name="register")
    op.drop_index(op.f("ix_register_received_on"), table_name="register")
    op.drop_table("register")
    op.drop_table("reference")
    op.drop_table("rebuild")
    op.drop_table("person_name")
    op.drop_table("payment")
    op.drop_table("payer")
    op.drop_table("ledger")
    op.drop_table("feed_delivery")
    op.drop_table("assignment")
