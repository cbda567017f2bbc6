"""What is killed, and how it comes back."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from osms_client.testing import RunningGateway
from tests.crash.journal import Notes
from tests.crash.reader import Reader
from tests.integration.gateways import NOW
from tests.postgres import Postgres

ROOT = Path(__file__).parents[2]
BACK_S = 60.0
"""In this time whatever was killed must be back."""
WAIT_MAX_S = 0.6
BETWEEN_REGISTERS_S = 0.02
CLOCK_HOURS = 8


class Scene:
    """A gateway, its store, a loader and a reader, any of which may be killed."""

    def __init__(
        self, gateway: RunningGateway, seed: int, server: Postgres | None, database: str
    ) -> None:
        self.gateway = gateway
        self.seed = seed
        self.folder = gateway.folder
        self.notes = Notes(self.folder / "journal")
        self.reader = Reader(gateway.target, self.folder / "journal", seed)
        self.killed: list[str] = []
        self.incidents: set[str] = set()
        self._server = server
        self._database = database
        self._moments = random.Random(seed)
        self._loader = self._start_loader()
        self.reader.start()

    def kill(self, times: int) -> None:
        """Kill so many times, at random moments of a run under load."""
        plan = self._plan(times)
        for victim in plan:
            self._wait()
            self.killed.append(victim.__name__.strip("_"))
            victim()
            self._look()

    def finish(self) -> None:
        """Let the loader send the rest, and stop the reader."""
        (self.folder / "stop").touch()
        try:
            assert self._loader.wait(BACK_S) == 0, self._loader_log()
            self.reader.stop()
        finally:
            self.abandon()
        self.notes.read()

    def read_log(self) -> None:
        """Take in what the gateway says of its own defects."""
        for line in self.gateway.log().splitlines():
            if '"incident"' in line:
                self.incidents.add(str(json.loads(line)["places"]))

    def abandon(self) -> None:
        """End whatever still runs."""
        self._loader.kill()
        self._loader.wait()
        self.reader.stop()

    def _plan(self, times: int) -> list[Callable[[], None]]:
        weights: list[tuple[Callable[[], None], int]] = [
            (self._gateway, 4),
            (self._gateway_while_it_starts, 1),
            (self._loader_process, 1),
        ]
        if self._server is not None:
            weights += [
                (self._connections_terminated, 1),
                (self._backend, 1),
                (self._database_stopped, 1),
                (self._postmaster, 1),
            ]
        deck = [victim for victim, weight in weights for _ in range(weight)]
        plan = [deck[position % len(deck)] for position in range(times)]
        self._moments.shuffle(plan)
        return plan

    def _wait(self) -> None:
        """Wait for a moment: most often while registers are answered, else whatever happens."""
        if self._moments.random() < 0.8:
            before = self.notes.read().answer_count
            give_up_at = time.monotonic() + BACK_S
            while self.notes.read().answer_count <= before:
                self._look()
                assert time.monotonic() < give_up_at, "nothing is answered any more"
                time.sleep(BETWEEN_REGISTERS_S)
        time.sleep(self._moments.uniform(0, WAIT_MAX_S))

    def _look(self) -> None:
        """Fail early if what should run does not."""
        assert self._loader.poll() is None, self._loader_log()
        assert self.gateway.process.poll() is None, self.gateway.log()
        assert self.reader.is_alive()

    # --- the gateway and the loader --------------------------------------------------------------

    def _gateway(self) -> None:
        self._kill_gateway()
        # It comes back with another clock, as after an outage that NTP has to mend.
        hours = self._moments.uniform(-CLOCK_HOURS, CLOCK_HOURS)
        self.gateway.set_clock(NOW + timedelta(hours=hours))
        self.gateway.start()

    def _kill_gateway(self) -> None:
        self.gateway.process.kill()
        self.gateway.process.wait()
        self.read_log()  # the next start begins a new one

    def _gateway_while_it_starts(self) -> None:
        self._kill_gateway()
        delay_s = self._moments.uniform(0.3, 1.5)
        killer = threading.Timer(delay_s, lambda: self.gateway.process.kill())
        killer.start()
        with suppress(RuntimeError):  # killed before it served
            self.gateway.start()
        killer.join()
        self.gateway.process.wait()
        self.gateway.start()

    def _start_loader(self) -> "subprocess.Popen[bytes]":
        with (self.folder / "loader.log").open("ab") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.crash.loader", self.gateway.target),
                    *(str(self.folder), str(self.seed)),
                ],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def _loader_process(self) -> None:
        self._loader.kill()
        self._loader.wait()
        self._loader = self._start_loader()

    def _loader_log(self) -> str:
        return (self.folder / "loader.log").read_text(errors="replace")

    # --- the database ----------------------------------------------------------------------------

    @property
    def _postgres(self) -> Postgres:
        assert self._server is not None
        return self._server

    def _connections_terminated(self) -> None:
        self._eventually(
            lambda: self._postgres.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = '{self._database}'"
            )
        )

    def _backend(self) -> None:
        """Kill one connection's process: the server stops all others and recovers by itself."""
        found = ""

        def look() -> None:
            nonlocal found
            # The writer comes first: it holds the lock of all writers, or waits for the disk.
            found = self._postgres.sql(
                f"SELECT pid FROM pg_stat_activity WHERE datname = '{self._database}'"
                " ORDER BY backend_xid IS NULL, state <> 'active', random()"
            )
            if not found:
                raise RuntimeError("nobody is connected")

        self._eventually(look)
        with suppress(ProcessLookupError):
            os.kill(int(found.split()[0]), signal.SIGKILL)

    def _database_stopped(self) -> None:
        self._postgres.stop("immediate")
        time.sleep(self._moments.uniform(0, WAIT_MAX_S))
        self._postgres.start()

    def _postmaster(self) -> None:
        os.kill(self._postgres.postmaster(), signal.SIGKILL)
        time.sleep(self._moments.uniform(0, WAIT_MAX_S))
        # Until the last orphan has gone, a new server refuses to start.
        self._eventually(self._postgres.start)

    def _eventually(self, act: Callable[[], object]) -> None:
        give_up_at = time.monotonic() + BACK_S
        while True:
            try:
                act()
                return
            except RuntimeError:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.1)
