"""Registers that wait at the same moment share a transaction; a lone one is committed at once."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from osms_server.law import Laws
from osms_storage.records import CheckedRegister, CommittedRegister
from osms_storage.registers import commit_registers, find_registers
from osms_storage.store import Store


@dataclass(frozen=True, slots=True)
class Commit:
    """A register was committed now."""

    revision: int
    recorded_at: datetime


Outcome = Commit | CommittedRegister
"""Committed now, or found as it was committed before, with the same or other content."""


class RegisterWriter:
    """Commits registers in groups; an outcome is there only once its commit is durable."""

    def __init__(self, store: Store, laws: Laws, *, group_rows_max: int) -> None:
        self._store = store
        self._laws = laws
        self._group_rows_max = group_rows_max
        self._waiting: list[tuple[CheckedRegister, asyncio.Future[Outcome]]] = []
        self._task: asyncio.Task[None] | None = None

    async def commit(self, checked: CheckedRegister) -> Outcome:
        """Commit one register, with whichever others wait.

        Raises StoreUnavailableError and StoreFullError; nothing of it is applied then.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((checked, future))
        if self._task is None or self._task.done():
            self._task = self._store.begin(self._work())
        # A caller that goes away does not take it back: it is written with the others.
        return await future

    async def _work(self) -> None:
        while self._waiting:
            group, rows = [], 0
            while self._waiting and rows < self._group_rows_max:
                checked, future = self._waiting.pop(0)
                group.append((checked, future))
                rows += len(checked.accepted) + len(checked.suspended)
            try:
                outcomes = await self._commit_group([checked for checked, _ in group])
            except Exception as exc:
                for _, future in group:
                    if not future.done():
                        future.set_exception(exc)
            else:
                for (_, future), outcome in zip(group, outcomes, strict=True):
                    if not future.done():
                        future.set_result(outcome)

    async def _commit_group(self, group: list[CheckedRegister]) -> list[Outcome]:
        law = await self._laws.newest()
        keys = [(checked.source_id, checked.reference) for checked in group]
        first: dict[tuple[int, str], int] = {}
        async with self._store.writing("REGISTERS") as unit:
            known = await find_registers(unit.connection, keys)
            for position, key in enumerate(keys):
                if key not in known:
                    first.setdefault(key, position)
            await commit_registers(unit, [group[i] for i in first.values()], law.policy)
        commit = Commit(unit.revision, unit.recorded_at)
        repeated = [
            key for position, key in enumerate(keys) if first.get(key, position) != position
        ]
        if repeated:
            async with self._store.deciding() as connection:
                known |= await find_registers(connection, repeated)
        return [
            commit if first.get(key) == position else known[key]
            for position, key in enumerate(keys)
        ]
