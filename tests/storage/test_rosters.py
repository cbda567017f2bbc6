"""Rosters in the store: a list replaces the one before it, and says what that changed."""

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import func, select

from osms_storage import rosters
from osms_storage.migrations import migrate
from osms_storage.rosters import RosterChange, RosterList, RosterMember, Stay
from osms_storage.schema import revision, roster_member
from osms_storage.store import Store
from tests.storage.conftest import Copy, StoreFactory
from tests.storage.world import clock_at

DAY = date(2026, 1, 15)
ATTACHED = date(2024, 3, 1).toordinal()
CODE = "polyclinic-5"
OWNER = "clinic"


def listed(
    people: Mapping[int, Stay], *kept: int, code: str = CODE, owner: str = OWNER
) -> RosterList:
    """Return a list of these people."""
    return RosterList(code, DAY, people, frozenset(kept), owner=owner)


async def replace(store: Store, new: RosterList) -> RosterChange:
    """Apply a list in a unit of work of its own."""
    async with store.writing("ROSTER") as unit:
        known = await rosters.find_roster(unit.connection, new.code, owner=new.owner)
        return await rosters.replace_members(unit.connection, known, new, new.content())


async def members(store: Store, code: str = CODE, owner: str = OWNER) -> dict[int, Stay]:
    """Return who is on a roster."""
    async with store.reading() as connection:
        roster = await rosters.find_roster(connection, code, owner=owner)
        assert roster is not None
        pages = [page async for page in rosters.all_members(connection, roster.id)]
    found = {member.iin: (member[1], member[2]) for page in pages for member in page}
    assert list(found) == sorted(found)
    assert len(found) == roster.members
    return found


async def test_a_list_says_what_it_changed(new_store: StoreFactory) -> None:
    """People are added, changed, removed, unchanged, or kept for a line that could not be used."""
    async with new_store(clock_at(DAY)) as store:
        first = dict.fromkeys((1, 2, 3, 4), (ATTACHED, None))
        assert await replace(store, listed(first)) == RosterChange(1, 4, added=4)
        second = {1: (ATTACHED, None), 2: (ATTACHED, ATTACHED + 9), 5: (ATTACHED, None)}
        change = await replace(store, listed(second, 4, 6))
        assert change == RosterChange(2, 4, added=1, changed=1, removed=1)
        assert change.unchanged == 2
        assert await members(store) == {**second, 4: (ATTACHED, None)}


async def test_the_same_list_changes_nothing(new_store: StoreFactory) -> None:
    """In whatever order it comes; nor does it make a revision, whatever it changes."""
    async with new_store(clock_at(DAY)) as store:
        people = {iin: (ATTACHED + iin, None) for iin in range(1, 50)}
        await replace(store, listed(people))
        again = dict(Random(1).sample(list(people.items()), len(people)))
        later = RosterList(CODE, DAY + timedelta(days=1), again, (), owner=OWNER)
        assert await replace(store, later) == RosterChange(1, 49)
        async with store.reading() as connection:
            roster = await rosters.find_roster(connection, CODE, owner=OWNER)
        assert roster is not None
        assert roster.as_of == later.as_of
        # Known under another digest, as a person is kept for a line that cannot be used.
        assert await replace(store, listed(again, 99)) == RosterChange(1, 49)
        async with store.reading() as connection:
            assert await connection.scalar(select(func.max(revision.c.number))) == 1


async def test_rosters_do_not_touch_each_other(new_store: StoreFactory) -> None:
    """Nor do those of two clients under one code; one that is emptied stays known."""
    async with new_store(clock_at(DAY)) as store:
        await replace(store, listed({1: (ATTACHED, None)}))
        await replace(store, listed({1: (ATTACHED + 1, None)}, code="other"))
        await replace(store, listed({1: (ATTACHED + 2, None)}, owner="hospital"))
        assert await replace(store, listed({})) == RosterChange(2, 0, removed=1)
        assert await members(store) == {}
        assert await members(store, "other") == {1: (ATTACHED + 1, None)}
        assert await members(store, owner="hospital") == {1: (ATTACHED + 2, None)}
        assert await replace(store, listed({}, code="empty")) == RosterChange(1, 0)


async def test_a_roster_of_a_city_is_replaced_whole(new_store: StoreFactory) -> None:
    """More people than one statement takes are written, found in order, and dropped."""
    async with new_store(clock_at(DAY)) as store:
        most = 2 * rosters.MEMBERS_AT_A_TIME + 5
        people = {iin: (ATTACHED, ATTACHED + iin % 300) for iin in range(1, most + 1)}
        assert await replace(store, listed(people)) == RosterChange(1, most, added=most)
        assert await members(store) == people
        async with store.reading() as connection:
            roster = await rosters.find_roster(connection, CODE, owner=OWNER)
            assert roster is not None
            page = await rosters.read_members(connection, roster.id, limit=2, skip=20_000)
        assert page == [RosterMember(iin, *people[iin]) for iin in (20_001, 20_002)]
        few = {iin: people[iin] for iin in range(1, most, 1_000)}
        assert (await replace(store, listed(few))).removed == most - len(few)
        assert await members(store) == few


async def test_any_row_of_lists_leaves_the_last_one(new_store: StoreFactory) -> None:
    """Whatever came before, a list leaves its people and those kept, and its counts add up."""
    random = Random(1)
    async with new_store(clock_at(DAY)) as store:
        before: dict[int, Stay] = {}
        version = 0
        for _ in range(60):
            people = {
                iin: (ATTACHED + random.randrange(2), random.choice([None, ATTACHED]))
                for iin in random.sample(range(1, 6), random.randrange(6))
            }
            kept = set(random.sample(range(1, 6), random.randrange(3))) - people.keys()
            change = await replace(store, listed(people, *kept))
            after = {**{iin: before[iin] for iin in kept & before.keys()}, **people}
            assert await members(store) == after
            assert change.members == len(after)
            assert change.added == len(after.keys() - before.keys())
            assert change.removed == len(before.keys() - after.keys())
            same = [iin for iin in after if before.get(iin) == after[iin]]
            assert change.unchanged == len(same)
            version += after != before or not version
            assert change.version == version
            before = after


async def test_the_schema_of_rosters_goes_down_alone(copy: Copy) -> None:
    """A store brought back to the first release keeps all but its rosters."""
    path = copy()
    async with Store(path, clock=clock_at(DAY)) as store:
        await replace(store, listed({1: (ATTACHED, None)}))
    await migrate(path, "0003")
    await migrate(path)
    async with Store(path, clock=clock_at(DAY)) as store, store.reading() as connection:
        assert await rosters.find_roster(connection, CODE, owner=OWNER) is None
        assert await connection.scalar(select(func.max(revision.c.number))) == 1


async def test_of_two_rosters_under_one_code_the_older_stays_without_owners(copy: Copy) -> None:
    """The schema before clients had names knows one roster of a code; who sent it is forgotten."""
    path = copy()
    async with Store(path, clock=clock_at(DAY)) as store:
        await replace(store, listed({1: (ATTACHED, None)}))
        await replace(store, listed({2: (ATTACHED, None), 3: (ATTACHED, None)}, owner="hospital"))
    await migrate(path, "0005")
    await migrate(path)
    async with Store(path, clock=clock_at(DAY)) as store:
        assert await members(store, owner="") == {1: (ATTACHED, None)}
        async with store.reading() as connection:
            assert await rosters.find_roster(connection, CODE, owner="hospital") is None
            assert await connection.scalar(select(func.count()).select_from(roster_member)) == 1


async def test_nothing_of_a_list_is_kept_when_its_unit_of_work_fails(
    new_store: StoreFactory,
) -> None:
    """The old roster stands, whole."""
    async with new_store(clock_at(DAY)) as store:
        await replace(store, listed({1: (ATTACHED, None)}))

        async def fail() -> None:
            async with store.writing("ROSTER") as unit:
                known = await rosters.find_roster(unit.connection, CODE, owner=OWNER)
                new = listed({2: (ATTACHED, None)})
                await rosters.replace_members(unit.connection, known, new, new.content())
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await fail()
        assert await members(store) == {1: (ATTACHED, None)}
        async with store.reading() as connection:
            assert await connection.scalar(select(func.count()).select_from(roster_member)) == 1
