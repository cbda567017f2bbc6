"""Payments as they are posted: rows with their names and documents, and the ledgers up to them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms.values import month_of
from osms_storage.engines import bulk_insert
from osms_storage.keys import among
from osms_storage.ledgers import add_paid_months, decode_advance, encode_advance, reproject_payments
from osms_storage.projection import FIRST_MONTH, CoverPolicy
from osms_storage.records import NameRow, Payer, PaymentLine
from osms_storage.schema import ledger, payer, payment, person_name, register_document
from osms_storage.touching import touch

LINES_AT_A_TIME = 5_000
"""How many payments are prepared and written in one go."""

_PAYMENT_COLUMNS = (
    "iin",
    "register_id",
    "line_no",
    "correction_id",
    "document_no",
    "period",
    "amount",
    "purpose",
    "name_id",
)
_DOCUMENT_COLUMNS = ("register_id", "document_no", "document", "payer_id")


class Accepted(NamedTuple):
    """Rows of one register that become payments together."""

    register_id: int
    received_on: date
    lines: Sequence[PaymentLine]
    names: Sequence[NameRow]
    correction_id: int = 0
    """The correction that makes them payments; 0: their register does."""

    @property
    def batch_id(self) -> int:
        """The batch that makes them payments."""
        return self.correction_id or self.register_id


async def write_payments(
    connection: AsyncConnection, accepted: Sequence[Accepted], policy: CoverPolicy
) -> None:
    """Write payments with names and documents, and bring the ledgers up to them."""
    numbers = await _write_documents(connection, accepted)
    for number, some in enumerate(_in_parts(accepted)):
        await _write_rows(connection, some, numbers)
        people = await _add_to_ledgers(connection, some, policy)
        # One batch stands for all of a group: what it did to a person is the same, a payment.
        await touch(connection, some[-1].batch_id, people, first_part=number * LINES_AT_A_TIME)
    names = [name for part in accepted for name in part.names]
    for start in range(0, len(names), LINES_AT_A_TIME):
        part = names[start : start + LINES_AT_A_TIME]
        await bulk_insert(connection, person_name, NameRow._fields, part, update=())


def _in_parts(accepted: Iterable[Accepted]) -> Iterator[list[Accepted]]:
    """Yield all lines in parts of at most LINES_AT_A_TIME: between them other calls get a turn."""
    some: list[Accepted] = []
    room = LINES_AT_A_TIME
    for whole in accepted:
        lines = whole.lines
        while lines:
            some.append(whole._replace(lines=lines[:room]))
            lines, room = lines[room:], room - len(lines)
            if room <= 0:
                yield some
                some, room = [], LINES_AT_A_TIME
    if some:
        yield some


async def write_payers(connection: AsyncConnection, payers: Iterable[Payer]) -> None:
    """Write payers that are not known yet."""
    rows = [(item.id, *item) for item in payers]
    await bulk_insert(connection, payer, ("id", "bin", "name"), rows, update=())


async def _write_rows(
    connection: AsyncConnection, accepted: Sequence[Accepted], numbers: Mapping["_Document", int]
) -> None:
    rows = []
    for register_id, _, lines, _, correction_id in accepted:
        for iin, line_no, period, amount, purpose, name_id, document, named_payer in lines:
            document_no = 0
            if document or named_payer is not None:
                document_no = numbers[register_id, document, named_payer]
            rows.append(
                (
                    iin,
                    register_id,
                    line_no,
                    correction_id,
                    document_no,
                    period,
                    amount,
                    purpose,
                    name_id,
                )
            )
    await bulk_insert(connection, payment, _PAYMENT_COLUMNS, rows)


# --- documents -----------------------------------------------------------------------------------

_Document = tuple[int, str, Payer | None]
"""A register, the document's own reference or nothing, and its own payer."""


async def _write_documents(
    connection: AsyncConnection, accepted: Sequence[Accepted]
) -> dict[_Document, int]:
    """Return the number of every document that a row names; new ones are written."""
    named = {
        (part.register_id, line.document, line.payer): part.correction_id
        for part in accepted
        for line in part.lines
        if line.document or line.payer is not None
    }
    if not named:
        return {}
    await write_payers(connection, {key[2] for key in named if key[2] is not None})
    last: dict[int, int] = defaultdict(int)
    numbers: dict[_Document, int] = {}
    corrected = sorted({key[0] for key, correction_id in named.items() if correction_id})
    for register_id, number, *known in await connection.execute(_DOCUMENTS, {"keys": corrected}):
        document, payer_bin, payer_name = known
        named_payer = None if payer_bin is None else Payer(payer_bin, payer_name)
        numbers[register_id, document, named_payer] = number
        last[register_id] = max(last[register_id], number)
    rows = []
    for key in named:
        if key not in numbers:
            register_id, document, named_payer = key
            last[register_id] += 1
            numbers[key] = last[register_id]
            payer_id = None if named_payer is None else named_payer.id
            rows.append((register_id, numbers[key], document, payer_id))
    await bulk_insert(connection, register_document, _DOCUMENT_COLUMNS, rows)
    return numbers


_DOCUMENTS = (
    select(
        register_document.c.register_id,
        register_document.c.document_no,
        register_document.c.document,
        payer.c.bin,
        payer.c.name,
    )
    .outerjoin(payer, payer.c.id == register_document.c.payer_id)
    .where(among(register_document.c.register_id))
)


# --- ledgers -------------------------------------------------------------------------------------


async def _add_to_ledgers(
    connection: AsyncConnection, accepted: Sequence[Accepted], policy: CoverPolicy
) -> Collection[int]:
    """Add payments to ledgers: a payment only ever sets a month, so little is read.

    Returns whose they are.
    """
    paid: dict[int, int] = {}
    advance: dict[int, dict[int, int]] = defaultdict(dict)
    below_minimum: set[int] = set()
    minimum_tiyn: dict[int, int] = {}
    covering = policy.covering
    for _, received_on, lines, _, _ in accepted:
        received = month_of(received_on)
        for iin, _, period, amount_tiyn, purpose, _, _, _ in lines:
            bits = paid.get(iin, 0)
            if purpose in covering:
                if period not in minimum_tiyn:
                    minimum_tiyn[period] = policy.minimum_tiyn(period)
                if amount_tiyn >= minimum_tiyn[period]:
                    bits |= 1 << (period - FIRST_MONTH)
                else:
                    below_minimum.add(iin)
                if received < period:
                    advance[iin][period] = min(received, advance[iin].get(period, received))
            paid[iin] = bits
    await add_paid_months(connection, paid)
    if advance:
        await _add_advance(connection, advance)
    if below_minimum:
        await reproject_payments(connection, sorted(below_minimum), policy)
    return paid.keys()


async def _add_advance(
    connection: AsyncConnection, months: Mapping[int, Mapping[int, int]]
) -> None:
    """Add (month, month of receipt) of payments that came before their month, by IIN."""
    known = await connection.execute(
        select(ledger.c.iin, ledger.c.advance).where(among(ledger.c.iin)), {"keys": list(months)}
    )
    rows = []
    for iin, stored in known:
        pairs = dict(decode_advance(stored))
        for period, month in months[iin].items():
            pairs[period] = min(month, pairs.get(period, month))
        rows.append((iin, encode_advance(sorted(pairs.items()))))
    await bulk_insert(connection, ledger, ("iin", "advance"), rows, update=("advance",))
