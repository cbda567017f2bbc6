"""What every table shares, and what is known since when: revisions, batches, reference data."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Table, Text
from sqlalchemy.dialects.sqlite import INTEGER

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


def key_column(name: str, type_: type[Integer]) -> Column[int]:
    """Return a column of a primary key."""
    # In SQLite a single key of type INTEGER is the table's own tree; BIGINT would add an index.
    return Column(
        name, type_().with_variant(INTEGER(), "sqlite"), primary_key=True, autoincrement=False
    )


revision = Table(
    "revision",
    metadata,
    key_column("number", BigInteger),
    Column("recorded_at", BigInteger, nullable=False, index=True),
    Column("cause", Text, nullable=False),
)

batch = Table(
    "batch",
    metadata,
    key_column("id", BigInteger),
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
