"""Rosters of polyclinics: who is attached since when, and seen when; replaced by whole lists.

A roster is no fact about a person: it makes no revision, and of its past only a version is kept.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from itertools import chain, islice
from struct import pack
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.engines import bulk_insert
from osms_storage.keys import among
from osms_storage.schema import roster, roster_member

MEMBERS_AT_A_TIME = 10_000
"""How many members one statement reads, writes or drops: other calls get their turn between."""

_ROSTER_COLUMNS = ("id", "owner", "code", "as_of", "members", "version", "content")
_MEMBER_COLUMNS = ("roster_id", "iin", "attached_on", "last_visit_on")

Stay = tuple[int, int | None]
"""The days of attachment and of the last visit, as ordinals; None: never seen."""


class RosterMember(NamedTuple):
    """A person on a roster; days are ordinals."""

    iin: int
    attached_on: int
    last_visit_on: int | None


@dataclass(frozen=True, slots=True)
class Roster:
    """A roster as it stands."""

    id: int
    owner: str
    """The client whose it is."""
    code: str
    """Unique among the rosters of its owner."""
    as_of: date
    """The day whose state its last list shows."""
    members: int
    version: int
    """1 for its first list, one more each time a list changes a member."""
    content: bytes
    """The digest of its last list."""


@dataclass(frozen=True, slots=True)
class RosterList:
    """All that belongs on a roster."""

    code: str
    as_of: date
    people: Mapping[int, Stay]
    """By IIN."""
    kept: Collection[int]
    """People who stay as they are, if they are on the roster; none of `people`."""
    owner: str = field(kw_only=True)
    """The client that sends it."""

    def content(self) -> bytes:
        """Return the digest by which the same list is recognised, in whatever order it came."""
        digest = sha256(pack("<qq", len(self.people), len(self.kept)))
        stays = ((iin, stay[0], stay[1] or 0) for iin, stay in sorted(self.people.items()))
        while part := list(chain.from_iterable(islice(stays, MEMBERS_AT_A_TIME))):
            digest.update(pack(f"<{len(part)}q", *part))
        digest.update(pack(f"<{len(self.kept)}q", *sorted(self.kept)))
        return digest.digest()


@dataclass(frozen=True, slots=True)
class RosterChange:
    """What a list changed; members are those added, changed and unchanged."""

    version: int
    members: int
    added: int = 0
    changed: int = 0
    removed: int = 0

    @property
    def unchanged(self) -> int:
        """People who are on the roster as before."""
        return self.members - self.added - self.changed


async def find_roster(connection: AsyncConnection, code: str, *, owner: str) -> Roster | None:
    """Return a client's roster of a code; None if no list of it was ever applied."""
    statement = select(roster).where(roster.c.owner == owner, roster.c.code == code)
    row = (await connection.execute(statement)).first()
    if row is None:
        return None
    return Roster(
        id=row.id,
        owner=row.owner,
        code=row.code,
        as_of=date.fromordinal(row.as_of),
        members=row.members,
        version=row.version,
        content=row.content,
    )


async def read_members(
    connection: AsyncConnection, roster_id: int, *, limit: int, after: int = -1, skip: int = 0
) -> list[RosterMember]:
    """Return members ascending by IIN: above an IIN, or past the first `skip`."""
    rows = await connection.execute(
        select(roster_member.c.iin, roster_member.c.attached_on, roster_member.c.last_visit_on)
        .where(roster_member.c.roster_id == roster_id, roster_member.c.iin > after)
        .order_by(roster_member.c.iin)
        .offset(skip)
        .limit(limit)
    )
    return [RosterMember._make(row) for row in rows]


async def all_members(
    connection: AsyncConnection, roster_id: int
) -> AsyncIterator[list[RosterMember]]:
    """Yield all members ascending by IIN, up to 10,000 at a time."""
    after = -1
    while page := await read_members(connection, roster_id, limit=MEMBERS_AT_A_TIME, after=after):
        yield page
        after = page[-1].iin


async def replace_members(
    connection: AsyncConnection, known: Roster | None, listed: RosterList, content: bytes
) -> RosterChange:
    """Let a roster hold what a list of this digest says.

    ``known`` is how it stands in this unit of work.
    """
    if known is None:
        newest = await connection.scalar(select(func.max(roster.c.id)))
        known = Roster(
            id=(newest or 0) + 1,
            owner=listed.owner,
            code=listed.code,
            as_of=listed.as_of,
            members=0,
            version=0,
            content=b"",
        )
    if content == known.content:
        change = RosterChange(known.version, known.members)
    else:
        change = await _write_difference(connection, known, listed)
    as_of = listed.as_of.toordinal()
    identity = (known.id, known.owner, known.code)
    row = (*identity, as_of, change.members, change.version, content)
    await bulk_insert(connection, roster, _ROSTER_COLUMNS, [row], update=_ROSTER_COLUMNS[3:])
    return change


async def _write_difference(
    connection: AsyncConnection, known: Roster, listed: RosterList
) -> RosterChange:
    added = dict(listed.people)
    changed: list[tuple[int, Stay]] = []
    removed: list[int] = []
    kept = 0
    async for page in all_members(connection, known.id):
        for iin, *days in page:
            stay = added.pop(iin, None)
            if stay is None and iin in listed.kept:
                kept += 1
            elif stay is None:
                removed.append(iin)
            elif stay != tuple(days):
                changed.append((iin, stay))
    written = [(known.id, iin, *stay) for iin, stay in chain(changed, added.items())]
    for some in _parts(written):
        await bulk_insert(
            connection,
            roster_member,
            _MEMBER_COLUMNS,
            some,
            update=_MEMBER_COLUMNS[2:],
            expect_new=not changed,
        )
    for gone in _parts(removed):
        await connection.execute(
            delete(roster_member).where(
                roster_member.c.roster_id == known.id, among(roster_member.c.iin)
            ),
            {"keys": gone},
        )
    differs = bool(written or removed)
    return RosterChange(
        version=known.version + 1 if differs or not known.version else known.version,
        members=len(listed.people) + kept,
        added=len(added),
        changed=len(changed),
        removed=len(removed),
    )


def _parts(items: Sequence[Any]) -> list[Any]:
    return [
        items[start : start + MEMBERS_AT_A_TIME]
        for start in range(0, len(items), MEMBERS_AT_A_TIME)
    ]
