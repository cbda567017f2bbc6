"""Clinics that ask when patients come, however long answers take; a process of its own.

Arrivals are a Poisson process. It goes on until its input ends, waits for what is under way, and
prints what became of each lookup.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import islice
from random import Random
from typing import NamedTuple

import grpc
from google.rpc import error_details_pb2, status_pb2

from tests.benchmarks.calls import LOOKUP, lookup_message
from tests.benchmarks.people import people
from tests.benchmarks.subject import OPTIONS

CLINICS = 8
"""Connections that arrivals are spread over."""
DEADLINE_S = 10.0
SEED = 7
READY = "ready"
ANSWERED, REFUSED, REFUSED_BARE = "answered", "refused", "refused without RetryInfo"
"""What becomes of a lookup; anything else bears the name of its status."""
_DETAILS = "grpc-status-details-bin"


class Arrival(NamedTuple):
    """One lookup."""

    at_s: float
    """When it was sent, by the clock of the machine."""
    seconds: float
    """Until its end."""
    outcome: str


@asynccontextmanager
async def arrivals(address: str, count: int, rate: int) -> AsyncIterator[list[Arrival]]:
    """Have so many lookups a second until the end of the context; only then the list is filled.

    They are for the first ``count`` people.
    """
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, address, str(count), str(rate)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    seen: list[Arrival] = []
    assert program.stdout is not None
    try:
        await program.stdout.readline()
        yield seen
        output, _ = await program.communicate(b"")  # ends its input
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    if program.returncode:
        raise RuntimeError("the arrivals ended early")
    seen += [Arrival(*each) for each in json.loads(output)]


def _refusal(error: grpc.aio.AioRpcError) -> str:
    """Return what a failed lookup is told: whether it was refused as the contract has it."""
    if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return error.code().name
    for key, value in error.trailing_metadata():
        if key == _DETAILS:
            assert isinstance(value, bytes)
            details = status_pb2.Status.FromString(value).details
            if any(detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for detail in details):
                return REFUSED
    return REFUSED_BARE


async def _lookup(channel: grpc.aio.Channel, message: bytes, seen: list[Arrival]) -> None:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(LOOKUP)
    at_s, started = time.time(), time.perf_counter()
    try:
        await call(message, timeout=DEADLINE_S)
    except grpc.aio.AioRpcError as error:
        outcome = _refusal(error)
    else:
        outcome = ANSWERED
    seen.append(Arrival(at_s, time.perf_counter() - started, outcome))


async def _main(address: str, count: str, rate: str) -> None:
    random = Random(SEED)
    messages = [lookup_message(person.iin) for person in islice(people(), int(count))]
    seen: list[Arrival] = []
    async with AsyncExitStack() as stack:
        clinics = [
            await stack.enter_async_context(grpc.aio.insecure_channel(address, options=OPTIONS))
            for _ in range(CLINICS)
        ]
        for clinic in clinics:
            await clinic.channel_ready()
        print(READY, flush=True)
        left = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        async with asyncio.TaskGroup() as group:
            while not left.done():
                group.create_task(_lookup(random.choice(clinics), random.choice(messages), seen))
                # By the clock, so that a late one does not delay all after it.
                next_s += random.expovariate(int(rate))
                await asyncio.sleep(max(0.0, next_s - loop.time()))
    print(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
