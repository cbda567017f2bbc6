"""The tables of who was touched, what was last told of people, and what changed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _key(name: str, type_: "sa.types.TypeEngine[int]") -> "sa.Column[int]":
    # In SQLite a single key of type INTEGER is the table's own tree; BIGINT would add an index.
    return sa.Column(
        name, type_.with_variant(sa.INTEGER(), "sqlite"), autoincrement=False, nullable=False
    )


def _state(prefix: str = "") -> "list[sa.Column[int]]":
    return [
        sa.Column(f"{prefix}status", sa.SmallInteger(), nullable=False),
        sa.Column(f"{prefix}valid_through", sa.Integer(), nullable=True),
        sa.Column(f"{prefix}covered_through", sa.Integer(), nullable=True),
    ]


def upgrade() -> None:
    op.create_table(
        "touched",
        _key("batch_id", sa.BigInteger()),
        _key("part", sa.Integer()),
        sa.Column("people", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "part", name=op.f("pk_touched")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "census",
        _key("batch_id", sa.BigInteger()),
        sa.Column("done_through", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_census")),
    )
    op.create_table(
        "standing",
        _key("iin", sa.BigInteger()),
        sa.Column("reference_revision", sa.BigInteger(), nullable=False),
        *_state(),
        sa.Column("ends_on", sa.Integer(), nullable=True),
        sa.Column("paid_2017", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid_2022", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid_2027", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid_2032", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("died_on", sa.Integer(), nullable=True),
        sa.Column("advance", sa.LargeBinary(), nullable=True),
        sa.Column("spans", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("iin", name=op.f("pk_standing")),
    )
    op.create_index("ix_standing_ends_on", "standing", ["ends_on"])
    op.create_table(
        "telling",
        _key("step", sa.BigInteger()),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("step", name=op.f("pk_telling")),
    )
    op.create_table(
        "change",
        _key("iin", sa.BigInteger()),
        _key("step", sa.BigInteger()),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.SmallInteger(), nullable=False),
        sa.Column("effective_on", sa.Integer(), nullable=False),
        *_state("before_"),
        *_state("after_"),
        sa.PrimaryKeyConstraint("iin", "step", name=op.f("pk_change")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_change_step", "change", ["step"])
    # Of who is known already nobody was told.
    op.execute(
        "INSERT INTO census (batch_id, done_through)"
        " SELECT id, -1 FROM batch ORDER BY id DESC LIMIT 1"
    )


def downgrade() -> None:
    op.drop_index("ix_change_step", table_name="change")
    op.drop_table("change")
    op.drop_table("telling")
    op.drop_index("ix_standing_ends_on", table_name="standing")
    op.drop_table("standing")
    op.drop_table("census")
    op.drop_table("touched")
