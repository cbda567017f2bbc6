"""What a lookup costs, stage by stage: ``make profile``.

The servicer is called in this process, on the gateway's core and without a socket, with a fine
timer at the seams of its work. The time that no other stage takes is the wait for the read: 48
callers at a time share it. Beside the stages stands the RPC's own cost, the CPU time that
a gateway takes for one that asks nothing, and what it takes for a whole lookup.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ParamSpec, TypeVar
from unittest.mock import Mock, patch

from rich.table import Table

from osms.v1 import consumer_service_pb2 as pb
from osms_server import answers
from osms_server.admission import Lanes
from osms_server.bootstrap import collect_rarely
from osms_server.inquiry import Inquiry, View
from osms_server.law import Law, Laws
from osms_server.receipts import Receipts
from osms_server.services import ConsumerServicer
from osms_server.settings import Settings
from osms_storage.store import Store
from tests.benchmarks.calls import LOOKUP, lookup_message
from tests.benchmarks.figures import console
from tests.benchmarks.h2load import Concurrency, load_rpc
from tests.benchmarks.ledgers import fill_ledgers
from tests.benchmarks.lookups import EMPTY
from tests.benchmarks.processes import cpu_s, pinned
from tests.benchmarks.subject import (
    NOW,
    Subject,
    chosen_engines,
    gateway_core,
    load_core,
    running_subject,
)
from tests.callers import forgetful_recorder
from tests.postgres import running_postgres

PEOPLE = 20_000
LOOKUPS = 6_000
WARM_LOOKUPS = 500
CALLERS = (1, 48)
READ = "wait for the read"
STAGES = ("deserialise", "check fields", READ, "decide", "build the answer", "serialise")
P = ParamSpec("P")
R = TypeVar("R")


class _Stages:
    """A servicer's work, timed at its seams."""

    def __init__(self, servicer: ConsumerServicer) -> None:
        self._servicer = servicer
        self._context = Mock()  # made once: it takes longer than all the rest
        self._asked_at = 0.0
        self.seconds = dict.fromkeys(STAGES, 0.0)

    async def look_up(self, messages: Sequence[bytes], callers: int) -> dict[str, float]:
        """Return the microseconds of each stage of a lookup, asked by so many at a time."""
        position = iter(messages)

        async def caller() -> None:
            for message in position:
                await self._look_up(message)

        self.seconds = dict.fromkeys(STAGES, 0.0)
        with (
            patch.object(answers, "decide", self._timed("decide", answers.decide)),
            patch.object(
                answers, "write_whole", self._timed("build the answer", answers.write_whole)
            ),
            patch.object(Laws, "newest", self._unchecked(Laws.newest)),
            patch.object(Inquiry, "view", self._checked(Inquiry.view)),
        ):
            started = time.perf_counter()
            await asyncio.gather(*(caller() for _ in range(callers)))
            elapsed = time.perf_counter() - started
        self.seconds[READ] = elapsed - sum(self.seconds.values())
        return {stage: seconds / len(messages) * 1e6 for stage, seconds in self.seconds.items()}

    async def _look_up(self, message: bytes) -> None:
        request = self._timed("deserialise", pb.LookupConsumerRequest.FromString)(message)
        self._asked_at = time.perf_counter()
        response = await self._servicer.LookupConsumer(request, self._context)
        self._timed("serialise", response.SerializeToString)()

    def _timed(self, stage: str, work: Callable[P, R]) -> Callable[P, R]:
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            started = time.perf_counter()
            result = work(*args, **kwargs)
            self.seconds[stage] += time.perf_counter() - started
            return result

        return wrapped

    def _unchecked(self, law: Callable[P, Awaitable[Law]]) -> Callable[P, Awaitable[Law]]:
        """Let the check of the fields begin when the law is there: it may have been read."""

        async def wrapped(*args: P.args, **kwargs: P.kwargs) -> Law:
            found = await law(*args, **kwargs)
            self._asked_at = time.perf_counter()
            return found

        return wrapped

    def _checked(self, view: Callable[P, Awaitable[View]]) -> Callable[P, Awaitable[View]]:
        """Let the check of the fields end where the read begins."""

        def wrapped(*args: P.args, **kwargs: P.kwargs) -> Awaitable[View]:
            self.seconds["check fields"] += time.perf_counter() - self._asked_at
            return view(*args, **kwargs)

        return wrapped


async def _in_process(subject: Subject, iins: Sequence[int]) -> dict[int, dict[str, float]]:
    """Return the microseconds of each stage by how many callers there are."""
    settings = Settings(store=subject.store)
    messages = [lookup_message(f"{iin:012d}") for iin in iins]
    async with Store(subject.store, clock=lambda: datetime.fromisoformat(NOW)) as store:
        laws = Laws(store)
        inquiry = Inquiry(store, laws)
        receipts = Receipts(None, inquiry, store.clock)
        stages = _Stages(
            ConsumerServicer(
                store, laws, inquiry, Lanes(settings), settings, receipts, forgetful_recorder()
            )
        )
        await stages.look_up(messages[:WARM_LOOKUPS], 1)
        return {callers: await stages.look_up(messages, callers) for callers in CALLERS}


async def _through_socket(subject: Subject, path: str, iin: int, callers: int) -> float:
    """Return the CPU microseconds of the gateway for one call."""
    message = lookup_message(f"{iin:012d}")
    before_s = cpu_s(subject.process)
    await load_rpc(subject.address, path, message, Concurrency(1, callers), LOOKUPS)
    return (cpu_s(subject.process) - before_s) / LOOKUPS * 1e6


async def _profile(subject: Subject) -> Table:
    iins = (await fill_ledgers(subject, PEOPLE))[:: PEOPLE // LOOKUPS]
    table = Table(title=f"Microseconds of a lookup on {subject.engine}")
    table.add_column("")
    columns: list[list[float]] = []
    with pinned(gateway_core()):
        stages = await _in_process(subject, iins)
    with pinned(load_core()):
        for callers, microseconds in stages.items():
            table.add_column(f"{callers} at a time", justify="right")
            costs = [
                await _through_socket(subject, path, iins[0], callers) for path in (EMPTY, LOOKUP)
            ]
            columns.append([*microseconds.values(), sum(microseconds.values()), *costs])
    names = (*STAGES, "all of these", "an RPC that asks nothing (CPU)", "the whole lookup (CPU)")
    for name, *values in zip(names, *columns, strict=True):
        table.add_row(name, *(f"{value:,.1f}" for value in values))
    return table


def main() -> None:
    """Print the stages on each chosen engine."""
    collect_rarely()
    for engine in chosen_engines():
        print(engine, file=sys.stderr)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            server: Any = None
            if engine == "postgresql":
                server = stack.enter_context(running_postgres(fsync=True))
            subject = stack.enter_context(running_subject(engine, folder, server))
            console().print(asyncio.run(_profile(subject)))


if __name__ == "__main__":
    main()
