"""Registers in CSV and Parquet, and what is told of files that cannot be read."""

import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osms_client import Payer, PaymentRow, Register, RegisterTotals
from osms_client.loaders import (
    REGISTER_COLUMNS,
    FileError,
    FileKind,
    RegisterTable,
    kind_of,
    open_table,
)
from osms_client.loaders.tables import PARQUET_ROWS_AT_ONCE
from tests.unit.client.mt102_writer import File
from tests.unit.client.tables import HEAD, ROW, as_csv, feed_csv, rows, write_parquet


def _read(path: Path) -> list[tuple[Register, list[PaymentRow]]]:
    registers = RegisterTable(open_table(path)).registers()
    return [(register, list(register.rows)) for register in registers]


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_rows_of_a_register_follow_each_other(tmp_path: Path) -> None:
    """Consecutive rows of one source and reference are one register."""
    second = {**HEAD, **ROW, "reference": "GCVP-2", "row_payer_bin": "1", "row_purpose_code": "122"}
    (first, first_rows), (other, other_rows) = _read(
        _write(tmp_path / "a.csv", as_csv([*rows(2), second]))
    )
    assert (first.source, first.reference) == ("state_corporation", "GCVP-1")
    assert first.received_on == date(2025, 8, 20)
    assert first.payer == Payer("160440007161", 'ТОО "РОМАШКА", филиал')
    assert first.declared == RegisterTotals(people=1, documents=1, amount_tiyn=850_000)
    assert first_rows[1] == PaymentRow(
        line_no=2,
        document="521",
        iin=ROW["iin"],
        surname="Әбдіқадыров",
        given_name="Ұлан",
        birth_date="1990-01-01",
        period="2025-07",
        amount_tiyn=425_000,
    )
    assert (other.reference, other_rows[0].payer) == ("GCVP-2", Payer("1", ""))
    assert other_rows[0].purpose_code == "122"


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    """Columns are found by their names; a byte order mark and DOS line ends do not matter."""
    text = "\ufeff" + as_csv(rows(), reversed(REGISTER_COLUMNS))
    ((_, (row,)),) = _read(_write(tmp_path / "a.csv", text))
    assert row.iin == ROW["iin"]


def test_wrong_rows_are_sent_as_they_are(tmp_path: Path) -> None:
    """A wrong IIN, month, code or a negative amount is the gateway's to suspend."""
    wrong = {"iin": "12", "period": "13/2025", "amount_tiyn": "-5", "row_purpose_code": "999"}
    ((_, (row,)),) = _read(_write(tmp_path / "a.csv", as_csv(rows(**wrong))))
    assert (row.iin, row.period, row.amount_tiyn, row.purpose_code) == ("12", "13/2025", -5, "999")


def test_parquet_has_the_same_columns(tmp_path: Path) -> None:
    """Parquet gives what CSV gives, whether its values are texts, numbers, dates or missing."""
    cells: list[dict[str, Any]] = [dict(row) for row in rows(2)]
    _write(tmp_path / "a.csv", as_csv(rows(2)))
    write_parquet(tmp_path / "texts.parquet", cells)
    for row in cells:
        row["received_on"] = date(2025, 8, 20)
        row["birth_date"] = date(1990, 1, 1)
        row["line_no"] = int(row["line_no"])
        row["amount_tiyn"] = int(row["amount_tiyn"])
        row["patronymic"] = None
    write_parquet(tmp_path / "typed.parquet", cells)
    expected = [row for _, row in _read(tmp_path / "a.csv")]
    for name in ("texts.parquet", "typed.parquet"):
        assert [row for _, row in _read(tmp_path / name)] == expected


def test_parquet_is_read_in_batches(tmp_path: Path) -> None:
    """A register that spans batches and row groups stays one register."""
    count = 2 * PARQUET_ROWS_AT_ONCE + 5
    frame = polars.DataFrame({**HEAD, **ROW}).select(polars.all().repeat_by(count).explode())
    frame = frame.with_columns(line_no=polars.int_range(1, count + 1))
    missing = set(REGISTER_COLUMNS) - set(frame.columns)
    frame = frame.with_columns(polars.lit("").alias(name) for name in missing)
    frame.write_parquet(tmp_path / "a.parquet", row_group_size=30_000)
    table = open_table(tmp_path / "a.parquet")
    registers = RegisterTable(table).registers()
    found = [[row.line_no for row in register.rows] for register in registers]
    assert found == [list(range(1, count + 1))]
    assert table.bytes_read == (tmp_path / "a.parquet").stat().st_size


_HEAD_LINE = as_csv([])
_BROKEN: list[tuple[str, str, int | None, str]] = [
    ("no rows", _HEAD_LINE, None, "rows"),
    ("no such column", _HEAD_LINE.replace("iin", "inn"), 1, "'iin'"),
    ("a column too many", _HEAD_LINE.replace("iin", "iin,sum"), 1, "other column (13)"),
    ("a column twice", _HEAD_LINE.replace("document,", "document,iin,"), 1, "one column 'iin'"),
    ("semicolons", _HEAD_LINE.replace(",", ";"), 1, "semicolons"),
    ("a cell too few", as_csv(rows()).rstrip() + "\r\nstate_corporation,GCVP", 3, "21 cells"),
    ("an open quote", as_csv(rows()) + '"state', 3, "closed quotes"),
    ("no whole number", as_csv(rows(amount_tiyn="4250.00")), 2, "amount_tiyn"),
    ("no number at all", as_csv(rows(declared_people="")), 2, "declared_people"),
    ("no line number", as_csv(rows(line_no="x")), 2, "line_no"),
    ("a number beyond all", as_csv(rows(amount_tiyn="9" * 19)), 2, "amount_tiyn"),
    ("no date", as_csv(rows(received_on="20.08.2025")), 2, "received_on"),
    (
        "heads that differ",
        as_csv([*rows(), *rows(payer_name="another")]),
        3,
        "same register columns",
    ),
]


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [case[1:] for case in _BROKEN],
    ids=[case[0] for case in _BROKEN],
)
def test_unreadable_csv_is_told(tmp_path: Path, text: str, line: int | None, expected: str) -> None:
    """A broken file raises before its first register, naming line and what was expected."""
    path = _write(tmp_path / "broken.csv", text)
    with pytest.raises(FileError) as caught:
        next(RegisterTable(open_table(path)).registers())
    assert (caught.value.path, caught.value.line) == (path, line)
    assert expected in caught.value.expected


def test_csv_in_another_encoding_is_told(tmp_path: Path) -> None:
    """CSV is UTF-8; the line of the first other letter is named."""
    path = tmp_path / "a.csv"
    path.write_bytes(as_csv(rows(surname="Ахметова", payer_name="x")).encode("cp1251", "replace"))
    with pytest.raises(FileError, match="line 2: expected text in UTF-8"):
        _read(path)


@pytest.mark.parametrize("cut", [8, 200])
def test_cut_parquet_is_told(tmp_path: Path, cut: int) -> None:
    """A Parquet file that lost its end is named."""
    path = tmp_path / "a.parquet"
    write_parquet(path, rows())
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(FileError, match="whole Parquet"):
        open_table(path)


def test_files_are_told_apart_by_their_content(tmp_path: Path) -> None:
    """What a file is does not depend on its name."""
    files = {
        "csv.txt": (as_csv(rows()), FileKind.REGISTER_TABLE),
        "rejects.txt": (as_csv([], (*REGISTER_COLUMNS, "issue")), FileKind.REJECTS),
        "feed.txt": (feed_csv([]), FileKind.CATEGORIES),
        "swift.csv": ("\n".join(File().lines()), FileKind.MT102),
        "letter.txt": ("Dear Fund,\nhello", FileKind.MT102),
    }
    for name, (text, kind) in files.items():
        assert kind_of(_write(tmp_path / name, text)) is kind, name
    write_parquet(tmp_path / "table", rows())
    assert kind_of(tmp_path / "table") is FileKind.REGISTER_TABLE
    write_parquet(tmp_path / "feed", [{"iin": "1"}], ("iin",), note="# osms-feed x=y")
    assert kind_of(tmp_path / "feed") is FileKind.CATEGORIES


def test_missing_file_is_told(tmp_path: Path) -> None:
    """A file that cannot be opened is a FileError too."""
    with pytest.raises(FileError, match="can be read"):
        kind_of(tmp_path / "nothing.csv")
    with pytest.raises(FileError, match="can be read"):
        kind_of(tmp_path)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A register of many rows is read in the memory of a small one."""

    def peak(count: int) -> int:
        path = _write(tmp_path / f"{count}.csv", as_csv(rows(count)))
        tracemalloc.start()
        for register in RegisterTable(open_table(path)).registers():
            for _ in register.rows:
                pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(8_000) < 1.3 * peak(1_000) + 100_000


_texts = st.text(
    st.characters(exclude_categories=["C"], exclude_characters="\u2028\u2029"), max_size=30
).map(str.strip)


@given(
    surname=_texts, payer=_texts, iin=_texts, period=_texts, amount=st.integers(-(10**15), 10**15)
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    surname: str,
    payer: str,
    iin: str,
    period: str,
    amount: int,
) -> None:
    """Whatever texts a row holds, commas, quotes and all, CSV and Parquet give them back."""
    folder = tmp_path_factory.mktemp("tables")
    cells = rows(surname=surname, payer_name=payer, iin=iin, period=period, amount_tiyn=str(amount))
    write_parquet(folder / "a.parquet", cells)
    for path in (_write(folder / "a.csv", as_csv(cells)), folder / "a.parquet"):
        ((register, (row,)),) = _read(path)
        assert register.payer == Payer("160440007161", payer)
        assert (row.surname, row.iin, row.period, row.amount_tiyn) == (surname, iin, period, amount)
