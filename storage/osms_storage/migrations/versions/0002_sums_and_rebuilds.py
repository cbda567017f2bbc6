"""An index by which registers are summed, and where a rebuild of the ledgers stands."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rebuild",
        sa.Column("projection", sa.Text(), nullable=False),
        sa.Column("reference_revision", sa.BigInteger(), nullable=False),
        sa.Column("done_through", sa.BigInteger(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("differed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("projection", name=op.f("pk_rebuild")),
    )


def downgrade() -> None:
    op.drop_table("rebuild")
