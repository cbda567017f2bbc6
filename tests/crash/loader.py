"""A loader that never gives up: ``python -m tests.crash.loader TARGET FOLDER SEED``.

Sends registers on several streams and deltas on one, and whatever was not answered again; also some
registers on two streams at once, and some that were answered long ago. Goes on until FOLDER/stop
exists and everything that was ever sent is answered.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from osms_client import (
    AsyncGateway,
    Register,
    RegisterResult,
    RetryLaterError,
    SyncResult,
    UnansweredError,
)
from tests.crash import contents
from tests.crash.journal import DELTAS, REGISTERS, Journal, Notes

STREAMS = 4
TWICE_EVERY = 7
"""One register of so many is sent on the next stream, too."""
AGAIN_EVERY = 25
"""After so many registers one that was answered is sent again."""
PAUSE_S = 0.02
"""Between two registers of a stream: enough load to be killed amid it, few enough to count."""
DELTA_PAUSE_S = 0.05
RETRY_S = 0.05
CHUNK_RECORDS = 100
"""Few, so that a sync has chunks for a kill to fall between."""


class Loader:
    """What all streams of this process share."""

    def __init__(self, target: str, folder: Path, seed: int) -> None:
        self._target = target
        self._seed = seed
        self._stop = folder / "stop"
        self._notes = Notes(folder / "journal").read()
        self._journal = Journal(folder / "journal")

    async def run(self) -> None:
        """Send until there is nothing left to send."""
        async with asyncio.TaskGroup() as group:
            for stream in range(STREAMS):
                group.create_task(self._until_done(partial(self._registers, stream)))
            group.create_task(self._until_done(self._deltas))
        self._journal.close()

    async def _until_done(self, work: Callable[[AsyncGateway], Awaitable[bool]]) -> None:
        done = False
        while not done:
            await self._reachable()
            try:
                async with AsyncGateway(self._target) as gateway:
                    done = await work(gateway)
            except RetryLaterError:
                await asyncio.sleep(RETRY_S)
            except UnansweredError as error:
                # Neither a defect nor a broken answer may be what an outage looks like.
                self._journal.wrong(f"{type(error).__name__} {error} {dict(error.metadata)}")
                await asyncio.sleep(RETRY_S)

    async def _reachable(self) -> None:
        """Wait until somebody listens: a channel that fails to connect waits for ever longer."""
        host, _, port = self._target.rpartition(":")
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(host, int(port))
                writer.close()
                return
            await asyncio.sleep(RETRY_S)

    # --- registers -------------------------------------------------------------------------------

    async def _registers(self, stream: int, gateway: AsyncGateway) -> bool:
        async for result in gateway.ingest(self._unanswered(stream)):
            number = int(result.reference.removeprefix("GCVP-"))
            self._answered(REGISTERS, number, register_answer(result))
        return True

    async def _unanswered(self, stream: int) -> AsyncIterator[Register]:
        number = 0
        while not self._stop.exists() or number <= max(self._notes.sent[REGISTERS], default=-1):
            mine = number % STREAMS == stream
            twice = number % TWICE_EVERY == 0 and number % STREAMS == (stream - 1) % STREAMS
            if (mine or twice) and number not in self._notes.answers[REGISTERS]:
                yield self._sending(number)
                await asyncio.sleep(PAUSE_S)
                old = number // 2
                if number % AGAIN_EVERY == 0 and old in self._notes.answers[REGISTERS]:
                    yield self._sending(old)
            number += 1

    def _sending(self, number: int) -> Register:
        self._journal.sending(REGISTERS, number)
        self._notes.sent[REGISTERS].add(number)
        return contents.register(self._seed, number).register

    # --- deltas ----------------------------------------------------------------------------------

    async def _deltas(self, gateway: AsyncGateway) -> bool:
        answers, sent = self._notes.answers[DELTAS], self._notes.sent[DELTAS]
        while True:
            number = max(answers, default=0) + 1
            if self._stop.exists() and number not in sent:
                return True
            delta = contents.delta(self._seed, number)
            self._journal.sending(DELTAS, number)
            sent.add(number)
            result = await gateway.sync(delta.header, delta.records)
            self._answered(DELTAS, number, delta_answer(result))
            await asyncio.sleep(DELTA_PAUSE_S)

    def _answered(self, kind: str, number: int, answer: dict[str, Any]) -> None:
        self._journal.answered(kind, number, answer)
        self._notes.answers[kind][number].append(answer)


def register_answer(result: RegisterResult) -> dict[str, Any]:
    """Return what an answer to a register must say every time, and its outcome."""
    return {
        "outcome": str(result.outcome),
        "revision": result.revision,
        "at": result.committed_at.isoformat() if result.committed_at else None,
        "accepted": [result.accepted.rows, result.accepted.amount_tiyn],
        "suspended": [result.suspended.rows, result.suspended.amount_tiyn],
        "lines": [[n.line_no, str(n.issue), n.field] for n in result.suspended_lines],
    }


def delta_answer(result: SyncResult) -> dict[str, Any]:
    """Return what an answer to a delta must say every time, and its outcome."""
    return {
        "outcome": str(result.outcome),
        "revision": result.revision,
        "at": result.applied_at.isoformat() if result.applied_at else None,
        "run": result.run_id,
        "counts": [result.records, result.changed, result.unchanged, result.rejected],
    }


if __name__ == "__main__":
    with patch("osms_client.asynchronous.categories.SYNC_CHUNK_RECORDS", CHUNK_RECORDS):
        asyncio.run(Loader(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])).run())
