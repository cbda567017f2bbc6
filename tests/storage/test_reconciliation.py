"""Registers add up to what they declared, and one that does not is found."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import delete, update

from osms_storage.books import Books, Sums, WrongRegister
from osms_storage.payments import reverse_payments
from osms_storage.reconciliation import Selection, begin_books, reconcile
from osms_storage.records import (
    LineKey,
    Payer,
    PaymentLine,
    RawLine,
    Resolution,
    ReversalLine,
    Suspension,
    Totals,
)
from osms_storage.schema import payment, register, reversal, suspense, suspense_resolution
from osms_storage.store import Store
from osms_storage.suspense import find_suspense, resolve_suspense
from tests.storage.conftest import StoreFactory
from tests.storage.world import (
    LAW,
    STATE_CORPORATION,
    MovableClock,
    line,
    record_register,
    register_of,
)

IIN, OTHER = 900101390002, 900101390307
MONTH = 2025 * 12
FIRST, SECOND = date(2025, 1, 10), date(2025, 1, 11)
FUND, CORPORATION = Payer("160940025485", "Fund"), Payer("160440007161", "Corporation")


def suspended(line_no: int, amount_tiyn: int, purpose_code: str = "") -> Suspension:
    """Return a row that could not be a payment."""
    raw = RawLine(line_no, "", "?", "", "", "", "", "", amount_tiyn, purpose_code, None)
    return Suspension(raw, 1, "iin")


async def resolve(store: Store, line_no: int, correction: PaymentLine | None) -> None:
    """Correct or refund a suspended line of P1."""
    key = LineKey(STATE_CORPORATION, "P1", line_no)
    item = Resolution(key, correction, None, b"" if correction is None else bytes(32))
    async with store.writing("RESOLUTION") as unit:
        entries = await find_suspense(unit.connection, [key])
        await resolve_suspense(unit, entries, [item], "why", LAW.policy)


async def record_books(store: Store) -> None:
    """Record P1 with a row of each fate, and P2 of the next day."""
    first = register_of("P1", FIRST, [line(1, IIN, MONTH, 1000), line(2, OTHER, MONTH, 200, 121)])
    lost = (suspended(3, 30), suspended(4, 4, "121"), suspended(5, 7, "whatever"))
    whole = replace(first, payer=FUND, suspended=lost, amount_tiyn=1241)
    await record_register(store, whole)
    second = register_of("P2", SECOND, [line(1, IIN, MONTH + 1, 5000)])
    await record_register(store, replace(second, payer=CORPORATION))
    await resolve(store, 3, line(3, IIN, MONTH, 30))
    await resolve(store, 4, None)
    back = ReversalLine(1, LineKey(STATE_CORPORATION, "P1", 1), IIN, 400, 111, bytes(32))
    async with store.writing("REVERSAL") as unit:
        await reverse_payments(unit, STATE_CORPORATION, "R1", SECOND, [back], LAW.policy)


async def read(
    store: Store,
    selection: Selection = Selection(),  # noqa: B008 # frozen
) -> tuple[Books, list[WrongRegister]]:
    """Return the books of a selection and what does not add up."""
    async with store.reading() as connection:
        books = await begin_books(connection)
        wrong = [item async for item in reconcile(connection, selection, books)]
    return books, wrong


def clock() -> MovableClock:
    """Return a clock after all that is recorded."""
    return MovableClock(datetime(2025, 2, 1, tzinfo=UTC))


P1 = Sums(
    received=Totals(5, 1241),
    accepted=Totals(2, 1200),
    suspended=Totals(1, 7),
    corrected=Totals(1, 30),
    refunded=Totals(1, 4),
    reversed=Totals(1, 400),
)
P2 = Sums(received=Totals(1, 5000), accepted=Totals(1, 5000))


async def test_every_row_is_in_the_books_once(new_store: StoreFactory) -> None:
    """By day, by purpose and in all: what was received is what became of it."""
    async with new_store(clock()) as store:
        await record_books(store)
        books, wrong = await read(store)
    assert wrong == []
    assert books.registers == 2
    assert books.days == {FIRST: P1, SECOND: P2}
    assert books.total == P1 + P2
    assert books.purposes == {
        "121": Sums(Totals(2, 204), accepted=Totals(1, 200), refunded=Totals(1, 4)),
        "122": Sums(
            Totals(3, 6030),
            accepted=Totals(2, 6000),
            corrected=Totals(1, 30),
            reversed=Totals(1, 400),
        ),
        "": Sums(Totals(1, 7), suspended=Totals(1, 7)),
    }


async def test_an_empty_store_adds_up(new_store: StoreFactory) -> None:
    """Nothing received, nothing wrong."""
    async with new_store(clock()) as store:
        books, wrong = await read(store)
    assert (books.registers, books.total, wrong) == (0, Sums(), [])


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(received_from=FIRST, received_to=FIRST), P1),
        (Selection(received_from=SECOND), P2),
        (Selection(received_to=date(2024, 1, 1)), Sums()),
        (Selection(source_id=STATE_CORPORATION), P1 + P2),
        (Selection(source_id=STATE_CORPORATION, reference="P2"), P2),
        (Selection(source_id=STATE_CORPORATION, reference="P3"), Sums()),
        (Selection(payer_bin=FUND.bin), P1),
        (Selection(payer_bin="000000000000"), Sums()),
        (
            Selection(purpose_code="121"),
            Sums(Totals(2, 204), accepted=Totals(1, 200), refunded=Totals(1, 4)),
        ),
        (
            Selection(purpose_code="122", payer_bin=CORPORATION.bin),
            Sums(Totals(1, 5000), accepted=Totals(1, 5000)),
        ),
    ],
    ids=str,
)
async def test_a_selection_has_totals_of_its_own(
    new_store: StoreFactory, selection: Selection, expected: Sums
) -> None:
    """Days, senders, references, payers and purposes select what they name."""
    async with new_store(clock()) as store:
        await record_books(store)
        books, wrong = await read(store, selection)
    assert (books.total, wrong) == (expected, [])


@pytest.mark.parametrize(
    "damage",
    [
        delete(payment).where(payment.c.line_no == 2),
        delete(payment).where(payment.c.line_no == 3),
        update(payment).where(payment.c.line_no == 2).values(amount=201),
        update(suspense).where(suspense.c.line_no == 5).values(amount=8),
        delete(suspense).where(suspense.c.line_no == 5),
        delete(suspense).where(suspense.c.line_no == 4),
        delete(suspense_resolution).where(suspense_resolution.c.line_no == 3),
        update(suspense_resolution).where(suspense_resolution.c.line_no == 3).values(state=3),
        update(register).where(register.c.reference == "P1").values(rows=6),
        update(register).where(register.c.reference == "P1").values(amount=1240),
        update(reversal).values(amount=1001),
    ],
    ids=lambda damage: str(damage).replace("\n", ""),
)
async def test_a_store_changed_behind_the_gateway_s_back_is_found(
    new_store: StoreFactory, damage: Any
) -> None:
    """Whatever fact is gone or another, its register is named, and no other one."""
    async with new_store(clock()) as store:
        await record_books(store)
        async with store.writing("TEST") as unit:
            await unit.connection.execute(damage)
        _, wrong = await read(store)
        _, chosen = await read(store, Selection(received_from=FIRST, received_to=FIRST))
    assert [item.register.reference for item in wrong if item.register] == ["P1"]
    assert chosen == wrong


async def test_facts_of_a_register_that_is_gone_are_found(new_store: StoreFactory) -> None:
    """A register deleted behind the gateway's back leaves payments that name it."""
    async with new_store(clock()) as store:
        await record_books(store)
        async with store.writing("TEST") as unit:
            await unit.connection.execute(delete(register).where(register.c.reference == "P1"))
        _, wrong = await read(store)
    assert [(item.register, item.sums) for item in wrong] == [
        (None, P1._replace(received=Totals()))
    ]


async def test_parts_read_one_after_the_other_make_one_book(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few registers are read at a time, the totals are the same."""
    async with new_store(clock()) as store:
        await record_books(store)
        whole, _ = await read(store)
        monkeypatch.setattr("osms_storage.reconciliation.REGISTERS_AT_A_TIME", 1)
        parts, wrong = await read(store)
        chosen, _ = await read(store, Selection(source_id=STATE_CORPORATION))
    assert (parts, wrong) == (whole, [])
    assert chosen == whole
