"""The access log in the store: records taken once, in their order, whole, and found by person."""

import asyncio
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from osms.v1.access_record_pb2 import AccessContext, AccessRecord, PackedItem
from osms_storage import accesses as reading
from osms_storage.access_log import (
    RECORDS_AT_A_TIME,
    all_chains,
    chain_head,
    delete_records,
    newest_heads,
    read_chain,
)
from osms_storage.accesses import Access, Place, read_accesses
from osms_storage.clock import to_microseconds
from osms_storage.errors import BrokenChainError
from osms_storage.schema import (
    access_packed,
    access_packed_person,
    access_record,
    access_single,
    revision,
)
from osms_storage.store import Store
from tests.storage.access import IIN, OTHER_IIN, Writer, keep, packed, single
from tests.storage.conftest import StoreFactory
from tests.storage.world import clock_at

DAY = date(2026, 1, 15)


async def listed(
    store: Store, iin: int = IIN, *, limit: int = 1_000, hidden: bool = True
) -> list[Access]:
    """Return all accesses to a person, read page by page."""

    def shown(context: AccessContext) -> bool:
        return hidden or not context.hidden_days

    found: list[Access] = []
    after: Place | None = None
    while True:
        async with store.reading() as connection:
            page = await read_accesses(connection, iin, limit=limit, after=after, shown=shown)
        assert len(page.accesses) <= limit
        found += page.accesses
        if page.last is None:
            return found
        assert after is None or page.last < after
        after = page.last


def instants(accesses: list[Access]) -> list[int]:
    """Return when each was answered."""
    return [to_microseconds(access.answered_at) for access in accesses]


async def counted(store: Store) -> dict[str, int]:
    """Return how many rows the tables have that people are found by."""
    async with store.reading() as connection:
        return {
            table.name: await connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (access_record, access_single, access_packed, access_packed_person)
        }


# --- chains --------------------------------------------------------------------------------------


async def test_records_are_kept_byte_by_byte(new_store: StoreFactory) -> None:
    """What is read back is what was written, and the head is that of the writer."""
    writer = Writer("w1")
    async with new_store(clock_at(DAY)) as store:
        for number in range(RECORDS_AT_A_TIME + 3):
            writer.write(singles=[single(number)], at_us=number)
        await keep(store, writer, writer.sealed)
        chain, first = await read_chain(store, 1)
        assert chain is not None
        assert (chain.number, chain.hash) == (writer.chain.number, writer.chain.hash)
        _, rest = await read_chain(store, 1, first[-1].number)
        assert [(record.number, record.body) for record in (*first, *rest)] == writer.sealed
        async with store.reading() as connection:
            assert await connection.scalar(select(func.max(revision.c.number))) == 1
            assert await chain_head(connection, "another") is None
            heads = await newest_heads(connection, 5)
        assert [(head.writer, head.number, head.hash) for head in heads] == [
            ("w1", writer.chain.number, writer.chain.hash)
        ]


async def test_records_that_are_there_are_left_alone(new_store: StoreFactory) -> None:
    """A shipment whose acknowledgement was lost is sent again, with what has come since."""
    writer = Writer("w1")
    for number in range(6):
        writer.write(singles=[single(number)], packed=[packed(number, [IIN, OTHER_IIN])])
    async with new_store(clock_at(DAY)) as store:
        await keep(store, writer, writer.sealed[:4])
        before = await counted(store)
        await keep(store, writer, writer.sealed[:4])
        await keep(store, writer, writer.sealed[1:3])
        assert await counted(store) == before
        await keep(store, writer, writer.sealed[2:], ended=True)
        await keep(store, writer, writer.sealed[2:], ended=True)
        assert len(await listed(store)) == 12
        chains = [chain async for chain in all_chains(store)]
    assert [(chain.number, chain.ended) for chain in chains] == [(6, True)]


async def test_records_that_do_not_fit_are_refused(new_store: StoreFactory) -> None:
    """A gap, a record that is another than before, one after the end: nothing of it is kept."""
    writer, forged = Writer("w1"), Writer("w1")
    for number in range(5):
        writer.write(singles=[single(number)])
        forged.write(singles=[single(number + 100)])
    async with new_store(clock_at(DAY)) as store:
        await keep(store, writer, writer.sealed[:2])
        before = await counted(store)
        for records, at in (
            (writer.sealed[3:], 3),
            ([writer.sealed[2], writer.sealed[4]], 4),
            ([writer.sealed[0], *forged.sealed[1:]], 2),
        ):
            with pytest.raises(BrokenChainError) as refused:
                await keep(store, writer, records)
            assert (refused.value.writer, refused.value.number) == ("w1", at)
            assert await counted(store) == before
        await keep(store, writer, [], ended=True)
        with pytest.raises(BrokenChainError, match="ended at record 2"):
            await keep(store, writer, writer.sealed[2:])


async def test_a_spoiled_record_is_kept_as_it_is(new_store: StoreFactory) -> None:
    """The store judges nothing: evidence stays, and what is readable is found."""
    writer = Writer("w1")
    writer.write(singles=[single(1)])
    writer.sealed.append((2, b"\xff" * 9))
    async with new_store(clock_at(DAY)) as store:
        await keep(store, writer, writer.sealed)
        _, records = await read_chain(store, 1)
        assert [record.body for record in records] == [body for _, body in writer.sealed]
        assert instants(await listed(store)) == [1]


async def test_the_log_does_not_wait_for_facts(new_store: StoreFactory) -> None:
    """On a server records are kept while facts are written; in a file after them, in turn."""
    writer = Writer("w1")
    async with new_store(clock_at(DAY)) as store:
        async with store.writing("TEST"):
            kept = asyncio.create_task(keep(store, writer, writer.write(singles=[single(1)])))
            if store.remote:
                await kept
            else:
                await asyncio.sleep(0)
                assert not kept.done()
        await kept
        assert instants(await listed(store)) == [1]


async def test_writers_may_ship_at_the_same_time(new_store: StoreFactory) -> None:
    """New clients and chains of many writers do not get into each other's way."""
    writers = [Writer(f"w{number}") for number in range(8)]
    async with new_store(clock_at(DAY)) as first, Store(first.url) as second:
        for at_us, writer in enumerate(writers):
            writer.write(packed=[packed(at_us, [IIN], client=f"c{at_us % 3}")])
            writer.write(singles=[single(at_us, client=f"c{at_us}")])
        await asyncio.gather(
            *(
                keep(store, writer, writer.sealed)
                for store, writer in zip([first, second] * 4, writers, strict=True)
            )
        )
        found = await listed(first)
        assert sorted(instants(found)) == sorted([*range(8), *range(8)])
        assert len([chain async for chain in all_chains(first)]) == 8


# --- accesses of a person ------------------------------------------------------------------------


async def test_a_person_s_accesses_are_listed_newest_first(new_store: StoreFactory) -> None:
    """Single ones and items of packed ones, of all writers, with what each says."""
    one, two = Writer("w1"), Writer("w2")
    one.write(
        singles=[single(10, case="K-1"), single(11, OTHER_IIN)],
        packed=[
            packed(
                12,
                [OTHER_IIN, IIN, 0, IIN],
                items=[PackedItem(position=3, service_date="2026-02-01", case_reference="K-2")],
            )
        ],
    )
    two.write(singles=[single(9), single(13, client="hospital")])
    async with new_store(clock_at(DAY)) as store:
        await keep(store, one, one.sealed)
        await keep(store, two, two.sealed)
        found = await listed(store)
        assert [
            (access.client, access.decision_id, access.service_date, access.case_reference)
            for access in found
        ] == [
            ("hospital", "d13", "2026-01-15", ""),
            ("polyclinic", "b12-3", "2026-02-01", "K-2"),
            ("polyclinic", "b12-1", "2026-01-15", ""),
            ("clinic", "d10", "2026-01-15", "K-1"),
            ("clinic", "d9", "2026-01-15", ""),
        ]
        assert [access.status for access in found] == [1, 4, 4, 1, 1]
        assert instants(await listed(store, OTHER_IIN)) == [12, 11]
        assert await listed(store, 0) == []
        assert await listed(store, limit=2) == found


async def test_bytes_of_neighbours_are_no_person(new_store: StoreFactory) -> None:
    """A number that only shows across the edge of two others is not found."""
    across = 0x0000_0012_0000_0000
    writer = Writer("w1")
    writer.write(packed=[packed(1, [across]), packed(2, [0x12 << 56, 1, 0x12])])
    async with new_store(clock_at(DAY)) as store:
        await keep(store, writer, writer.sealed)
        assert instants(await listed(store, across)) == [1]
        assert instants(await listed(store, 0x12)) == [2]


async def test_checking_again_costs_no_row_a_person(new_store: StoreFactory) -> None:
    """However often a roster is checked, each of its people has one row."""
    writer = Writer("w1")
    async with new_store(clock_at(DAY)) as store:
        for night in range(4):
            await keep(store, writer, writer.write(packed=[packed(night, range(1, 501))]))
        rows = await counted(store)
        assert (rows["access_packed"], rows["access_packed_person"]) == (4, 500)
        assert rows["access_single"] == 0
        assert instants(await listed(store, 77)) == [3, 2, 1, 0]


async def test_an_earlier_answer_may_become_known_later(new_store: StoreFactory) -> None:
    """Writers ship when they can: nothing is overlooked, whatever order records come in."""
    late, early = Writer("w1"), Writer("w2")
    late.write(packed=[packed(1, [IIN])])
    early.write(packed=[packed(2, [IIN, OTHER_IIN])])
    async with new_store(clock_at(DAY)) as store:
        await keep(store, early, early.sealed)
        await keep(store, late, late.sealed)
        assert instants(await listed(store)) == [2, 1]
        assert instants(await listed(store, OTHER_IIN)) == [2]


async def test_what_is_hidden_leaves_no_trace(new_store: StoreFactory) -> None:
    """Pages are as full, and end where they would, as if it were not there."""
    with_it, without = Writer("w1"), Writer("w2")
    for number in range(0, 60, 3):
        shown = {"singles": [single(number)], "packed": [packed(number + 1, [IIN])]}
        with_it.write(**shown)  # type: ignore[arg-type]
        without.write(**shown)  # type: ignore[arg-type]
        with_it.write(
            singles=[single(number + 2, hidden_days=30, client="police")],
            packed=[packed(number + 2, [IIN], hidden_days=30, client="police")],
        )
    async with new_store(clock_at(DAY)) as store, new_store(clock_at(DAY)) as other:
        await keep(store, with_it, with_it.sealed)
        await keep(other, without, without.sealed)
        assert len(await listed(store)) == 80
        assert await listed(store, hidden=False) == await listed(other)
        for limit in (1, 3, 40):
            assert await listed(store, hidden=False, limit=limit) == await listed(other)


async def test_a_page_looks_into_so_many_records(
    new_store: StoreFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person among many answers about others is found over several pages, each once."""
    monkeypatch.setattr(reading, "RECORDS_MAX", 3)
    writer = Writer("w1")
    for number in range(20):
        people = [OTHER_IIN, IIN, IIN] if number % 10 == 0 else [OTHER_IIN]
        writer.write(packed=[packed(number, people)])
    async with new_store(clock_at(DAY)) as store:
        await keep(store, writer, writer.sealed)
        assert instants(await listed(store)) == [10, 10, 0, 0]
        assert instants(await listed(store, limit=1)) == [10, 10, 0, 0]
        monkeypatch.setattr(reading, "RECORD_BYTES_MAX", 0)
        assert instants(await listed(store, limit=1)) == [10, 10, 0, 0]


people = st.sampled_from([IIN, OTHER_IIN, 7])
answers = st.tuples(
    st.integers(0, 30), st.booleans(), st.lists(people, max_size=4), st.sampled_from("ab")
)


@settings(max_examples=15)
@given(
    records=st.lists(st.lists(answers, max_size=3), max_size=8),
    shipped=st.permutations([0, 1]),
    limit=st.integers(1, 4),
)
def test_the_list_is_what_was_written(
    sqlite_template: object,
    tmp_path_factory: pytest.TempPathFactory,
    records: list[list[tuple[int, bool, list[int], str]]],
    shipped: list[int],
    limit: int,
) -> None:
    """Whatever was answered, in whatever order it became known and however it is paged."""
    writers = [Writer("w0"), Writer("w1")]
    expected: dict[int, list[tuple[int, str]]] = {IIN: [], OTHER_IIN: [], 7: []}
    for number, content in enumerate(records):
        singles, many = [], []
        for at_us, bulk, iins, client in content:
            if bulk:
                many.append(packed(at_us, iins, client=client))
            else:
                singles += [single(at_us, iin, client=client) for iin in iins]
            for iin in iins:
                expected[iin].append((at_us, client))
        writers[number % 2].write(singles=singles, packed=many)
    path = tmp_path_factory.mktemp("log") / "store.db"
    path.write_bytes(sqlite_template.read_bytes())  # type: ignore[attr-defined]

    async def run() -> None:
        async with Store(str(path)) as store:
            for number in shipped:
                await keep(store, writers[number], writers[number].sealed)
            for iin, wanted in expected.items():
                found = await listed(store, iin, limit=limit)
                pairs = [(to_microseconds(one.answered_at), one.client) for one in found]
                assert sorted(pairs) == sorted(wanted)
                assert instants(found) == sorted((at for at, _ in wanted), reverse=True)

    asyncio.run(run())


# --- deleting ------------------------------------------------------------------------------------


async def test_deleted_records_leave_the_hash_behind(new_store: StoreFactory) -> None:
    """A chain goes on from where it was cut, nobody is found in what is gone, the rest stays."""
    writer, other = Writer("w1"), Writer("w2")
    for number in range(2 * RECORDS_AT_A_TIME + 10):
        writer.write(singles=[single(number)], packed=[packed(number, [IIN, OTHER_IIN])])
    other.write(singles=[single(0)], packed=[packed(0, [IIN])])
    cut = 2 * RECORDS_AT_A_TIME + 5
    async with new_store(clock_at(DAY)) as store:
        await keep(store, writer, writer.sealed)
        await keep(store, other, other.sealed)
        await delete_records(store, "w1", cut)
        await delete_records(store, "w1", cut)
        chain, left = await read_chain(store, 1)
        assert chain is not None
        assert [(record.number, record.body) for record in left] == writer.sealed[cut:]
        assert chain.kept_from == cut + 1
        assert chain.hash_before == AccessRecord.FromString(left[0].body).previous_hash
        times = [*range(cut + 4, cut - 1, -1)]
        assert instants(await listed(store)) == sorted([*times, *times, 0, 0], reverse=True)
        # The writer may not know yet that all it has was taken.
        await keep(store, writer, writer.sealed)
        await delete_records(store, "w1", writer.chain.number)
        await keep(store, writer, writer.write(singles=[single(999)]))
        assert instants(await listed(store)) == [999, 0, 0]
        rows = await counted(store)
    assert (rows["access_record"], rows["access_single"], rows["access_packed"]) == (2, 2, 1)
