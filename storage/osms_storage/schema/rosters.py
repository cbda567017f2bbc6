"""Rosters: the lists of attached people that polyclinics keep."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text, UniqueConstraint

from osms_storage.schema.knowledge import key_column, metadata

# Lists that polyclinics keep: no facts, so they have no batch, and their history is not kept.
roster = Table(
    "roster",
    metadata,
    key_column("id", BigInteger),
    # The client whose it is; empty: it was sent before clients had names.
    Column("owner", Text, nullable=False, server_default=""),
    Column("code", Text, nullable=False),
    Column("as_of", Integer, nullable=False),
    Column("members", Integer, nullable=False),
    # One more each time a list changes a member.
    Column("version", BigInteger, nullable=False),
    # Of the list applied last.
    Column("content", LargeBinary(32), nullable=False),
    UniqueConstraint("owner", "code"),
)

roster_member = Table(
    "roster_member",
    metadata,
    key_column("roster_id", BigInteger),
    key_column("iin", BigInteger),
    Column("attached_on", Integer, nullable=False),
    # Null: never.
    Column("last_visit_on", Integer),
    sqlite_with_rowid=False,
)
