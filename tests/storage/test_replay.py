"""The ledger, the facts and the past agree after any history."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from osms_storage.category_records import CategoryRecord
from osms_storage.ledgers import read_ledgers, replay_ledgers
from osms_storage.payments import reverse_payments
from osms_storage.records import LedgerRow, LineKey, RawLine, Resolution, ReversalLine, Suspension
from osms_storage.registers import commit_registers
from osms_storage.schema import ledger
from osms_storage.store import Store, newest_revision
from osms_storage.suspense import find_suspense, resolve_suspense
from osms_storage.verification import verify_ledgers
from tests.storage.conftest import StoreFactory
from tests.storage.world import (
    JUSTICE,
    LABOUR,
    LAW,
    SERVICES,
    STATE_CORPORATION,
    MovableClock,
    delta,
    line,
    record_register,
    record_sync,
    register_of,
    snapshot,
)

PEOPLE = (900101390002, 50101690002, 900101390307)
FIRST_DAY = date(2025, 1, 10)

people = st.sampled_from(PEOPLE)
periods = st.integers(2024 * 12 + 10, 2025 * 12 + 6)
near_days = st.integers(-60, 300).map(lambda days: FIRST_DAY + timedelta(days=days))
amounts = st.sampled_from([1, 2, 425_000])
sources = st.sampled_from([LABOUR, JUSTICE, SERVICES])


class Historian:
    """Carries out random operations, each as its own revision."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.number = 0
        self.lines: list[tuple[LineKey, int, int]] = []
        self.suspended: list[tuple[LineKey, int, int]] = []

    async def register(self, rows: list[tuple[int, int, int, int]], received_on: date) -> None:
        """Commit a register; every third row goes to suspense."""
        self.number += 1
        reference = f"P{self.number}"
        lines, suspended = [], []
        for position, (iin, period, amount, purpose) in enumerate(rows, 1):
            key = LineKey(STATE_CORPORATION, reference, position)
            if position % 3 == 0:
                raw = RawLine(position, "", "?", "", "", "", "", "", amount, "", None)
                suspended.append(Suspension(raw, 1, "iin"))
                self.suspended.append((key, iin, amount))
            else:
                lines.append(line(position, iin, period, amount, purpose))
                self.lines.append((key, iin, amount))
        register = register_of(reference, received_on, lines)
        async with self.store.writing("REGISTERS") as unit:
            await commit_registers(
                unit, [replace(register, suspended=tuple(suspended))], LAW.policy
            )

    async def reverse(self, choice: int, share: int) -> None:
        """Reverse a payment, whole or half; too much is refused and changes nothing."""
        if not self.lines:
            return
        self.number += 1
        key, iin, amount = self.lines[choice % len(self.lines)]
        row = ReversalLine(1, key, iin, max(1, amount // share), 111, bytes(32))
        async with self.store.writing("REVERSAL") as unit:
            await reverse_payments(
                unit, STATE_CORPORATION, f"R{self.number}", FIRST_DAY, [row], LAW.policy
            )

    async def resolve(self, choice: int, period: int, refund: bool) -> None:
        """Correct or refund a suspended line."""
        if not self.suspended:
            return
        key, iin, amount = self.suspended[choice % len(self.suspended)]
        correction = None if refund else line(key.line_no, iin, period, amount)
        resolution = Resolution(key, correction, None, b"" if refund else repr(correction).encode())
        async with self.store.writing("RESOLUTION") as unit:
            entries = await find_suspense(unit.connection, [key])
            await resolve_suspense(unit, entries, [resolution], "why", LAW.policy)
        if not refund and (key, iin, amount) not in self.lines:
            self.lines.append((key, iin, amount))

    async def sync(self, records: list[CategoryRecord], as_of: date) -> None:
        """Apply a delta."""
        self.number += 1
        await record_sync(self.store, delta(self.number, as_of), records)

    async def replace(self, records: list[CategoryRecord], as_of: date, protected: int) -> None:
        """Apply a snapshot of two categories."""
        self.number += 1
        scope = ((LABOUR, 0), (LABOUR, 1))
        inside = [record for record in records if record[1:3] in scope]
        await record_sync(self.store, snapshot(as_of, *scope), inside, PEOPLE[:protected])


@st.composite
def records(draw: st.DrawFn) -> CategoryRecord:
    """A record of any shape: open, removed, empty, or a removal that waits."""
    assigned = draw(near_days).toordinal()
    removed = draw(st.one_of(st.none(), near_days.map(date.toordinal)))
    if removed is not None and draw(st.integers(0, 3)) == 0:
        assigned = -removed
    return CategoryRecord(
        draw(people),
        draw(sources),
        draw(st.sampled_from([0, 1, 2, 3, 5, 9])),
        assigned,
        removed,
        None if removed is None else LABOUR,
        None,
    )


rows = st.lists(
    st.tuples(people, periods, amounts, st.sampled_from([121, 122, 124])), min_size=1, max_size=5
)
batches = st.lists(records(), max_size=4)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("register"), rows, near_days),
        st.tuples(st.just("reverse"), st.integers(0, 50), st.sampled_from([1, 1, 2])),
        st.tuples(st.just("resolve"), st.integers(0, 50), periods, st.booleans()),
        st.tuples(st.just("sync"), batches, near_days),
        st.tuples(st.just("replace"), batches, near_days, st.integers(0, 1)),
    ),
    max_size=12,
)


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations)
def test_every_past_can_be_replayed(new_store: StoreFactory, chosen: list[tuple[Any, ...]]) -> None:
    """After each operation the ledgers equal their facts, and any later replay equals them too."""

    async def check() -> None:
        clock = MovableClock(datetime(2025, 1, 1, tzinfo=UTC))
        async with new_store(clock) as store:
            historian = Historian(store)
            seen: dict[int, dict[int, LedgerRow]] = {}
            for name, *arguments in chosen:
                operation: Callable[..., Awaitable[None]] = getattr(historian, name)
                await operation(*arguments)
                async with store.reading() as connection:
                    revision, _ = await newest_revision(connection)
                    ledgers = await read_ledgers(connection, PEOPLE)
                assert seen.setdefault(revision, ledgers) == ledgers
                async for page in verify_ledgers(store, LAW.data, LAW.policy):
                    assert page.wrong == ()
            for revision, ledgers in seen.items():
                async with store.reading() as connection:
                    replayed = await replay_ledgers(
                        connection, PEOPLE, LAW.data, LAW.policy, revision
                    )
                assert replayed == ledgers

    asyncio.run(check())


async def test_verification_finds_a_ledger_that_differs(new_store: StoreFactory) -> None:
    """A ledger changed behind the store's back is found."""
    async with new_store(MovableClock(datetime(2025, 1, 1, tzinfo=UTC))) as store:
        row = line(1, PEOPLE[0], 2025 * 12, 1)
        await record_register(store, register_of("P1", FIRST_DAY, [row]))
        async with store.writing("TEST") as unit:
            await unit.connection.execute(update(ledger).values(paid_2017=255))
        pages = [page async for page in verify_ledgers(store, LAW.data, LAW.policy)]
    assert [page.wrong for page in pages] == [(PEOPLE[0],)]


async def test_a_missing_ledger_is_found(new_store: StoreFactory) -> None:
    """A person with facts but no ledger is found."""
    async with new_store(MovableClock(datetime(2025, 1, 1, tzinfo=UTC))) as store:
        row = line(1, PEOPLE[0], 2025 * 12, 1)
        await record_register(store, register_of("P1", FIRST_DAY, [row]))
        async with store.writing("TEST") as unit:
            await unit.connection.execute(delete(ledger))
        pages = [page async for page in verify_ledgers(store, LAW.data, LAW.policy)]
    assert [page.wrong for page in pages] == [(PEOPLE[0],)]
