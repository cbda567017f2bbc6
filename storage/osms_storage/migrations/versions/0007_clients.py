"""Clients, and whose a roster is."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "client_change",
        # In SQLite a single key of type INTEGER is the table's own tree.
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.INTEGER(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_client_change")),
    )
    op.create_index("ix_client_change_client_number", "client_change", ["client", "number"])
    with op.batch_alter_table("roster") as table:
        # Of what was sent before clients had names it is not known whose it is.
        table.add_column(sa.Column("owner", sa.Text(), server_default="", nullable=False))
        table.drop_constraint(op.f("uq_roster_code"), type_="unique")
        table.create_unique_constraint(op.f("uq_roster_owner_code"), ["owner", "code"])


def downgrade() -> None:
    # A code was one roster's alone: the oldest keeps it.
    op.execute("DELETE FROM roster WHERE id NOT IN (SELECT min(id) FROM roster GROUP BY code)")
    op.execute("DELETE FROM roster_member WHERE roster_id NOT IN (SELECT id FROM roster)")
    with op.batch_alter_table("roster") as table:
        table.drop_constraint(op.f("uq_roster_owner_code"), type_="unique")
        table.create_unique_constraint(op.f("uq_roster_code"), ["code"])
        table.drop_column("owner")
    op.drop_index("ix_client_change_client_number", table_name="client_change")
    op.drop_table("client_change")
