"""Ledgers: one row per person, projected from the facts."""

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from osms_storage.schema.knowledge import key_column, metadata

PAID_COLUMNS = ("paid_2017", "paid_2022", "paid_2027", "paid_2032")
"""The months with a net payment above zero, as bits: each column holds 60 from a July on."""

LEDGER_COLUMNS = (*PAID_COLUMNS, "died_on", "advance", "spans")
"""The columns of a stored ledger after its IIN, in the order in which it is read and written."""


def ledger_columns() -> list[Column[Any]]:
    """Return new columns for what a stored ledger holds after its IIN."""
    return [
        *(Column(name, BigInteger, nullable=False, server_default="0") for name in PAID_COLUMNS),
        Column("died_on", Integer),
        # Pairs (month, month of the earliest receipt) of uint16: months paid before they began.
        # Null: none.
        Column("advance", LargeBinary),
        # (source, category) of int16, (first day, day removed or 0) of int32: spans that hold a
        # day. Null: none.
        Column("spans", LargeBinary),
    ]


ledger = Table(
    "ledger",
    metadata,
    key_column("iin", BigInteger),
    *ledger_columns(),
    # Room on each page for the next month's bit beside the row it replaces.
    postgresql_with={"fillfactor": 80},
)

# Where the parts of a rebuild stand; empty when none was begun and not ended.
rebuild = Table(
    "rebuild",
    metadata,
    # What is rebuilt: LEDGER.
    Column("projection", Text, primary_key=True),
    # A part is all people up to this number, from where the part before it ends.
    key_column("upto", BigInteger),
    # The law it works by: with other law it begins anew.
    Column("reference_revision", BigInteger, nullable=False),
    # All people of the part up to this number are done.
    Column("done_through", BigInteger, nullable=False),
    Column("people", BigInteger, nullable=False),
    Column("differed", BigInteger, nullable=False),
)
