"""The tables, one schema for every engine.

Facts are append-only and point at their batch; a batch gets its revision at commit, so what was
known at a revision is what its batches say. Every key of a person's data holds the IIN, so that the
same schema distributes by person; suspense is exempt (its IIN may be unreadable), as are the
tables of whole registers and syncs, and the records of the access log, which are found by person
through tables that hold the IIN.

Days are proleptic Gregorian ordinals (``date.toordinal``), months ``year * 12 + month - 1``,
instants microseconds since 1970 UTC, money tiyn.
"""

from osms_storage.schema.access import (
    access_chain,
    access_client,
    access_packed,
    access_packed_person,
    access_record,
    access_single,
)
from osms_storage.schema.categories import (
    assignment,
    feed_delivery,
    removal_reason,
    staged_change,
    staged_protection,
    staged_record,
    sync_run,
    sync_scope,
)
from osms_storage.schema.changes import (
    census,
    change,
    standing,
    telling,
    touched,
)
from osms_storage.schema.clients import client_change
from osms_storage.schema.knowledge import (
    batch,
    metadata,
    reference,
    revision,
)
from osms_storage.schema.ledgers import (
    LEDGER_COLUMNS,
    PAID_COLUMNS,
    ledger,
    rebuild,
)
from osms_storage.schema.payments import (
    payer,
    payment,
    person_name,
    register,
    register_document,
    resolution,
    reversal,
    reversal_line,
    suspense,
    suspense_resolution,
)
from osms_storage.schema.rosters import (
    roster,
    roster_member,
)

__all__ = [
    "LEDGER_COLUMNS",
    "PAID_COLUMNS",
    "access_chain",
    "access_client",
    "access_packed",
    "access_packed_person",
    "access_record",
    "access_single",
    "assignment",
    "batch",
    "census",
    "change",
    "client_change",
    "feed_delivery",
    "ledger",
    "metadata",
    "payer",
    "payment",
    "person_name",
    "rebuild",
    "reference",
    "register",
    "register_document",
    "removal_reason",
    "resolution",
    "reversal",
    "reversal_line",
    "revision",
    "roster",
    "roster_member",
    "staged_change",
    "staged_protection",
    "staged_record",
    "standing",
    "suspense",
    "suspense_resolution",
    "sync_run",
    "sync_scope",
    "telling",
    "touched",
]
