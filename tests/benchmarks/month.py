"""The national month: 9 million payment rows and a snapshot of 12.3 million people, at a scale.

The scale is the argument. A real gateway is pinned to one core, the load to another; PostgreSQL
may use all. What the whole nation would take is extrapolated, and said to be so.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import cycle, islice

from osms_client.testing import running_gateway
from tests.benchmarks.bystanders import bystanders
from tests.benchmarks.calls import ingest_all, sync
from tests.benchmarks.data import snapshot_messages
from tests.benchmarks.figures import console
from tests.benchmarks.people import people
from tests.benchmarks.phases import Phase, phases_table
from tests.benchmarks.processes import check_cores, pinned
from tests.benchmarks.registers import register_messages
from tests.benchmarks.sizes import measure_sizes
from tests.benchmarks.subject import NOW, Subject, gateway_core, load_core
from tests.postgres import running_postgres

PAYMENTS = 9_000_000
"""One for each person."""
STATE_PAID = 12_300_000
FIRST_STATE_PAID = 8_000_000
"""The number of the first person whom the state pays for: some also work."""
CHANGED_SHARE = 0.01
"""Of the second snapshot: half of them new, half gone."""
REGISTER_SIZES = (*(8,) * 8, *(30,) * 5, *(100,) * 3, 400, 400, 1_200, 5_000)
"""Rows of registers, 376 in the mean: small ones are many, large ones hold most of the rows."""
STREAMS = 4
PERIOD = "2026-11"
SNAPSHOT_DAYS = ("2026-12-30", "2026-12-31")
SCALE_MIN = 0.001


class _Month:
    """A month at a scale, sent to one gateway."""

    def __init__(self, subject: Subject, scale: float) -> None:
        self._subject = subject
        self._payments = round(PAYMENTS * scale)
        self._state_paid = round(STATE_PAID * scale)
        self._first_state_paid = round(FIRST_STATE_PAID * scale)
        self._nation = self._first_state_paid + self._state_paid

    async def run(self) -> list[Phase]:
        """Send registers, a snapshot in which all is new, and one in which little is."""
        shift = round(self._state_paid * CHANGED_SHARE / 2)
        return [
            await self._phase("registers", "rows", self._payments, self._registers()),
            await self._phase(
                "snapshot, all new", "records", self._state_paid, self._snapshot(0, 0)
            ),
            await self._phase(
                "snapshot, 1 % differs", "records", self._state_paid, self._snapshot(1, shift)
            ),
        ]

    async def _phase(self, name: str, unit: str, count: int, work: Awaitable[None]) -> Phase:
        print(f"{name}: {count:,} {unit}", file=sys.stderr)
        subject = self._subject
        before = await measure_sizes(subject)
        async with bystanders(subject.address, subject.process, name, self._nation) as seen:
            started = time.perf_counter()
            await work
            seconds = time.perf_counter() - started
        after = await measure_sizes(subject)
        return Phase(name, unit, count, seconds, before, after, seen)

    async def _registers(self) -> None:
        """Send all registers on a few streams, each of which takes the next when it is ready."""
        employed = islice(people(), self._payments)
        messages = register_messages("month", employed, PERIOD, cycle(REGISTER_SIZES))
        counts = await asyncio.gather(*(self._stream(messages) for _ in range(STREAMS)))
        assert sum(counts) == self._payments

    async def _stream(self, messages: Iterator[bytes]) -> int:
        async with self._subject.connected() as channel:
            return await ingest_all(channel, messages)

    async def _snapshot(self, number: int, shift: int) -> None:
        """Send a snapshot of the people who follow so many of the first ones."""
        paid_for = islice(people(self._first_state_paid), shift, shift + self._state_paid)
        messages = snapshot_messages(
            (person.iin for person in paid_for), self._state_paid, SNAPSHOT_DAYS[number]
        )
        async with self._subject.connected() as channel:
            await sync(channel, messages)


@contextmanager
def _real_gateway() -> Iterator[Subject]:
    """Serve an empty PostgreSQL store by `osms serve` on one core."""
    with running_postgres(fsync=True) as postgres, ExitStack() as stack:
        store = postgres.url(postgres.create())
        cores, core = os.sched_getaffinity(0), gateway_core()
        with pinned(core):
            clock = datetime.fromisoformat(NOW)
            gateway = stack.enter_context(running_gateway(store=store, clock=clock))
        check_cores(gateway.process.pid, {core})
        check_cores(postgres.postmaster(), cores)
        yield Subject(
            "postgresql",
            store,
            gateway.target,
            "",
            gateway.identities,
            gateway.process.pid,
            postgres.postmaster(),
        )


def main() -> None:
    """Run the month and print its table."""
    scale = float(sys.argv[1])
    if not SCALE_MIN <= scale <= 1:
        sys.exit(f"the scale is a number from {SCALE_MIN:g} to 1, as in: make month SCALE=0.1")
    with _real_gateway() as subject, pinned(load_core()):
        phases = asyncio.run(_Month(subject, scale).run())
    console().print(phases_table(phases, scale))


if __name__ == "__main__":
    main()
