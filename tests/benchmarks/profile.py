"""What a lookup costs, stage by stage: ``make profile``.

The servicer is called in this process, on the gateway's core and without a socket, with a fine
timer at the seams of its work. The time that no other stage takes is the wait for the read: 48
callers at a time share it. They share the access log, too, so its stage is what lookups take longer
with it than without, in turns. Then it is brought into the store. Beside the stages stands the
RPC's own cost, the CPU time that a gateway takes for one that asks nothing, and what it takes for a
whole lookup, by plain text: all that the stages are, and what the wait for each other costs.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, ParamSpec, TypeVar
from unittest.mock import patch

from rich.table import Table

from osms.v1 import consumer_service_pb2 as pb
from osms_server import answers
from osms_server.access.journal import Journal
from osms_server.access.keeper import StoreKeeper
from osms_server.access.recorder import Recorder
from osms_server.access.shipping import Shipper
from osms_server.admission import Gate
from osms_server.bootstrap import collect_rarely
from osms_server.identity.clients import Clients
from osms_server.identity.identification import Identification
from osms_server.inquiry import Inquiry, View
from osms_server.interceptors import Doorman
from osms_server.law import Law, Laws
from osms_server.meter import Meter
from osms_server.services import ConsumerServicer
from osms_server.settings import Settings
from osms_storage.store import Store
from tests.benchmarks.bare import SilentRecorder, servicer
from tests.benchmarks.calls import LOOKUP, lookup_message
from tests.benchmarks.cost import SHIPPED_IN_S
from tests.benchmarks.figures import console
from tests.benchmarks.h2load import Concurrency, load_rpc
from tests.benchmarks.ledgers import fill_ledgers
from tests.benchmarks.lookups import EMPTY
from tests.benchmarks.processes import cpu_s, pinned
from tests.benchmarks.server import reach_no_quota
from tests.benchmarks.subject import (
    NOW,
    Subject,
    chosen_engines,
    gateway_core,
    load_core,
    running_subject,
)
from tests.callers import Forgetful
from tests.postgres import running_postgres

PEOPLE = 20_000
LOOKUPS = 6_000
WARM_LOOKUPS = 500
TURNS = 5
CALLERS = {1: Concurrency(1, 1), 48: Concurrency(6, 8)}
"""How many callers there are in this process, and the same for h2load."""
RPC = "osms.v1.ConsumerService/LookupConsumer"
CLIENT = "clinic"
DOOR, READ, LOG = "identity, rights, quotas", "wait for the read", "access log"
STAGES = (
    *("deserialise", DOOR, "check fields", READ, "decide", "build the answer", "serialise", LOG),
)
LOG_CPU, SHIP_CPU = "of that, CPU", "bring it into the store (CPU)"
P = ParamSpec("P")
R = TypeVar("R")


class _Run(NamedTuple):
    """What lookups took, in microseconds for each."""

    stages: Mapping[str, float]
    """By stage, the access log not among them: the wait for it is in that for the read."""
    elapsed: float
    cpu: float
    """Of all threads."""


class _Context:
    """As much of a call by TLS as the servicer and its doorman look at."""

    def __init__(self, certificate: bytes) -> None:
        self._shown = {"x509_pem_cert": [certificate]}

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        """Return what the client has shown."""
        return self._shown

    def peer(self) -> str:
        """Return whom a connection is with."""
        return "ipv4:127.0.0.1:1"


class _Stages:
    """A servicer's work, timed at its seams."""

    def __init__(self, doorman: Doorman, certificate: bytes) -> None:
        self._doorman = doorman
        self._context: Any = _Context(certificate)
        self._asked_at = 0.0
        self.seconds = dict.fromkeys(STAGES, 0.0)

    async def look_up(
        self, servicer: ConsumerServicer, messages: Sequence[bytes], callers: int
    ) -> _Run:
        """Return what lookups take, asked by so many at a time."""
        position = iter(messages)

        async def caller() -> None:
            for message in position:
                await self._look_up(servicer, message)

        self.seconds = dict.fromkeys(STAGES, 0.0)
        with (
            patch.object(answers, "decide", self._timed("decide", answers.decide)),
            patch.object(
                answers, "write_whole", self._timed("build the answer", answers.write_whole)
            ),
            patch.object(Meter, "single", self._timed(DOOR, Meter.single)),
            patch.object(Meter, "note", self._timed(DOOR, Meter.note)),
            patch.object(Laws, "newest", self._unchecked(Laws.newest)),
            patch.object(Inquiry, "view", self._checked(Inquiry.view)),
        ):
            cpu, started = time.process_time(), time.perf_counter()
            await asyncio.gather(*(caller() for _ in range(callers)))
            elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
        self.seconds[READ] = elapsed - sum(self.seconds.values())
        each = 1e6 / len(messages)
        return _Run(
            {stage: seconds * each for stage, seconds in self.seconds.items()},
            elapsed * each,
            cpu * each,
        )

    async def _look_up(self, servicer: ConsumerServicer, message: bytes) -> None:
        request = self._timed("deserialise", pb.LookupConsumerRequest.FromString)(message)
        started = time.perf_counter()
        gate = await self._doorman.enter(RPC, self._context)
        self._asked_at = time.perf_counter()
        self.seconds[DOOR] += self._asked_at - started
        with gate:
            response = await servicer.LookupConsumer(request, self._context)
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
    certificate = (subject.identities / "clients" / CLIENT / "certificate.pem").read_bytes()
    with TemporaryDirectory() as folder:
        async with Store(subject.store, clock=lambda: datetime.fromisoformat(NOW)) as store:
            identification = Identification(Clients(store), None, "")
            stages = _Stages(Doorman(identification, Gate(settings.calls_max)), certificate)
            silent = SilentRecorder(Forgetful(), store.clock)
            unwritten = servicer(store, settings, silent, Meter(settings.workers))
            async with Journal(Path(folder), store.clock) as journal:
                recorder = Recorder(journal, store.clock)
                written = servicer(store, settings, recorder, Meter(settings.workers))
                shipper = Shipper(Path(folder), StoreKeeper(store), journal)
                for warmed in (unwritten, written):
                    await stages.look_up(warmed, messages[:WARM_LOOKUPS], 1)
                await _ship(shipper)
                return {
                    callers: await _measured(
                        stages, (unwritten, written), messages, callers, shipper
                    )
                    for callers in CALLERS
                }


async def _measured(
    stages: _Stages,
    servicers: tuple[ConsumerServicer, ConsumerServicer],
    messages: Sequence[bytes],
    callers: int,
    shipper: Shipper,
) -> dict[str, float]:
    """Ask in turns without the access log and with it; return medians."""
    turns: list[dict[str, float]] = []
    for _ in range(TURNS):
        without, with_log = [
            await stages.look_up(servicer, messages, callers) for servicer in servicers
        ]
        turns.append(
            {
                **without.stages,
                LOG: with_log.elapsed - without.elapsed,
                LOG_CPU: with_log.cpu - without.cpu,
                SHIP_CPU: await _ship(shipper) / len(messages) * 1e6,
            }
        )
    return {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}


async def _ship(shipper: Shipper) -> float:
    """Bring what was written into the store; return the CPU seconds of that."""
    before_s = time.process_time()
    while await shipper.ship():
        pass
    return time.process_time() - before_s


async def _through_socket(subject: Subject, path: str, iin: int, concurrency: Concurrency) -> float:
    """Return the CPU microseconds of the gateway for one call."""
    message = lookup_message(f"{iin:012d}")
    before_s = cpu_s(subject.process)
    await load_rpc(subject.address, path, message, concurrency, LOOKUPS)
    await asyncio.sleep(SHIPPED_IN_S)
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
                await _through_socket(subject, path, iins[0], CALLERS[callers])
                for path in (EMPTY, LOOKUP)
            ]
            whole = sum(microseconds[stage] for stage in STAGES)
            columns.append([*microseconds.values(), whole, *costs])
    names = (
        *(*STAGES, f"  {LOG_CPU}", SHIP_CPU, "all of the stages"),
        *("an RPC that asks nothing (CPU)", "the whole lookup (CPU)"),
    )
    for name, *values in zip(names, *columns, strict=True):
        table.add_row(name, *(f"{value:,.1f}" for value in values))
    return table


def main() -> None:
    """Print the stages on each chosen engine."""
    collect_rarely()
    reach_no_quota()
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
