"""Notes whose facts a batch touched, in its own transaction; what that changed is found out later.

See osms_storage.telling.
"""

import struct
from collections.abc import Iterable
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.engines import bulk_insert
from osms_storage.schema import census, touched

PART_PEOPLE = 2_000
"""The most people in one row."""


async def touch(
    connection: AsyncConnection, batch_id: int, people: Iterable[int], *, first_part: int = 0
) -> None:
    """Note whose facts a batch touched, by IIN.

    Of several calls for a batch each has a ``first_part`` further on, by as many as its people at
    least.
    """
    left = iter(people)
    rows: list[tuple[int, int, bytes]] = []
    while part := tuple(islice(left, PART_PEOPLE)):
        rows.append((batch_id, first_part + len(rows), struct.pack(f"<{len(part)}q", *part)))
    await bulk_insert(connection, touched, ("batch_id", "part", "people"), rows)


async def touch_everybody(connection: AsyncConnection, batch_id: int) -> None:
    """Note that a batch touched everybody, as new law does."""
    await bulk_insert(connection, census, ("batch_id", "done_through"), [(batch_id, -1)])


def people_of(part: bytes) -> tuple[int, ...]:
    """Return the IINs of one row."""
    return struct.unpack(f"<{len(part) // 8}q", part)
