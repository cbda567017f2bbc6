"""Clients: who may ask, and how that came about."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from osms_storage.schema.knowledge import key_column, metadata

# Append-only: a client is what its newest change made of it.
client_change = Table(
    "client_change",
    metadata,
    key_column("number", BigInteger),
    Column("client", Text, nullable=False),
    # By the system's clock, as certificates and tokens are of the world outside.
    Column("changed_at", BigInteger, nullable=False),
    # The user of the operating system.
    Column("changed_by", Text, nullable=False),
    # ADD, CHANGE, ROTATE, DISABLE or ENABLE.
    Column("action", Text, nullable=False),
    # JSON of all that it has been since; no secrets.
    Column("state", Text, nullable=False),
    Index("ix_client_change_client_number", "client", "number"),
)
