"""Proof that every register adds up: each row it declared is in the facts once, to the tiyn.

Counted are the facts themselves: payments, suspended lines, resolutions and reversals. Of a
register only what it declared is taken, to be compared with. Registers are read in parts along an
index, so memory holds one part, and one sum for each day and purpose, however large the store is.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.books import (
    Books,
    DeclaredRegister,
    Fate,
    Part,
    WrongRegister,
    wrong_registers,
)
from osms_storage.keys import among
from osms_storage.records import SuspenseState, Totals
from osms_storage.schema import (
    payer,
    payment,
    register,
    register_document,
    reversal,
    suspense,
    suspense_resolution,
)
from osms_storage.store import newest_revision

REGISTERS_AT_A_TIME = 500
"""How many registers are summed by one statement."""
_NO_END = 2**31 - 1  # the largest key of a register


@dataclass(frozen=True, slots=True)
class Selection:
    """Which registers to count, and which of their rows; None: any."""

    received_from: date | None = None
    received_to: date | None = None
    source_id: int | None = None
    reference: str | None = None
    payer_bin: str | None = None
    """Of the row, or of its register where the row names none."""
    purpose_code: str | None = None
    """Three digits; of the row, or of its register where the row names none."""

    @property
    def whole(self) -> bool:
        """Whether registers are counted whole, so that they can be held to what they declared."""
        return self.payer_bin is None and self.purpose_code is None


async def begin_books(connection: AsyncConnection) -> Books:
    """Return empty books of the moment that a connection reads at."""
    return Books(*await newest_revision(connection))


async def reconcile(
    connection: AsyncConnection, selection: Selection, books: Books
) -> AsyncIterator[WrongRegister]:
    """Add a selection to the books, and yield each register that does not add up.

    Registers are not compared when only some of their rows are selected.
    """
    last = 0
    while True:
        registers = await _registers_after(connection, selection, last)
        ended = len(registers) < REGISTERS_AT_A_TIME
        upto = _NO_END if ended else registers[-1].register_id
        scope: Mapping[str, Any] = {"keys": [item.register_id for item in registers]}
        if selection == Selection():
            # Also what lies between two registers: facts of one that is gone.
            scope = {"after": last, "upto": upto}
        parts = await _parts(connection, selection, scope)
        sums = books.enter(registers, parts, whole=selection.whole)
        if selection.whole:
            overdrawn = await _overdrawn(connection, scope)
            for wrong in wrong_registers(registers, sums, overdrawn):
                yield wrong
        if ended:
            return
        last = upto


async def _registers_after(
    connection: AsyncConnection, selection: Selection, last: int
) -> list[DeclaredRegister]:
    table = register.c
    statement = (
        select(
            table.batch_id,
            table.source_id,
            table.reference,
            table.received_on,
            table.rows,
            table.amount,
        )
        .where(table.batch_id > last)
        .order_by(table.batch_id)
        .limit(REGISTERS_AT_A_TIME)
    )
    if selection.received_from is not None:
        statement = statement.where(table.received_on >= selection.received_from.toordinal())
    if selection.received_to is not None:
        statement = statement.where(table.received_on <= selection.received_to.toordinal())
    if selection.source_id is not None:
        statement = statement.where(table.source_id == selection.source_id)
    if selection.reference is not None:
        statement = statement.where(table.reference == selection.reference)
    rows = await connection.execute(statement)
    return [DeclaredRegister(*row[:4], Totals(*row[4:])) for row in rows]


# --- sums ----------------------------------------------------------------------------------------


def _within(column: ColumnElement[int], scope: Mapping[str, Any]) -> ColumnElement[bool]:
    if "keys" in scope:
        return among(column)
    return (column > bindparam("after")) & (column <= bindparam("upto"))


_REVERSED = (
    (payment.c.iin == reversal.c.iin)
    & (payment.c.register_id == reversal.c.register_id)
    & (payment.c.line_no == reversal.c.payment_line_no)
)


def _sum(table: Any) -> ColumnElement[int]:
    return func.sum(table.c.amount)


def _payments(selection: Selection, scope: Mapping[str, Any]) -> Select[Any]:
    # A literal: the expression is grouped by, and must be the same text in both places.
    accepted = (payment.c.correction_id == literal_column("0")).label("accepted")
    statement = (
        select(payment.c.register_id, payment.c.purpose, accepted, func.count(), _sum(payment))
        .where(_within(payment.c.register_id, scope))
        .group_by(payment.c.register_id, payment.c.purpose, accepted)
    )
    return _of_payments(statement, selection)


def _reversals(selection: Selection, scope: Mapping[str, Any]) -> Select[Any]:
    statement = (
        select(reversal.c.register_id, payment.c.purpose, func.count(), _sum(reversal))
        .outerjoin(payment, _REVERSED)
        .where(_within(reversal.c.register_id, scope))
        .group_by(reversal.c.register_id, payment.c.purpose)
    )
    return _of_payments(statement, selection)


def _of_payments(statement: Select[Any], selection: Selection) -> Select[Any]:
    """Restrict a statement to the payments of a payer and of a purpose."""
    if selection.purpose_code is not None:
        statement = statement.where(payment.c.purpose == int(selection.purpose_code))
    if selection.payer_bin is not None:
        payer_id = func.coalesce(register_document.c.payer_id, register.c.payer_id)
        statement = (
            statement.join(register, register.c.batch_id == payment.c.register_id)
            .outerjoin(
                register_document,
                (register_document.c.register_id == payment.c.register_id)
                & (register_document.c.document_no == payment.c.document_no),
            )
            .join(payer, payer.c.id == payer_id)
            .where(payer.c.bin == selection.payer_bin)
        )
    return statement


def _suspended(selection: Selection, scope: Mapping[str, Any]) -> Select[Any]:
    """Lines that are no payments; a corrected one is counted as the payment it became."""
    said = func.nullif(suspense.c.purpose_code, literal_column("''"))
    purpose_code = func.coalesce(said, register.c.purpose_code).label("said_purpose")
    state = suspense_resolution.c.state
    statement = (
        select(suspense.c.register_id, purpose_code, state, func.count(), _sum(suspense))
        .outerjoin(
            suspense_resolution,
            (suspense_resolution.c.register_id == suspense.c.register_id)
            & (suspense_resolution.c.line_no == suspense.c.line_no),
        )
        .outerjoin(register, register.c.batch_id == suspense.c.register_id)
        .where(_within(suspense.c.register_id, scope))
        .where(state.is_distinct_from(int(SuspenseState.CORRECTED)))
        .group_by(suspense.c.register_id, purpose_code, state)
    )
    if selection.purpose_code is not None:
        statement = statement.where(purpose_code == selection.purpose_code)
    if selection.payer_bin is not None:
        statement = statement.outerjoin(payer, payer.c.id == register.c.payer_id).where(
            func.coalesce(suspense.c.payer_bin, payer.c.bin) == selection.payer_bin
        )
    return statement


def _readable(purpose_code: str | None) -> str:
    """Return a code of three digits; nothing for any other text, lest sums be without number."""
    text = purpose_code or ""
    return text if len(text) == 3 and text.isascii() and text.isdigit() else ""


async def _parts(
    connection: AsyncConnection, selection: Selection, scope: Mapping[str, Any]
) -> list[Part]:
    parts = []
    rows = await connection.execute(_payments(selection, scope), scope)
    for register_id, purpose, accepted, count, amount in rows:
        fate = Fate.ACCEPTED if accepted else Fate.CORRECTED
        parts.append(Part(register_id, f"{purpose:03}", fate, Totals(count, int(amount))))
    rows = await connection.execute(_suspended(selection, scope), scope)
    for register_id, purpose_code, state, count, amount in rows:
        fate = Fate.SUSPENDED if state is None else Fate.REFUNDED
        totals = Totals(count, int(amount))
        parts.append(Part(register_id, _readable(purpose_code), fate, totals))
    rows = await connection.execute(_reversals(selection, scope), scope)
    for register_id, purpose, count, amount in rows:
        purpose_code = "" if purpose is None else f"{purpose:03}"
        parts.append(Part(register_id, purpose_code, Fate.REVERSED, Totals(count, int(amount))))
    return parts


async def _overdrawn(connection: AsyncConnection, scope: Mapping[str, Any]) -> dict[int, int]:
    """Return by register how many payments are reversed by more than they are, or are gone."""
    excess = (
        select(reversal.c.register_id)
        .outerjoin(payment, _REVERSED)
        .where(_within(reversal.c.register_id, scope))
        .group_by(reversal.c.register_id, reversal.c.iin, reversal.c.payment_line_no)
        .having(_sum(reversal) > func.coalesce(func.max(payment.c.amount), 0))
        .subquery()
    )
    rows = await connection.execute(
        select(excess.c.register_id, func.count()).group_by(excess.c.register_id), scope
    )
    return {row[0]: row[1] for row in rows}
