"""Ledgers: one row per person with all that a decision reads, projected from the facts.

Each half of a ledger is written by itself: what pays for months, and what spans are assigned.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, delete, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.engines import bulk_insert
from osms_storage.keys import among
from osms_storage.projection import (
    FIRST_MONTH,
    AssignmentVersion,
    CoverPolicy,
    NetPayment,
    project_assignments,
    project_payments,
)
from osms_storage.records import LedgerRow, LedgerSpan
from osms_storage.reference import ReferenceData
from osms_storage.schema import (
    LEDGER_COLUMNS,
    PAID_COLUMNS,
    assignment,
    batch,
    ledger,
    payment,
    register,
    reversal,
)

EMPTY = LedgerRow(0, (), (), None)


# --- encoding ------------------------------------------------------------------------------------

_ADVANCE = struct.Struct("<HH")
_SPAN = struct.Struct("<hhii")


MONTHS_PER_COLUMN = 60
"""How many months each column of paid months holds."""
LAST_MONTH = FIRST_MONTH + MONTHS_PER_COLUMN * len(PAID_COLUMNS) - 1
"""The last month that a ledger has room for."""
_COLUMN_BITS = (1 << MONTHS_PER_COLUMN) - 1

StoredLedger = tuple[int, int, int, int, int | None, bytes | None, bytes | None]
"""The columns paid_2017 ... paid_2032, died_on, advance and spans."""


def encode_paid(paid: int) -> tuple[int, int, int, int]:
    """Return the bits as the store keeps them."""
    return (
        paid & _COLUMN_BITS,
        paid >> 60 & _COLUMN_BITS,
        paid >> 120 & _COLUMN_BITS,
        paid >> 180,
    )


def encode_advance(advance: Iterable[tuple[int, int]]) -> bytes | None:
    """Return the pairs as the store keeps them."""
    return b"".join(_ADVANCE.pack(*pair) for pair in advance) or None


def encode_spans(spans: Iterable[LedgerSpan]) -> bytes | None:
    """Return the spans as the store keeps them."""
    return b"".join(_SPAN.pack(*span) for span in spans) or None


def decode_advance(advance: bytes | None) -> tuple[tuple[int, int], ...]:
    """Return the pairs of a stored ledger."""
    return tuple(_ADVANCE.iter_unpack(advance)) if advance else ()


def decode(
    paid_2017: int,
    paid_2022: int,
    paid_2027: int,
    paid_2032: int,
    died_on: int | None,
    advance: bytes | None,
    spans: bytes | None,
) -> LedgerRow:
    """Return the ledger of a stored row."""
    return LedgerRow(
        paid_2017 | paid_2022 << 60 | paid_2027 << 120 | paid_2032 << 180,
        decode_advance(advance),
        tuple(map(LedgerSpan._make, _SPAN.iter_unpack(spans))) if spans else (),
        died_on,
    )


def encode(row: LedgerRow) -> StoredLedger:
    """Return a ledger as the store keeps it."""
    return (
        *encode_paid(row.paid),
        row.died_on,
        encode_advance(row.advance),
        encode_spans(row.spans),
    )


# --- reading -------------------------------------------------------------------------------------

_ROWS = select(ledger.c.iin, *(ledger.c[name] for name in LEDGER_COLUMNS)).where(
    among(ledger.c.iin)
)


async def read_stored(connection: AsyncConnection, iins: Sequence[int]) -> dict[int, StoredLedger]:
    """Return the present ledgers of these people as they are kept, whether readable or not."""
    rows = await connection.execute(_ROWS, {"keys": iins})
    return {row[0]: row[1:] for row in rows}


async def read_ledgers(connection: AsyncConnection, iins: Sequence[int]) -> dict[int, LedgerRow]:
    """Return the present ledgers of these people; who is not known is absent."""
    return {iin: decode(*row) for iin, row in (await read_stored(connection, iins)).items()}


_PAYMENTS = (
    select(
        payment.c.iin,
        payment.c.register_id,
        payment.c.line_no,
        payment.c.period,
        register.c.received_on,
        payment.c.amount,
        payment.c.purpose,
    )
    .join(register, register.c.batch_id == payment.c.register_id)
    .where(among(payment.c.iin))
)
_REVERSALS = (
    select(
        reversal.c.iin,
        reversal.c.register_id,
        reversal.c.payment_line_no,
        func.sum(reversal.c.amount),
    )
    .where(among(reversal.c.iin))
    .group_by(reversal.c.iin, reversal.c.register_id, reversal.c.payment_line_no)
)
_ASSIGNMENTS = (
    select(
        assignment.c.iin,
        assignment.c.source_id,
        assignment.c.category_id,
        assignment.c.assigned_on,
        assignment.c.batch_id,
        assignment.c.removed_on,
    )
    .where(among(assignment.c.iin))
    .order_by(assignment.c.iin, assignment.c.batch_id)
)


ACCEPTED_BY = func.coalesce(func.nullif(payment.c.correction_id, 0), payment.c.register_id)
"""The batch that made a row a payment."""


def _known(statement: Any, batch_id: Any, revision: int | None) -> Any:
    if revision is None:
        return statement
    return statement.join(batch, and_(batch.c.id == batch_id, batch.c.revision <= revision))


async def read_payment_facts(
    connection: AsyncConnection, iins: Sequence[int], revision: int | None = None
) -> dict[int, list[NetPayment]]:
    """Return the payments of these people known at a revision (None: all), net of reversals."""
    keys = {"keys": iins}
    rows = await connection.execute(_known(_PAYMENTS, ACCEPTED_BY, revision), keys)
    reversals = await connection.execute(_known(_REVERSALS, reversal.c.batch_id, revision), keys)
    reversed_amounts: Mapping[tuple[int, int, int], int] = {
        (iin, register_id, line_no): amount for iin, register_id, line_no, amount in reversals
    }
    facts: dict[int, list[NetPayment]] = defaultdict(list)
    for iin, register_id, line_no, period, received_on, amount, purpose in rows:
        left = amount - int(reversed_amounts.get((iin, register_id, line_no), 0))
        facts[iin].append(NetPayment(period, received_on, left, purpose))
    return facts


async def read_assignment_facts(
    connection: AsyncConnection, iins: Sequence[int], revision: int | None = None
) -> dict[int, list[AssignmentVersion]]:
    """Return all versions of these people's assignments known at a revision (None: all)."""
    rows = await connection.execute(
        _known(_ASSIGNMENTS, assignment.c.batch_id, revision), {"keys": iins}
    )
    facts: dict[int, list[AssignmentVersion]] = defaultdict(list)
    for iin, *fact in rows:
        facts[iin].append(AssignmentVersion(*fact))
    return facts


async def replay_ledgers(
    connection: AsyncConnection,
    iins: Sequence[int],
    data: ReferenceData,
    policy: CoverPolicy,
    revision: int | None = None,
) -> dict[int, LedgerRow]:
    """Return the ledgers as the facts known at a revision (None: all) make them."""
    payments = await read_payment_facts(connection, iins, revision)
    assignments = await read_assignment_facts(connection, iins, revision)
    ledgers: dict[int, LedgerRow] = {}
    for iin, facts in payments.items():
        ledgers[iin] = LedgerRow(*project_payments(facts, policy), (), None)
    for iin, versions in assignments.items():
        half = project_assignments(versions, data)
        if half is not None:
            ledgers[iin] = ledgers.get(iin, EMPTY)._replace(spans=half[0], died_on=half[1])
    return ledgers


EVERYBODY = 10**12
"""A number above every IIN."""
PAGE_PEOPLE = 5_000
"""How many people are gone through at a time where everybody is."""


async def people_after(connection: AsyncConnection, last: int, upto: int = EVERYBODY) -> list[int]:
    """Return the next people that have facts or a ledger, ascending by IIN."""
    parts = [
        select(
            select(table.c.iin)
            .where(table.c.iin > last, table.c.iin <= upto)
            .distinct()
            .order_by(table.c.iin)
            .limit(PAGE_PEOPLE)
            .subquery()
            .c.iin
        )
        for table in (ledger, payment, assignment)
    ]
    everyone = union_all(*parts).subquery()
    rows = await connection.scalars(
        select(everyone.c.iin).distinct().order_by(everyone.c.iin).limit(PAGE_PEOPLE)
    )
    return list(rows)


# --- writing -------------------------------------------------------------------------------------


async def write_ledgers(
    connection: AsyncConnection, ledgers: Mapping[int, StoredLedger | None]
) -> None:
    """Replace whole ledgers; None: the person has none."""
    rows = [(iin, *row) for iin, row in ledgers.items() if row is not None]
    await bulk_insert(connection, ledger, ("iin", *LEDGER_COLUMNS), rows, update=LEDGER_COLUMNS)
    gone = [iin for iin, row in ledgers.items() if row is None]
    await connection.execute(delete(ledger).where(among(ledger.c.iin)), {"keys": gone})


async def add_paid_months(connection: AsyncConnection, paid: Mapping[int, int]) -> None:
    """Set bits of paid months by IIN; bits that are set stay, and nothing is read.

    No bit at all makes a ledger of a person who had none.
    """
    for number, name in enumerate(PAID_COLUMNS):
        shift = number * MONTHS_PER_COLUMN
        rows = [
            (iin, bits >> shift & _COLUMN_BITS)
            for iin, bits in paid.items()
            if bits >> shift & _COLUMN_BITS or not (bits or number)
        ]
        await bulk_insert(connection, ledger, ("iin", name), rows, merge=name)


async def reproject_payments(
    connection: AsyncConnection, iins: Sequence[int], policy: CoverPolicy
) -> None:
    """Write the payment half of these people's ledgers anew from the facts."""
    facts = await read_payment_facts(connection, iins)
    halves = []
    for iin, payments in facts.items():
        paid, advance = project_payments(payments, policy)
        halves.append((iin, *encode_paid(paid), encode_advance(advance)))
    columns = (*PAID_COLUMNS, "advance")
    await bulk_insert(connection, ledger, ("iin", *columns), halves, update=columns)


async def reproject_assignments(
    connection: AsyncConnection, iins: Sequence[int], data: ReferenceData
) -> None:
    """Write the assignment half of these people's ledgers anew from the facts."""
    rows = []
    for iin, versions in (await read_assignment_facts(connection, iins)).items():
        half = project_assignments(versions, data)
        if half is not None:
            rows.append((iin, half[1], encode_spans(half[0])))
    columns = ("died_on", "spans")
    await bulk_insert(connection, ledger, ("iin", *columns), rows, update=columns)
