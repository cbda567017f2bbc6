"""What is measured: a gateway on one core, asked from another, over a store of one engine."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from tests.benchmarks.processes import check_cores, pinned
from tests.postgres import Postgres

ENGINES = ("sqlite", "postgresql")
NOW = "2026-12-31T12:00:00+05:00"
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Each channel has a connection of its own, as each sender has.
    ("grpc.use_local_subchannel_pool", 1),
]
_CORES = os.sched_getaffinity(0)
"""What there is before anything is pinned."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A gateway that serves, and where its work is done."""

    engine: str
    """sqlite or postgresql."""
    store: str
    """File or URL."""
    address: str
    """Host and port, of the door where plain text is spoken: whoever comes is `developer`."""
    tls_address: str
    """Host and port, of the door where clients show certificates."""
    identities: Path
    """Folder of those that `osms init --development` makes."""
    process: int
    """Process id of the gateway."""
    postmaster: int | None
    """Process id of the database server, if there is one."""

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[grpc.aio.Channel]:
        """Open a channel without limits of its own."""
        async with grpc.aio.insecure_channel(self.address, options=OPTIONS) as channel:
            yield channel


def chosen(variable: str, known: Sequence[str]) -> list[str]:
    """Return what a variable of the environment chooses of what is known; all if it is empty."""
    wanted = os.environ.get(variable, "").replace(",", " ").split() or list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.exit(f"{variable} knows {', '.join(known)}; not {', '.join(unknown)}")
    return [name for name in known if name in wanted]


def chosen_engines() -> list[str]:
    """Return the engines that are chosen, all if none is."""
    return chosen("OSMS_BENCH_ENGINES", ENGINES)


def load_core() -> int:
    """Return the core of those who ask."""
    return max(_CORES)


def gateway_core() -> int:
    """Return the core of the gateway; a machine with one core has no other."""
    return min(_CORES)


@contextmanager
def running_subject(engine: str, folder: Path, postgres: Postgres | None) -> Iterator[Subject]:
    """Serve a fresh store from one core; PostgreSQL may use all."""
    if engine == "postgresql":
        assert postgres is not None
        store, postmaster = postgres.url(postgres.create()), postgres.postmaster()
    else:
        store, postmaster = str(folder / "store.db"), None
    clock, identities = folder / "clock", folder / "identities"
    clock.write_text(NOW)
    osms = [sys.executable, "-m", "osms_client.cli"]
    init = [*osms, "init", "--store", store, "--test-clock", str(clock)]
    subprocess.run([*init, "--development", str(identities)], check=True, capture_output=True)
    command = [sys.executable, "-m", "tests.benchmarks.server", store, str(folder)]
    core = gateway_core()
    with pinned(core):
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with server:
        try:
            assert server.stdout is not None
            addresses = server.stdout.readline().split()
            if not addresses:
                raise RuntimeError("the gateway did not start")
            check_cores(server.pid, {core})
            if postmaster is not None:
                check_cores(postmaster, _CORES)
            plain, tls = addresses
            yield Subject(engine, store, plain, tls, identities, server.pid, postmaster)
        finally:
            server.terminate()
