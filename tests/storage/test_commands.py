"""The commands that prove and mend a store, as an operator runs them."""

import asyncio
import json
import subprocess
import sys
from datetime import date

import pytest
import typer
from sqlalchemy import delete
from typer.testing import CliRunner, Result

from osms_server.cli import register
from osms_storage.schema import ledger, payment
from osms_storage.store import Store
from tests.storage.conftest import Copy
from tests.storage.world import line, record_register, register_of

IIN = 900101390002
DAY = date(2025, 1, 10)


@pytest.fixture
def store(copy: Copy) -> str:
    """Return a store with two registers of one day and the next."""
    made = copy()

    async def fill() -> None:
        async with Store(made) as opened:
            for number in range(2):
                row = line(1, IIN + number, 2025 * 12, 123_456_789)
                day = date.fromordinal(DAY.toordinal() + number)
                await record_register(opened, register_of(f"GCVP-{number}", day, [row]))

    asyncio.run(fill())
    return made


def osms(*words: str) -> Result:
    """Run a command of the server."""
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, [*words])


def spoil(store: str) -> None:
    """Delete a payment, so that its register does not add up, and all ledgers."""

    async def run() -> None:
        async with Store(store) as opened, opened.writing("TEST") as unit:
            await unit.connection.execute(delete(payment).where(payment.c.iin == IIN))
            await unit.connection.execute(delete(ledger))

    asyncio.run(run())


def test_reconcile_prints_the_books(store: str) -> None:
    """Tenge with two decimals and separated thousands, by day, by purpose and in all."""
    result = osms("reconcile", "--store", store)
    assert result.exit_code == 0
    words = " ".join(result.output.split())
    assert "2025-01-10 received 1 1 234 567,89" in words
    assert "122 received 2 2 469 135,78 accepted 2 2 469 135,78" in words
    assert "In all received 2 2 469 135,78" in words
    assert "2 registers at revision 3: all add up." in words


def test_reconcile_names_what_does_not_add_up(store: str) -> None:
    """The reference is printed, and the exit status is 1 only where it is selected."""
    spoil(store)
    result = osms("reconcile", "--store", store)
    assert result.exit_code == 1
    assert "DOES NOT ADD UP state_corporation GCVP-0 2025-01-10: declared 1 rows" in result.output
    assert "GCVP-1" not in result.output
    assert osms("reconcile", "--store", store, "--day", "2025-01-10").exit_code == 1
    assert osms("reconcile", "--store", store, "--from", "2025-01-11").exit_code == 0
    one = ("--source", "state_corporation", "--reference")
    assert osms("reconcile", "--store", store, *one, "GCVP-0").exit_code == 1
    assert osms("reconcile", "--store", store, *one, "GCVP-1").exit_code == 0


def test_reconcile_speaks_json(store: str) -> None:
    """One document: totals in tiyn, and the registers that do not add up."""
    spoil(store)
    result = osms("reconcile", "--store", store, "--json")
    books = json.loads(result.output)
    assert books["total"]["received"] == {"rows": 2, "amount_tiyn": 246_913_578}
    assert books["days"]["2025-01-11"]["accepted"]["rows"] == 1
    assert [item["reference"] for item in books["wrong"]] == ["GCVP-0"]
    assert books["compared"] is True
    part = json.loads(osms("reconcile", "--store", store, "--json", "--purpose", "122").output)
    assert (part["compared"], part["wrong"]) == (False, [])
    assert part["total"]["received"] == {"rows": 1, "amount_tiyn": 123_456_789}


@pytest.mark.parametrize(
    "words",
    [
        ("--day", "10.01.2025"),
        ("--day", "2025-01-10", "--from", "2025-01-09"),
        ("--reference", "GCVP-0"),
        ("--source", "nobody"),
        ("--source", "state_corporation", "--reference", "GCVP-9"),
        ("--payer", "1600"),
        ("--purpose", "x"),
    ],
    ids=" ".join,
)
def test_reconcile_refuses_what_it_cannot_select(store: str, words: tuple[str, ...]) -> None:
    """A selection that names nothing is a mistake, not an empty book: exit status 2."""
    assert osms("reconcile", "--store", store, *words).exit_code == 2


def test_rebuild_mends_and_says_how_many(store: str) -> None:
    """A dry run only counts; then the ledgers are there again."""
    spoil(store)
    dry = osms("rebuild", "ledger", "--store", store, "--dry-run")
    assert (dry.exit_code, "1 differed and would be mended." in dry.output) == (0, True)
    assert osms("verify", "ledger", "--store", store).exit_code == 1
    done = osms("rebuild", "ledger", "--store", store)
    assert (done.exit_code, "1 differed and were mended." in done.output) == (0, True)
    assert osms("verify", "ledger", "--store", store).exit_code == 0


def test_the_processes_of_a_rebuild_end_with_their_command() -> None:
    """Nothing of a command that was killed stays behind."""
    script = (
        "import os, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from multiprocessing import get_context\n"
        "from osms_server.rebuild import end_with\n"
        "pool = ProcessPoolExecutor(\n"
        "    1, get_context('spawn'), initializer=end_with, initargs=(os.getpid(),))\n"
        "print(pool.submit(os.getpid).result(), flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) != parent.pid
        parent.kill()
        # The pipe ends when the last process that holds it does.
        assert parent.communicate(timeout=30)[0] == ""
