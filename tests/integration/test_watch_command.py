"""The command `osms watch`, as somebody types it."""

import json
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

from osms_client import Changes, Checkpoint, Gateway, States
from osms_client.testing import RunningGateway
from tests.integration.gateways import serving
from tests.integration.history import one_row
from tests.integration.people import new_iin
from tests.integration.wire import DEADLINE_S


def test_the_command_prints_changes_until_it_is_interrupted(
    prepared_store: Path, tmp_path: Path
) -> None:
    """States and changes a line, and on the way out the token to go on with; or all as JSON."""
    iin = new_iin()
    with serving(prepared_store, tmp_path) as running, Gateway(running.target) as sdk:
        plain = Command(running, iin)
        assert plain.line() == f"{iin}  UNKNOWN_CONSUMER"
        register = one_row(iin, "2025-12", date(2026, 1, 10))
        list(sdk.ingest([register]))
        assert plain.line().startswith(
            f"{iin}  UNKNOWN_CONSUMER -> NOT_INSURED; from 2020-01-01, PAYMENT, revision "
        )
        token = plain.interrupted().rpartition("--token ")[2].strip()
        programs = Command(running, iin, "--jsonl", "--token", token)
        event = json.loads(programs.line())
        assert (event["event"], event["token"]) == ("checkpoint", token)
        programs.interrupted()


class Command:
    """A running `osms watch`."""

    def __init__(self, gateway: RunningGateway, *arguments: str) -> None:
        command = [sys.executable, "-m", "osms_client.cli", "watch", *arguments]
        self._process = subprocess.Popen(
            [*command, "--target", gateway.target],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """Return the next line."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def interrupted(self) -> str:
        """Press Ctrl-C; return what is said last."""
        self._process.send_signal(signal.SIGINT)
        _, said = self._process.communicate(timeout=DEADLINE_S)
        assert "Traceback" not in said
        assert self._process.returncode == 0
        return said


def test_a_blocking_watch_outlives_its_gateway(prepared_store: Path, tmp_path: Path) -> None:
    """It goes on from its last token once a gateway serves again, without the states."""
    iin = new_iin()
    with serving(prepared_store, tmp_path) as running, Gateway(running.target) as sdk:
        events = sdk.watch(iins=[iin])
        assert isinstance(next(events), States)
        running.process.kill()
        running.process.wait()
        running.start()
        with Gateway(running.target) as other:
            list(other.ingest([one_row(iin, "2025-12", date(2026, 1, 10))]))
        changes = next(event for event in events if not isinstance(event, Checkpoint))
        assert isinstance(changes, Changes)
        assert [change.iin for change in changes.changes] == [iin]
        events.close()
