"""What lies on disks: who may read it, what tells its password, and how it is brought back."""

import asyncio
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import typer
from pydantic import ValidationError
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from osms.v1 import payment_service_pb2 as pb
from osms_client.testing import PLAIN_CLIENT, RunningGateway
from osms_server.cli import register
from osms_server.settings import Settings
from osms_storage.schema import batch
from osms_storage.schema import register as register_table
from osms_storage.store import Store, newest_revision
from tests.integration import lookups, registers
from tests.integration.gateways import NOW, serving_store
from tests.integration.people import new_iin
from tests.integration.streams import Sender
from tests.integration.wire import connected, failure_of
from tests.postgres import Postgres

MARKER = "pL4nt3d"
PASSWORD = f"{MARKER}/of@role"
ROLE = "marked"
ROWS = 20


def osms(*words: str, **environment: str) -> Result:
    """Run a command of the server in this process: one of its own takes a second to begin."""
    app = typer.Typer()
    register(app)
    return CliRunner(env=environment).invoke(app, [*words])


# --- who may read --------------------------------------------------------------------------------


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """What is made is for everybody to read, unless its maker says otherwise."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path, pattern: str) -> dict[str, int]:
    """Return the permissions of files."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.glob(pattern)}


@pytest.mark.usefixtures("usual_umask")
def test_only_its_owner_reads_a_store_and_its_backup(tmp_path: Path) -> None:
    """The file, what SQLite keeps beside it while it is served, the archive, and the next store."""
    gateway = RunningGateway(tmp_path, store=str(tmp_path / "store.db"), clock=NOW)
    gateway.init()
    gateway.start()
    with connected(gateway.target) as stubs:
        registers.ingest(stubs, registers.register(registers.row()))
        kept = dict.fromkeys(("store.db", "store.db-wal", "store.db-shm"), 0o600)
        assert modes(tmp_path, "store.db*") == {**kept, "store.db-access": 0o700}
        out, again = str(tmp_path / "backup.tar"), str(tmp_path / "again.db")
        assert osms("backup", "--store", gateway.store, "--out", out).exit_code == 0
        assert osms("restore", out, "--store", again).exit_code == 0
    gateway.stop()
    assert modes(tmp_path, "[ab]*.*") == {"backup.tar": 0o600, "again.db": 0o600}
    assert "others may read" not in gateway.log()


def test_a_store_that_others_may_read_is_served_with_a_warning(
    prepared_store: Path, tmp_path: Path
) -> None:
    """Once for each start, and with what mends it."""
    store = tmp_path / "store.db"
    shutil.copy(prepared_store, store)
    store.chmod(0o640)
    with serving_store(str(store), tmp_path) as gateway:
        pass
    assert gateway.log().count("others may read the store") == 1
    assert f"chmod 600 {store}*" in gateway.log()


# --- where a password may stand ------------------------------------------------------------------


@pytest.fixture(scope="module")
def marked(postgres: Postgres, prepared_database: str) -> Iterator[str]:
    """A database whose user needs a password; its URL without that."""
    rules = postgres.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"host all {ROLE} 127.0.0.1/32 scram-sha-256\n{before}")
    postgres.sql(f"CREATE ROLE {ROLE} SUPERUSER LOGIN PASSWORD '{PASSWORD}'; ")
    postgres.sql("SELECT pg_reload_conf()")
    name = postgres.create(prepared_database)
    yield f"postgresql://{ROLE}@127.0.0.1:{postgres.port}/{name}"
    postgres.drop(name)
    postgres.sql(f"DROP ROLE {ROLE}")
    rules.write_text(before)


def with_password(url: str, password: str = PASSWORD) -> str:
    """Return a URL with a password in it."""
    return url.replace("@", f":{quote(password, safe='')}@", 1)


def test_no_password_is_told_by_a_running_gateway(
    marked: str, postgres: Postgres, tmp_path: Path
) -> None:
    """Neither arguments of its processes nor its log hold it, also when it is let in no longer."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        command = ("serve", "--listen", "127.0.0.1:0", "--workers", "2")
        process = subprocess.Popen(
            [sys.executable, "-m", "osms_client.cli", *command],
            env={
                **os.environ,
                "OSMS_STORE": with_password(marked),
                "OSMS_PLAIN_CLIENT": PLAIN_CLIENT,
                "OSMS_ACCESS_LOG": str(tmp_path / "access"),
                "PYTHONUNBUFFERED": "1",
            },
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    with process:
        assert process.stdout is not None
        target = process.stdout.readline().removeprefix("osms: serving on ").strip()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 2
        for number in (str(process.pid), *children):
            assert MARKER not in Path(f"/proc/{number}/cmdline").read_text()
        with connected(target) as stubs:
            lookups.look_up(stubs, new_iin())
            postgres.sql(f"ALTER ROLE {ROLE} NOLOGIN")
            postgres.sql(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'"
            )
            failure = failure_of(lambda: lookups.look_up(stubs, new_iin()))
        postgres.sql(f"ALTER ROLE {ROLE} LOGIN")
        process.terminate()
        told = process.stdout.read()
    assert MARKER not in str(failure)
    assert MARKER not in told + log.read_text()


def test_no_password_is_told_by_a_command_that_fails(tmp_path: Path) -> None:
    """Also where a part of it is taken for something else; nor do settings show it."""
    out = str(tmp_path / "out")
    for store in (
        f"postgresql://{ROLE}:x:{MARKER}@127.0.0.1:1/osms",
        f"postgresql://{ROLE}:x@127.0.0.1:{MARKER}/osms",
        f"postgresql:/{ROLE}:{MARKER}@127.0.0.1/osms",
        f"mysql://{ROLE}:{MARKER}@127.0.0.1/osms",
    ):
        for words in ("init",), ("verify", "ledger"), ("backup", "--out", out), ("restore", out):
            ended = osms(*words, "--store", store)
            assert (ended.exit_code, MARKER in ended.output) == (2, False), (words, store)
    url = f"postgresql://{ROLE}:{MARKER}@127.0.0.1/osms"
    assert MARKER not in repr(Settings(store=url)) + str(Settings(store=url))
    with pytest.raises(ValidationError) as refusal:
        Settings.model_validate({"store": url, "workers": url})
    assert MARKER not in str(refusal.value)


def test_a_password_comes_from_a_file_and_never_with_the_arguments(
    marked: str, tmp_path: Path
) -> None:
    """PGPASSFILE is read, and so is one that the URL names; one in --store is warned of."""
    pgpass = tmp_path / "pgpass"
    pgpass.write_text(f"127.0.0.1:*:*:{ROLE}:{PASSWORD}\n")
    pgpass.chmod(0o600)
    verify = ("verify", "ledger", "--store")
    quiet = osms(*verify, marked, PGPASSFILE=str(pgpass))
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    assert osms(*verify, f"{marked}?passfile={pgpass}").exit_code == 0
    loud = osms(*verify, with_password(marked))
    assert (loud.exit_code, "sees the password in --store" in loud.stderr) == (0, True)
    wrong = osms(*verify, with_password(marked, f"{MARKER}-wrong"))
    assert (wrong.exit_code, "does not let this user in" in wrong.stderr) == (2, True)
    for ended in (quiet, loud, wrong):
        assert MARKER not in ended.stdout + ended.stderr


# --- brought back --------------------------------------------------------------------------------


def test_a_backup_while_registers_stream_in_is_a_whole_revision(
    gateway: RunningGateway, postgres: Postgres, tmp_path: Path
) -> None:
    """The restored store proves its ledgers and its books, and has what that revision had."""
    ended = threading.Event()
    first = threading.Event()
    sent = []

    def send() -> None:
        with connected(gateway.target) as stubs:
            stream = Sender(stubs.payments.IngestRegisters)
            while not ended.is_set():
                rows = [registers.row(number) for number in range(1, ROWS + 1)]
                stream.send(pb.IngestRegistersRequest(register=registers.register(*rows)))
                sent.append(next(stream.call).result.outcome)
                first.set()
            stream.end()

    sending = threading.Thread(target=send)
    sending.start()
    assert first.wait(30)
    out, before = str(tmp_path / "backup.tar"), len(sent)
    done = osms("backup", "--store", gateway.store, "--out", out)
    ended.set()
    sending.join()
    assert (done.exit_code, done.stderr) == (0, "")
    again = str(tmp_path / "again.db")
    if gateway.store.startswith("postgresql"):
        again = postgres.url(postgres.create())
    assert "osms verify ledger" in osms("restore", out, "--store", again).stdout
    for proof in ("verify", "ledger"), ("reconcile",):
        assert osms(*proof, "--store", again).exit_code == 0, proof
    revision, registers_then = asyncio.run(_committed(again, None))
    assert registers_then >= before
    assert asyncio.run(_committed(gateway.store, revision)) == (revision, registers_then)


async def _committed(store: str, upto: int | None) -> tuple[int, int]:
    """Return a revision, by default the newest one, and how many registers there were by then."""
    async with Store(store) as opened, opened.deciding() as connection:
        revision = upto or (await newest_revision(connection))[0]
        found = select(func.count()).select_from(
            register_table.join(batch, batch.c.id == register_table.c.batch_id)
        )
        return revision, await connection.scalar(found.where(batch.c.revision <= revision)) or 0
