"""Several processes that serve behind one port, and the parent that starts and replaces them.

The parent itself answers nobody. It gives each worker its settings, and learns when that serves,
through pipes: nothing secret stands among arguments, and a worker sees at once that it is alone.
"""

import asyncio
import pickle
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from collections.abc import Coroutine, Iterable
from contextlib import ExitStack, suppress
from typing import Any

import typer

from osms_server import logs
from osms_server.bootstrap import announce, begin_serving, running_gateway, warn_of_readers
from osms_server.console import run_command
from osms_server.doors import doors_of
from osms_server.port import has_connections, hold, leave
from osms_server.settings import Settings

START_MAX_S = 60.0
STOP_MARGIN_S = 2.0
"""How much longer than the grace a worker may take to end before it is killed."""
STEADY_S = 10.0
"""A worker that lived longer is started again at once, and the first time."""
PAUSE_S, PAUSE_MAX_S = 0.5, 30.0
"""How long to wait before a second start: twice as long each time, up to the latter."""
STARTS_MAX = 5
"""After so many failed starts in a row the parent gives up, unless another worker serves."""
POLL_S = 0.1
_PORTS = ("listen", "plain_listen")
"""The settings that name what is listened on."""

_log = logs.logger(__name__)


def settings_of_worker(settings: Settings, number: int) -> Settings:
    """Return the settings that a worker gets, by its number from 0 on; the first alone tells."""
    return settings.model_copy(update={"tell_changes": settings.tell_changes and number == 0})


async def serve_workers(settings: Settings) -> None:
    """Serve by several processes until SIGTERM or SIGINT; SIGHUP replaces them one by one.

    Raises OSError if the address cannot be listened on or workers cannot be started.
    """
    if sys.platform != "linux":
        raise ValueError("Several workers share a port on Linux only.")
    logs.configure()
    warn_of_readers(settings)
    stopping, renewing = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_signal_handler(signal.SIGINT, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, renewing.set)
    doors_of(settings)  # what is wrong with them is said once
    with ExitStack() as held:
        addresses = {name: _held(held, getattr(settings, name)) for name in _PORTS}
        workers = Workers(settings.model_copy(update=addresses))
        try:
            await _first(stopping.wait(), workers.run(renewing), workers.failed.wait())
        finally:
            await workers.stop()
    if workers.failed.is_set():
        raise ChildProcessError("No worker serves, and none can be started.")


class Workers:
    """The processes that serve, each in a place with a number."""

    def __init__(self, settings: Settings) -> None:
        self.failed = asyncio.Event()
        """Set when none serves and none can be started."""
        self._settings = settings
        self._places: dict[int, Process] = {}
        self._pauses_s: defaultdict[int, float] = defaultdict(float)
        self._processes: set[Process] = set()
        """Those too that do not serve yet, or leave."""
        self._starting = asyncio.Lock()
        self._failures = 0
        """How many starts have failed since one succeeded."""
        self._watches: set[asyncio.Task[None]] = set()

    async def run(self, renewing: asyncio.Event) -> None:
        """Start all workers, say so, and replace them whenever the event is set.

        Raises ChildProcessError if one does not start.
        """
        # The first alone: what hinders all is said once.
        await self._start(0)
        await asyncio.gather(*map(self._start, range(1, self._settings.workers)))
        announce(self._settings.listen, self._settings.plain_listen)
        while True:
            await renewing.wait()
            renewing.clear()
            await self._renew()

    async def stop(self) -> None:
        """Let all workers finish their calls and end."""
        for watch in self._watches:
            watch.cancel()
        for process in self._processes:
            _signal(process, signal.SIGTERM)
        await self._ended(self._processes, self._settings.shutdown_grace_s)

    async def _start(self, number: int) -> None:
        """Put a new worker into a place, once it takes calls."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "osms_server.workers"),
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,  # Ctrl-C is for the parent, who tells the others
        )
        self._processes = {p for p in self._processes if p.returncode is None} | {process}
        assert process.stdin is not None
        assert process.stdout is not None
        given = settings_of_worker(self._settings, number).model_dump()
        process.stdin.write(pickle.dumps(given))
        try:
            async with asyncio.timeout(START_MAX_S):
                serves = await process.stdout.readline()
        except TimeoutError:
            serves = b""
        if not serves:
            await self._ended([process], 0)
            raise ChildProcessError("A worker did not start.")
        self._places[number] = process
        self._failures = 0
        watch = asyncio.create_task(self._watch(number, process))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _watch(self, number: int, process: Process) -> None:
        """Start a worker again if it dies; not too often."""
        since = time.monotonic()
        status = await process.wait()
        if self._places[number] is not process:
            return
        _log.error("worker died", number=number, status=status)
        if time.monotonic() - since > STEADY_S:
            self._pauses_s[number] = 0.0
        while self._places[number] is process:
            await asyncio.sleep(self._pauses_s[number])
            longer_s = max(PAUSE_S, 2 * self._pauses_s[number])
            self._pauses_s[number] = min(longer_s, PAUSE_MAX_S)
            async with self._starting:
                if self._places[number] is not process:
                    return
                try:
                    await self._start(number)
                except OSError:
                    self._failures += 1
                    _log.error("worker not started", number=number)
            serving = any(other.returncode is None for other in self._places.values())
            if self._failures >= STARTS_MAX and not serving:
                self.failed.set()

    async def _renew(self) -> None:
        """Replace one worker after the other, each by one that already takes calls."""
        settings = self._settings
        leaving_s = leaving_max_s(settings) + settings.shutdown_grace_s
        for number in range(settings.workers):
            async with self._starting:
                old = self._places[number]
                try:
                    await self._start(number)
                except OSError:
                    _log.error("workers not renewed", number=number)
                    return
            _signal(old, signal.SIGHUP)
            await self._ended([old], leaving_s)
        _log.info("workers renewed")

    async def _ended(self, processes: Iterable[Process], within_s: float) -> None:
        """Wait until processes have ended; kill those that do not."""
        waits = [asyncio.create_task(process.wait()) for process in processes]
        if waits:
            await asyncio.wait(waits, timeout=within_s + STOP_MARGIN_S)
        for process in processes:
            _signal(process, signal.SIGKILL)
        await asyncio.gather(*waits)


def _held(stack: ExitStack, address: str) -> str:
    """Keep a port until the stack is left; return the address, with the port that was taken."""
    if not address:
        return address
    host, _, port = address.rpartition(":")
    return f"{host}:{stack.enter_context(hold(host, int(port))).getsockname()[1]}"


def _signal(process: Process, number: signal.Signals) -> None:
    if process.returncode is None:
        process.send_signal(number)


async def _first(*works: Coroutine[Any, Any, Any]) -> None:
    """Run these until one ends; raise what it raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def leaving_max_s(settings: Settings) -> float:
    """Return in what time all clients of a worker have been told to connect anew."""
    return settings.connection_age_s * 1.1 + 3.0  # gRPC spreads the age by a tenth


async def _work(settings: Settings) -> None:
    """Serve as one of several, until told to stop or to leave, or until the parent is gone."""
    stopping, leaving = begin_serving(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, leaving.set)

    def orphaned() -> None:
        loop.remove_reader(sys.stdin)
        stopping.set()

    loop.add_reader(sys.stdin, orphaned)
    async with running_gateway(settings) as gateway:
        announce(gateway.address, gateway.plain_address)
        await _first(stopping.wait(), leaving.wait())
        if not stopping.is_set():
            await _first(stopping.wait(), _leave(settings))


async def _leave(settings: Settings) -> None:
    """Let every client go of itself: a server that stops would cancel calls that just arrive.

    Connections end by their age, and only then gRPC asks a client to take another while all that
    still comes on the old one is answered.
    """
    addresses = [address for name in _PORTS if (address := getattr(settings, name))]
    ports = [int(address.rpartition(":")[2]) for address in addresses]
    with suppress(TimeoutError):
        async with asyncio.timeout(leaving_max_s(settings)):
            await asyncio.gather(*map(leave, ports))
            while any(map(has_connections, ports)):  # noqa: ASYNC110 - only the kernel knows
                await asyncio.sleep(POLL_S)


def _main() -> None:
    settings = Settings(**pickle.load(sys.stdin.buffer))
    run_command(_work(settings), uvloop=settings.uvloop)


if __name__ == "__main__":
    typer.run(_main)
