"""Which commands there are in which install."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from osms_client.cli import app
from tests.unit.client.books import Books
from tests.unit.client.commands import osms
from tests.unit.client.fake import FakeGateway
from tests.unit.client.tables import as_csv, rows


def test_csv_needs_no_polars_but_parquet_says_so(
    fake: FakeGateway, books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without polars CSV still loads, and Parquet ends with the install hint."""
    path, parquet = tmp_path / "a.csv", tmp_path / "a.parquet"
    path.write_text(as_csv(rows()), encoding="utf-8", newline="")
    parquet.write_bytes(b"PAR1....PAR1")
    monkeypatch.setitem(sys.modules, "polars", None)
    assert osms(fake, "load", path).exit_code == 0
    result = osms(fake, "load", parquet)
    assert result.exit_code == 2
    assert "osms-gateway[files]" in result.stderr


def test_commands_of_a_missing_extra_say_so(
    fake: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server command without the server extra ends with the install hint and 2."""
    entry = EntryPoint(name="server", value="no_such_module:register", group=app.COMMANDS_GROUP)
    monkeypatch.setattr(app, "entry_points", lambda group: [entry])
    for command in ("init", "migrate", "serve", "verify"):
        result = osms(fake, command, "--store", "x", "anything")
        assert result.exit_code == 2
        assert "pip install 'osms-gateway[server]'" in result.stderr
        assert "osms-gateway[server]" in "".join(osms(fake, command, "--help").output.split())


def test_other_packages_add_commands(fake: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever registers at the entry-point group gets the application."""
    value = f"{__name__}:_register_hello"
    entry = EntryPoint(name="hello", value=value, group=app.COMMANDS_GROUP)
    monkeypatch.setattr(app, "entry_points", lambda group: [entry])
    hello = osms(fake, "hello")
    assert hello.output == "hello\n"


def test_own_commands_do_not_wait_for_other_packages(
    fake: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command of the client loads no other package; --help loads all of them."""
    loaded: list[str] = []

    def found(group: str) -> list[EntryPoint]:
        loaded.append(group)
        return []

    monkeypatch.setattr(app, "entry_points", found)
    osms(fake, "sources")
    assert loaded == []
    osms(fake, "--help")
    assert loaded == [app.COMMANDS_GROUP]


def _register_hello(application: Any) -> None:
    @application.command()  # type: ignore[untyped-decorator] # any application will do
    def hello() -> None:
        print("hello")  # noqa: T201 # a command prints


_WITHOUT_TYPER = """
import sys
sys.modules["typer"] = None
from osms_client.cli import main
main()
"""


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        *[([], "files"), (["--help"], "files"), (["check"], "files"), (["seed"], "files")],
        *[([command], "server") for command in ("init", "migrate", "serve", "verify")],
    ],
)
def test_without_typer_the_command_says_what_to_install(words: list[str], extra: str) -> None:
    """The base install has the command, but it only tells which extra it needs."""
    finished = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TYPER, *words], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert f"pip install 'osms-gateway[{extra}]'" in finished.stderr


def test_seed_without_polars_writes_nothing(
    fake: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made-up data needs the files extra, which is said before a folder is made."""
    monkeypatch.setitem(sys.modules, "polars", None)
    result = osms(fake, "seed", "--out", tmp_path / "made", "--people", "1")
    assert result.exit_code == 2
    assert "pip install 'osms-gateway[files]'" in result.stderr
    assert not (tmp_path / "made").exists()
