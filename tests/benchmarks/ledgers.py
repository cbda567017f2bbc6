"""Ledgers of any number of people, put into a store past the gateway.

What they hold is mixed as in life: most people are paid for, with gaps or without, and the state
pays for the others. Who is next to whom in the table says nothing of what they hold.
"""

import sqlite3
from array import array
from collections.abc import Iterable
from contextlib import closing
from datetime import date
from itertools import islice
from random import Random

import asyncpg

from osms.values import parse_month
from osms_storage.engines import bulk_insert
from osms_storage.ledgers import StoredLedger, encode
from osms_storage.projection import FIRST_MONTH
from osms_storage.records import LedgerRow, LedgerSpan
from osms_storage.schema import LEDGER_COLUMNS, ledger
from osms_storage.store import Store
from tests.benchmarks.people import people
from tests.benchmarks.subject import Subject

SEED = 20
CHUNK_PEOPLE = 50_000
KINDS = 10_000
"""So many different ledgers are made, and given to people by chance."""
FIRST_PAID, LAST_PAID = (parse_month(text) - FIRST_MONTH for text in ("2020-01", "2026-11"))
PENSION, CHILD = (4, 7), (1, 1)
"""Source and category, by their ids in the reference data."""
EMPLOYED, IN_AND_OUT, PENSIONERS, CHILDREN, WORKING_PENSIONERS = range(5)
WEIGHTS = (40, 20, 15, 20, 5)
GAP_SHARE, AHEAD_SHARE, DEAD_SHARE = 0.3, 0.03, 0.01


async def fill_ledgers(subject: Subject, count: int) -> "array[int]":
    """Give so many people a ledger; return their IINs, ascending.

    Nobody may have asked the gateway for them before.
    """
    iins = array("q", sorted(int(person.iin) for person in islice(people(), count)))
    random = Random(SEED)
    kinds = [encode(_ledger(random)) for _ in range(KINDS)]
    await put_ledgers(subject, ((iin, random.choice(kinds)) for iin in iins))
    return iins


async def put_ledgers(subject: Subject, ledgers: Iterable[tuple[int, StoredLedger]]) -> None:
    """Give people these ledgers, by ascending IIN."""
    people = iter(ledgers)
    async with Store(subject.store) as store:
        while some := list(islice(people, CHUNK_PEOPLE)):
            rows = [(iin, *stored) for iin, stored in some]
            async with store.writing("FILL") as unit:
                await bulk_insert(unit.connection, ledger, ("iin", *LEDGER_COLUMNS), rows)
    await _settle(subject)


def _ledger(random: Random) -> LedgerRow:
    [life] = random.choices(range(len(WEIGHTS)), WEIGHTS)
    paid, advance, spans = 0, [], []
    if life in (EMPLOYED, IN_AND_OUT, WORKING_PENSIONERS):
        first = random.randint(FIRST_PAID, LAST_PAID)
        gap_share = GAP_SHARE if life == IN_AND_OUT else 0.0
        for month in range(first, LAST_PAID + 1):
            paid |= (random.random() >= gap_share) << month
        if random.random() < AHEAD_SHARE:
            received = FIRST_MONTH + LAST_PAID
            advance = [(received + ahead, received) for ahead in range(1, 13)]
            paid |= 0xFFF << LAST_PAID + 1
    if life in (PENSIONERS, WORKING_PENSIONERS):
        spans.append(LedgerSpan(*PENSION, _day(random), 0))
    if life == CHILDREN:
        spans.append(LedgerSpan(*CHILD, _day(random), date(2030, 1, 1).toordinal()))
    died_on = _day(random) if random.random() < DEAD_SHARE else None
    return LedgerRow(paid, tuple(advance), tuple(spans), died_on)


def _day(random: Random) -> int:
    return date(2018, 1, 1).toordinal() + random.randrange(3_000)


async def _settle(subject: Subject) -> None:
    """Do now what the store would do after many new rows some time later, amid a measurement."""
    if subject.engine == "sqlite":
        with closing(sqlite3.connect(subject.store)) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    connection = await asyncpg.connect(subject.store)
    try:
        await connection.execute("VACUUM ANALYZE ledger")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
