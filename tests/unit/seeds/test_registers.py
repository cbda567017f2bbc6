"""Registers and reversals as they stand in the files."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from pathlib import Path

import polars
import pytest

from osms_seeds.dataset import Summary
from osms_seeds.facts import Name, Payer
from osms_seeds.files import timeline
from osms_seeds.files.mt102 import Style, message
from osms_seeds.files.register import Register, Row
from osms_seeds.files.register_table import COLUMNS
from osms_seeds.files.timeline import StepKind

Dataset = tuple[Path, Summary]
Cells = dict[str, str]

OLD_STYLE = Style("cp866", "\r\n", False, "//", "-", False, True)
PLAIN_STYLE = Style("utf-8", "\n", True, "/", "", True, False)


def tables(out: Path, kind: StepKind) -> Iterator[tuple[timeline.Step, list[Cells]]]:
    """Yield the registers of all CSV or Parquet files, each with its step."""
    for step in timeline.read(out / "timeline.csv"):
        if step.kind is not kind:
            continue
        if kind is StepKind.REGISTER_CSV:
            with (out / step.path).open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        else:
            frame = polars.read_parquet(out / step.path).cast(polars.String)
            rows = frame.to_dicts()
        for _, group in groupby(rows, lambda row: row["reference"]):
            yield step, list(group)


def messages(out: Path) -> Iterator[tuple[timeline.Step, str]]:
    """Yield all MT-102 messages with unix line ends."""
    for step in timeline.read(out / "timeline.csv"):
        if step.kind is StepKind.REGISTER_MT102:
            encoding = step.path.removesuffix(".mt102").split("-", maxsplit=3)[3]
            text = (out / step.path).read_bytes().decode(encoding).replace("\r\n", "\n")
            yield from ((step, body) for body in re.split(r"(?=^\{1:)", text, flags=re.M) if body)


def tiyn(amount: str) -> int:
    """Read an amount with a decimal comma."""
    tenge, rest = amount.split(",")
    return int(tenge or 0) * 100 + int(rest)


@pytest.mark.parametrize("kind", [StepKind.REGISTER_CSV, StepKind.REGISTER_PARQUET])
def test_control_totals_of_tables_add_up(dataset: Dataset, kind: StepKind) -> None:
    """People, documents and money of each register are those of its rows."""
    seen = 0
    for _, rows in tables(dataset[0], kind):
        seen += 1
        assert tuple(rows[0]) == COLUMNS
        assert int(rows[0]["declared_people"]) == len({row["iin"] for row in rows})
        assert int(rows[0]["declared_documents"]) == len({row["document"] for row in rows})
        assert int(rows[0]["declared_amount_tiyn"]) == sum(int(row["amount_tiyn"]) for row in rows)
        assert [int(row["line_no"]) for row in rows] == list(range(1, len(rows) + 1))
        assert len(rows) <= 5_000
        heads = {tuple(row[column] for column in COLUMNS[:9]) for row in rows}
        assert len(heads) == 1
    assert seen


def test_control_totals_of_messages_add_up(dataset: Dataset) -> None:
    """The total of a message is the sum of its rows, and its text counts the people."""
    for _, text in messages(dataset[0]):
        total = re.search(r":32A:\d{6}KZT(\d*,\d\d)", text)
        people = re.search(r"^(\d+), документов 1$", text, flags=re.M)
        assert total
        assert people
        assert tiyn(total[1]) == sum(map(tiyn, re.findall(r":32B:KZT(\d*,\d\d)", text)))
        assert int(people[1]) == len(set(re.findall(r"/IDN/(\d+)", text.split("/ASSIGN/")[1])))


def test_references_and_rows_are_counted_once(dataset: Dataset) -> None:
    """No reference occurs twice, and all rows that were made up are in a register."""
    out, summary = dataset
    references: Counter[str] = Counter()
    rows_written = 0
    for kind in (StepKind.REGISTER_CSV, StepKind.REGISTER_PARQUET):
        for _, rows in tables(out, kind):
            references[rows[0]["reference"]] += 1
            rows_written += len(rows)
    for _, text in messages(out):
        references[text.split(":20:")[1].split("\n")[0]] += 1
        rows_written += text.count("\n:21:")
    assert max(references.values()) == 1
    assert (len(references), rows_written) == (summary.registers, summary.payment_rows)


def test_money_is_loaded_on_the_day_it_arrived(dataset: Dataset) -> None:
    """A register is loaded on its day, one older than the history before everything else."""
    opening = date(2025, 1, 1)
    for step, rows in tables(dataset[0], StepKind.REGISTER_CSV):
        received_on = date.fromisoformat(rows[0]["received_on"])
        assert step.instant.date() == max(received_on, opening)
    for step, text in messages(dataset[0]):
        assert f":32A:{step.instant:%y%m%d}KZT" in text


def test_messages_vary_as_real_ones_do(dataset: Dataset) -> None:
    """All encodings, line ends, tags, places of the period and spellings of nothing occur."""
    out = dataset[0]
    files = {path: path.read_bytes() for path in (out / "registers").glob("*.mt102")}
    assert {path.stem.split("-", maxsplit=3)[3] for path in files} == {"utf-8", "cp1251", "cp866"}
    assert {b"\r\n" in body for body in files.values()} == {True, False}
    assert {body.endswith(b"\n") for body in files.values()} == {True, False}
    texts = [text for _, text in messages(out)]
    for found in ("\n/FM/", "\n//FM/", "FT/-\n", "FT/\n", "KZT,", "\n:21:1\n"):
        assert any(found in text for text in texts)
    in_header = ["/PERIOD/" in text.split("/ASSIGN/")[0] for text in texts]
    in_rows = ["/PERIOD/" in text.split("/ASSIGN/")[1] for text in texts]
    assert set(in_header) == {True, False}
    assert all(header != rows for header, rows in zip(in_header, in_rows, strict=True))


def test_message_of_an_old_program() -> None:
    """Double slashes, a dash for no patronymic, no zero before the comma, Russian letters."""
    payer = Payer("160440007161", "ТОО «Ұшқын»", "cp866", "KZ00")
    row = Row(
        "900101390002", Name("Әлімов", "Қанат", ""), date(1990, 1, 1), 24312, 37, "124", payer, None
    )
    register = Register("GCVP-26022000001", date(2026, 2, 20), payer, "124", [row])
    text = message(register, OLD_STYLE, 1)
    assert '/NAME/ТОО "Ушкын"\r\n' in text
    assert text.split(":21:1")[1].split("\r\n") == [
        "",
        ":32B:KZT,37",
        ":70:",
        "//FM/Алимов",
        "//NM/Канат",
        "//FT/-",
        "//DT/19900101",
        "//IDN/900101390002",
        ":32A:260220KZT0,37",
        "-}",
    ]
    assert "/PERIOD/012026" in text.split("/ASSIGN/")[0]


def test_message_of_a_new_program() -> None:
    """Kazakh letters, nothing for no patronymic, the period in each row."""
    payer = Payer("160440007161", "ТОО «Ұшқын»", "utf-8", "KZ00")
    row = Row(
        "900101390002", Name("Әлімов", "Қанат", ""), date(1990, 1, 1), 24312, 37, "122", payer, None
    )
    register = Register("GCVP-26022000001", date(2026, 2, 20), payer, "122", [row])
    text = message(register, PLAIN_STYLE, 1)
    assert ":32B:KZT0,37\n:70:\n/FM/Әлімов\n" in text
    assert "/FT/\n" in text
    assert "/IDN/900101390002\n/PERIOD/012026\n:32A:" in text


def test_few_rows_are_bad(dataset: Dataset) -> None:
    """Rows for suspense occur in each kind, and are fewer than one of a hundred."""
    out, summary = dataset
    rows = [row for _, rows in tables(out, StepKind.REGISTER_CSV) for row in rows]
    wrong_code = [row for row in rows if row["row_purpose_code"] == "010"]
    wrong_period = [row for row in rows if not "2017-07" <= row["period"] <= "2028-12"]
    no_money = [row for row in rows if row["amount_tiyn"] == "0"]
    assert wrong_code
    assert wrong_period
    assert no_money
    assert len(wrong_code) + len(wrong_period) + len(no_money) < summary.payment_rows / 100


def test_reversals_name_a_row_loaded_before(dataset: Dataset) -> None:
    """A reversal takes back at most what the row it names brought, not before it came."""
    out = dataset[0]
    money = {}
    for _, rows in tables(out, StepKind.REGISTER_CSV):
        for row in rows:
            money[row["reference"], row["line_no"], row["iin"]] = row["amount_tiyn"]
    named = 0
    keys = []
    for step in timeline.read(out / "timeline.csv"):
        if step.kind is not StepKind.REVERSALS:
            continue
        with (out / step.path).open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                assert line["reversed_on"] == step.instant.date().isoformat()
                keys.append((line["reversal_reference"], line["line_no"]))
                payment = (line["payment_reference"], line["payment_line_no"], line["iin"])
                if payment in money:
                    named += 1
                    assert 0 < int(line["amount_tiyn"]) <= int(money[payment])
    assert named
    assert len(set(keys)) == len(keys)
