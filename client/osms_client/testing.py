"""A real gateway for tests and demonstrations: ``with running_gateway() as gateway:``.

Needs the server extra. The gateway is a process of its own on a loopback port, with an empty store
in a temporary folder and a clock that stands still until it is moved. It knows the clients that
`osms init --development` makes. Without TLS whoever calls is the client `developer`; with it,
``Gateway(gateway.target, credentials=gateway.credentials("clinic"))``.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc

from osms.values import ALMATY
from osms_client.credentials import load_identity

DEFAULT_CLOCK = datetime(2026, 1, 15, 9, tzinfo=ALMATY)
"""The instant at which a gateway starts unless it is told another."""

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0

PLAIN_CLIENT = "developer"
"""Who calls a gateway without TLS: one who may do nearly everything."""
_SERVING = "osms: serving on "
_POLL_S = 0.02


class RunningGateway:
    """A gateway under a test's control. Stopped or killed, it can be started again."""

    def __init__(
        self,
        folder: Path,
        *,
        store: str,
        clock: datetime,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        identities: Path | None = None,
        tls: bool = False,
    ) -> None:
        self.folder = folder
        """Where its log, access log and clock lie, and its store unless that is elsewhere."""
        self.store = store
        """What it was given as --store."""
        self.target = ""
        """Its ``host:port``, the same after a restart."""
        self.identities = identities or folder / "identities"
        """The folder of the identities that `osms init --development` makes."""
        self._arguments = tuple(arguments)
        self._tls = tls
        self._given = environment or {}
        self._clock_file = folder / "clock"
        self._log = folder / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.set_clock(clock)

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The process of the gateway."""
        if self._process is None:
            raise RuntimeError("the gateway was not started")
        return self._process

    def set_clock(self, instant: datetime) -> None:
        """Let the gateway's clock stand at an aware instant."""
        if instant.tzinfo is None:
            raise ValueError("the clock needs a time zone")
        written = self._clock_file.with_suffix(".new")
        written.write_text(instant.isoformat(), encoding="ascii")
        written.replace(self._clock_file)  # the gateway never sees half a file

    def init(self) -> None:
        """Create the store, or bring it up to date."""
        command = self._command("init", "--development", str(self.identities))
        finished = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, check=False
        )
        if finished.returncode:
            raise RuntimeError(f"{' '.join(command)}:\n{finished.stdout}{finished.stderr}")

    def start(self) -> None:
        """Start the gateway and wait until it serves."""
        command = self._command("serve", "--listen", self.target or "127.0.0.1:0")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *self._arguments], env=self._environment(), stdout=log, stderr=log
            )
        self.target = self._wait_for_target()

    def stop(self) -> None:
        """Stop the gateway gracefully; kill it if it does not go."""
        process = self.process
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"the gateway did not stop:\n{self.log()}") from None

    def credentials(self, client: str) -> grpc.ChannelCredentials:
        """Return the credentials of one of the clients, for a gateway with TLS."""
        return load_identity(self.identities / "clients" / client)

    def log(self) -> str:
        """Return what the gateway has printed since its last start."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _environment(self) -> dict[str, str]:
        known = {
            "OSMS_TOKEN_KEYS": self.identities / "tokens.jwks",
            "OSMS_KEYS": self.identities / "receipts",
        }
        if self._tls:
            known["OSMS_CERTIFICATE"] = self.identities / "server" / "certificate.pem"
            known["OSMS_CERTIFICATE_KEY"] = self.identities / "server" / "key.pem"
            known["OSMS_CLIENT_AUTHORITIES"] = self.identities / "ca.pem"
        # A store that was made elsewhere has its identities elsewhere, if any.
        there = {name: str(path) for name, path in known.items() if path.exists()}
        own = {"OSMS_PLAIN_CLIENT": PLAIN_CLIENT}
        if "://" in self.store:
            # Else it would lie in the working folder, and be another's, too.
            own["OSMS_ACCESS_LOG"] = str(self.folder / "access")
        return {**_environment(), **there, **own, **self._given}

    def _command(self, command: str, *arguments: str) -> list[str]:
        return [
            *(sys.executable, "-m", "osms_client.cli", command),
            *("--store", self.store, "--test-clock", str(self._clock_file)),
            *arguments,
        ]

    def _wait_for_target(self) -> str:
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up_at:
            for line in self.log().splitlines(keepends=True):
                if line.startswith(_SERVING) and line.endswith("\n"):
                    return line.removeprefix(_SERVING).strip()
            if self.process.poll() is not None:
                raise RuntimeError(f"the gateway did not start:\n{self.log()}")
            time.sleep(_POLL_S)
        self.process.kill()
        self.process.wait()
        raise RuntimeError(f"the gateway did not serve in {START_TIMEOUT_S:g} s:\n{self.log()}")


@contextmanager
def running_gateway(
    *,
    clock: datetime = DEFAULT_CLOCK,
    store: str | None = None,
    arguments: Sequence[str] = (),
    identities: Path | None = None,
    tls: bool = False,
) -> Iterator[RunningGateway]:
    """Make a store, serve it, and stop and remove everything in the end.

    ``store`` is a path or URL of your own, None for a fresh file; ``arguments`` are further
    arguments of ``osms serve``; ``identities`` is a folder of your own that stays.
    """
    with TemporaryDirectory(prefix="osms-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        gateway = RunningGateway(
            folder,
            store=store or str(folder / "store.db"),
            clock=clock,
            arguments=arguments,
            identities=identities,
            tls=tls,
        )
        gateway.init()
        gateway.start()
        try:
            yield gateway
        finally:
            if gateway.process.poll() is None:
                gateway.stop()


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("OSMS_")}
    return {**own, "PYTHONUNBUFFERED": "1"}
