"""The tables of the access log."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _key(name: str, type_: "sa.types.TypeEngine[int]") -> "sa.Column[int]":
    # In SQLite a single key of type INTEGER is the table's own tree; BIGINT would add an index.
    return sa.Column(
        name, type_.with_variant(sa.INTEGER(), "sqlite"), autoincrement=False, nullable=False
    )


def _place() -> "list[sa.Column[int]]":
    return [
        _key("answered_at", sa.BigInteger()),
        _key("chain_id", sa.BigInteger()),
        _key("number", sa.BigInteger()),
        _key("position", sa.Integer()),
    ]


_PLACE = ("answered_at", "chain_id", "number", "position")


def upgrade() -> None:
    op.create_table(
        "access_chain",
        _key("id", sa.BigInteger()),
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("kept_from", sa.BigInteger(), nullable=False),
        sa.Column("hash_before", sa.LargeBinary(32), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_chain")),
        sa.UniqueConstraint("writer", name=op.f("uq_access_chain_writer")),
    )
    op.create_table(
        "access_record",
        _key("chain_id", sa.BigInteger()),
        _key("number", sa.BigInteger()),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "number", name=op.f("pk_access_record")),
    )
    op.create_table(
        "access_client",
        _key("id", sa.Integer()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_client")),
        sa.UniqueConstraint("name", name=op.f("uq_access_client_name")),
    )
    op.create_table(
        "access_single",
        _key("iin", sa.BigInteger()),
        *_place(),
        sa.PrimaryKeyConstraint("iin", *_PLACE, name=op.f("pk_access_single")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "access_packed",
        _key("client_id", sa.Integer()),
        *_place(),
        sa.PrimaryKeyConstraint("client_id", *_PLACE, name=op.f("pk_access_packed")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "access_packed_person",
        _key("iin", sa.BigInteger()),
        _key("client_id", sa.Integer()),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("iin", "client_id", name=op.f("pk_access_packed_person")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in (
        "access_packed_person",
        "access_packed",
        "access_single",
        "access_client",
        "access_record",
        "access_chain",
    ):
        op.drop_table(table)
