"""The access log: the records that gateways wrote, whole, and where people are found in them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from osms_storage.schema.knowledge import key_column, metadata

# How far each writer's records have come, and what is left of them here.
access_chain = Table(
    "access_chain",
    metadata,
    key_column("id", BigInteger),
    Column("writer", Text, nullable=False),
    # Of the last record.
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("written_at", BigInteger, nullable=False),
    # The first record that was not archived, and the hash that it was made after.
    Column("kept_from", BigInteger, nullable=False),
    Column("hash_before", LargeBinary(32), nullable=False),
    # Whether its writer said that this was the last.
    Column("ended", Boolean, nullable=False),
    UniqueConstraint("writer"),
)

# Every record once, byte by byte as it was written.
access_record = Table(
    "access_record",
    metadata,
    key_column("chain_id", BigInteger),
    key_column("number", BigInteger),
    Column("written_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# A name of a client would be in every row of the two tables below that say whom it asked about.
access_client = Table(
    "access_client",
    metadata,
    key_column("id", Integer),
    Column("name", Text, nullable=False),
    UniqueConstraint("name"),
)

# Answers about one person each: keys alone, which say where the answer stands.
access_single = Table(
    "access_single",
    metadata,
    key_column("iin", BigInteger),
    key_column("answered_at", BigInteger),
    key_column("chain_id", BigInteger),
    key_column("number", BigInteger),
    key_column("position", Integer),
    sqlite_with_rowid=False,
)

# Answers about many: a row for each answer, not for each person in it ...
access_packed = Table(
    "access_packed",
    metadata,
    key_column("client_id", Integer),
    key_column("answered_at", BigInteger),
    key_column("chain_id", BigInteger),
    key_column("number", BigInteger),
    key_column("position", Integer),
    sqlite_with_rowid=False,
)

# ... and one for each person and client, however often the client asks: since when it has.
access_packed_person = Table(
    "access_packed_person",
    metadata,
    key_column("iin", BigInteger),
    key_column("client_id", Integer),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
