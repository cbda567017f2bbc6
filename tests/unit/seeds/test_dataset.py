"""A data set as a whole, and the command that writes it."""

import csv
from hashlib import sha256
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from osms.values import parse_iin
from osms_seeds.cli import register
from osms_seeds.dataset import EXPECTED_COLUMNS, FolderNotEmptyError, Summary, write_dataset
from osms_seeds.files import timeline

Dataset = tuple[Path, Summary]


def digest(out: Path) -> dict[str, str]:
    """Return the content of every file."""
    return {
        path.relative_to(out).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in out.rglob("*")
        if path.is_file() and path.suffix != ".parquet"
    }


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    """Two runs differ in no byte."""
    for name in ("one", "two"):
        write_dataset(tmp_path / name, people=400, seed=6)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_timeline_lists_every_file_once_in_order(dataset: Dataset) -> None:
    """Each file but the demonstration has one step, and no two steps share an instant."""
    out, summary = dataset
    steps = list(timeline.read(out / "timeline.csv"))
    assert len(steps) == summary.steps
    instants = [step.instant for step in steps]
    assert instants == sorted(set(instants))
    files = set(digest(out)) | {path.relative_to(out).as_posix() for path in out.rglob("*.parquet")}
    apart = {"timeline.csv", "expected.csv", "extra/truncated-snapshot.csv"}
    assert {step.path for step in steps} == files - apart


def test_expected_answers(dataset: Dataset) -> None:
    """Each row is a question that can be asked, with the package that pays."""
    out, summary = dataset
    with (out / "expected.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == EXPECTED_COLUMNS
    assert len(rows) == summary.expectations > 2 * summary.people
    today = [row for row in rows if (row["service_date"], row["known_on"]) == ("2026-12-31", "")]
    assert len({parse_iin(row["iin"]) for row in today}) == summary.people
    packages = {(row["status"], row["funding_source"]) for row in rows}
    assert packages == {
        ("INSURED", "OSMS_AND_GOBMP"),
        ("INSURED_RETENTION", "OSMS_AND_GOBMP"),
        ("ELIGIBLE_ON_VISIT", "OSMS_ON_VISIT"),
        ("NOT_INSURED", "GOBMP"),
        ("UNKNOWN_CONSUMER", "GOBMP"),
    }


def test_rows_in_memory_do_not_grow_with_people(dataset: Dataset, tmp_path: Path) -> None:
    """Three times the people need no more than the room of a block and of open registers."""
    more = write_dataset(tmp_path / "more", people=9_000, seed=11)
    fewer = dataset[1]
    assert more.payment_rows > 2 * fewer.payment_rows
    assert more.payment_rows_pending_max < 1.5 * fewer.payment_rows_pending_max


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    """Files of two data sets never mix."""
    (tmp_path / "something").touch()
    with pytest.raises(FolderNotEmptyError):
        write_dataset(tmp_path, people=1, seed=1)


def run(*arguments: str) -> tuple[int, str]:
    """Run the command, and return its exit code and all it said."""
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)  # with one command alone, typer takes no command name
    result = CliRunner().invoke(app, ["seed", *arguments])
    return result.exit_code, result.output


def test_command_writes_a_data_set(tmp_path: Path) -> None:
    """The command says what it wrote, and where to begin."""
    code, said = run("--people", "20", "--seed", "2", "--out", str(tmp_path / "demo"))
    assert code == 0
    assert said.startswith("20 people, ")
    assert (tmp_path / "demo" / "timeline.csv").exists()


def test_command_refuses_in_words(tmp_path: Path) -> None:
    """A folder in use and a day too early end the command with a reason."""
    (tmp_path / "something").touch()
    code, said = run("--out", str(tmp_path))
    assert code == 2
    assert "is not empty" in said
    code, said = run("--out", str(tmp_path / "new"), "--today", "2026-06-30")
    assert code == 2
    assert "2026-07-01 or later" in said
