"""Rosters of polyclinics."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "roster",
        _key("id"),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Integer(), nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster")),
        sa.UniqueConstraint("code", name=op.f("uq_roster_code")),
    )
    op.create_table(
        "roster_member",
        _key("roster_id"),
        _key("iin"),
        sa.Column("attached_on", sa.Integer(), nullable=False),
        sa.Column("last_visit_on", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("roster_id", "iin", name=op.f("pk_roster_member")),
        sqlite_with_rowid=False,
    )


def _key(name: str) -> "sa.Column[int]":
    # In SQLite a single key of type INTEGER is the table's own tree; BIGINT would add an index.
    type_ = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
    return sa.Column(name, type_, autoincrement=False, nullable=False)


def downgrade() -> None:
    op.drop_table("roster_member")
    op.drop_table("roster")
