"""Others who use the gateway while it works on something large; a process of its own.

A clinic asks at a steady pace, however long answers take; an employer pays with small registers,
each as soon as the one before is acknowledged. The process works until its input ends, and then
prints what it saw.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice

import grpc

from tests.benchmarks.calls import LOOKUP, ingest_all, lookup_message
from tests.benchmarks.people import people
from tests.benchmarks.processes import rss_mib
from tests.benchmarks.registers import register_message

LOOKUP_EVERY_S = 0.02
LOOKUP_DEADLINE_S = 10.0
REGISTER_EVERY_S = 0.25
REGISTER_ROWS = 100
PERIOD = "2026-10"
SAMPLE_EVERY_S = 0.5
STRIDE_PEOPLE = 7_919
"""How far apart the people are whom the clinic asks for one after the other."""
READY = "ready"


@dataclass(slots=True)
class Seen:
    """What bystanders saw of the gateway."""

    lookup_times_s: list[float] = field(default_factory=list)
    lookup_failures: list[str] = field(default_factory=list)
    """The status of each lookup that was not answered."""
    register_waits_s: list[float] = field(default_factory=list)
    """From sending a register to its acknowledgement."""
    rss_mib: list[float] = field(default_factory=list)
    """The gateway's memory, every half second."""


class _Bystanders:
    def __init__(self, channel: grpc.aio.Channel, process: int, name: str, nation: int) -> None:
        self._channel = channel
        self._process = process
        self._name = name
        self._nation = nation
        self._left = asyncio.Event()
        self.seen = Seen()

    async def stay(self) -> None:
        """Do all of it until the input ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask())
            group.create_task(self._pay())
            group.create_task(self._sample())
            print(READY, flush=True)
            await asyncio.to_thread(sys.stdin.read)
            self._left.set()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._left.wait(), seconds)
        except TimeoutError:
            return

    async def _ask(self) -> None:
        """Ask whether answers come or not: a slow one delays none of those after it."""
        number = 0
        async with asyncio.TaskGroup() as group:
            while not self._left.is_set():
                number += STRIDE_PEOPLE
                group.create_task(self._lookup(next(people(number % self._nation)).iin))
                await self._pause(LOOKUP_EVERY_S)

    async def _lookup(self, iin: str) -> None:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(LOOKUP)
        request = lookup_message(iin)
        started = time.perf_counter()
        try:
            await call(request, timeout=LOOKUP_DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            self.seen.lookup_failures.append(error.code().name)
        else:
            self.seen.lookup_times_s.append(time.perf_counter() - started)

    async def _pay(self) -> None:
        employed = people()
        number = 0
        while not self._left.is_set():
            number += 1
            some = list(islice(employed, REGISTER_ROWS))
            message = register_message(f"{self._name}-{number}", some, PERIOD)
            started = time.perf_counter()
            await ingest_all(self._channel, [message])
            self.seen.register_waits_s.append(time.perf_counter() - started)
            await self._pause(REGISTER_EVERY_S)

    async def _sample(self) -> None:
        while not self._left.is_set():
            self.seen.rss_mib.append(rss_mib(self._process))
            await self._pause(SAMPLE_EVERY_S)


@asynccontextmanager
async def bystanders(address: str, process: int, name: str, nation: int) -> AsyncIterator[Seen]:
    """Have bystanders until the end of the context; only then what they saw is filled in.

    ``name`` begins the references of their registers; they ask for the people numbered below
    ``nation``. Raises RuntimeError if they could not stay, as when a register was not taken.
    """
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, address, str(process), name, str(nation)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    seen = Seen()
    try:
        assert program.stdout is not None
        await program.stdout.readline()
        yield seen
        output, _ = await program.communicate(b"")  # ends its input
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    if program.returncode:
        raise RuntimeError("the bystanders could not stay")
    for key, value in json.loads(output).items():
        setattr(seen, key, value)


async def _main(address: str, process: str, name: str, nation: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        those = _Bystanders(channel, int(process), name, int(nation))
        await those.stay()
    print(json.dumps(asdict(those.seen)))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
