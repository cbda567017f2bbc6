"""MT-102 files as they really arrive, and what is told of those that cannot be read."""

import tracemalloc
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osms_client import Payer, PaymentRow, Register, RegisterTotals
from osms_client.loaders import Mt102File
from tests.unit.client.mt102_writer import File, Person


def _read(path: Path, source: str = "state_corporation") -> list[tuple[Register, list[PaymentRow]]]:
    registers = Mt102File(path, source=source).registers()
    return [(register, list(register.rows)) for register in registers]


def _one(tmp_path: Path, file: File) -> tuple[Register, list[PaymentRow]]:
    path = tmp_path / "a.mt102"
    path.write_bytes(file.content())
    (found,) = _read(path)
    return found


def _first(tmp_path: Path, file: File) -> PaymentRow:
    return _one(tmp_path, file)[1][0]


def test_message_becomes_a_register(tmp_path: Path) -> None:
    """The tags of the head and of the rows land in their fields."""
    people = (
        Person(patronymic="БОЛАТОВНА"),
        Person(iin="050101690002", surname="СЕРІК", amount="0,50", born="20050101"),
        Person(iin="050101690002", amount="100,00", period="082025"),
    )
    register, rows = _one(tmp_path, File(people=people, total="4350,50"))
    assert (register.source, register.reference) == ("state_corporation", "GCVP-00000000017")
    assert register.received_on == date(2025, 8, 20)
    assert register.payer == Payer("160440007161", "ТОО «РОМАШКА»")
    assert register.purpose_code == "121"
    assert register.declared == RegisterTotals(people=2, documents=1, amount_tiyn=435_050)
    assert rows[0] == PaymentRow(
        line_no=1,
        document="521",
        iin="900101390002",
        surname="АХМЕТОВА",
        given_name="АЙГУЛЬ",
        patronymic="БОЛАТОВНА",
        birth_date="1990-01-01",
        period="2025-07",
        amount_tiyn=425_000,
    )
    assert [row.period for row in rows] == ["2025-07", "2025-07", "2025-08"]
    assert [row.amount_tiyn for row in rows] == [425_000, 50, 10_000]


@pytest.mark.parametrize("slashes", ["/", "//"])
def test_person_tags_have_one_or_two_slashes(tmp_path: Path, slashes: str) -> None:
    """/FM/ and //FM/ (before October 2011) are the same."""
    row = _first(tmp_path, File(slashes=slashes))
    assert (row.surname, row.iin, row.birth_date) == ("АХМЕТОВА", "900101390002", "1990-01-01")


@pytest.mark.parametrize(
    "assign",
    [
        ("Взносы", "за июль 2025"),
        ("Взносы", "/IDN/000000000000", "//FM/НЕ ЧЕЛОВЕК", "/NAME/НЕ ИМЯ"),
        ("Взносы /PERIOD/012020 /KNP/010", "и далее"),
        ("", ":59: не поле", "/PERIOD/без месяца"),
    ],
)
def test_text_of_assign_is_only_text(tmp_path: Path, assign: tuple[str, ...]) -> None:
    """/ASSIGN/ may run over lines and hold what looks like tags; rows begin after it."""
    register, rows = _one(tmp_path, File(assign=assign))
    assert (register.purpose_code, register.payer) == (
        "121",
        Payer("160440007161", "ТОО «РОМАШКА»"),
    )
    assert [(row.iin, row.surname, row.period) for row in rows] == [
        ("900101390002", "АХМЕТОВА", "2025-07")
    ]


def test_period_may_follow_assign(tmp_path: Path) -> None:
    """A month after /ASSIGN/ counts where the head had none before it."""
    assert (
        _first(tmp_path, File(period="", assign=("Взносы", "/PERIOD/062025"))).period == "2025-06"
    )


@pytest.mark.parametrize("patronymic", ["", "-"])
def test_patronymic_may_be_missing(tmp_path: Path, patronymic: str) -> None:
    """An empty patronymic or a dash is sent as it is."""
    assert _first(tmp_path, File(people=(Person(patronymic=patronymic),))).patronymic == patronymic


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("cp1251", b""), ("cp866", b"")],
)
def test_encoding_is_recognised(tmp_path: Path, encoding: str, bom: bytes) -> None:
    """UTF-8 with or without a byte order mark, CP1251 and CP866 give the same names."""
    payer = "ТОО РОМАШКА" if encoding == "cp866" else "ТОО «РОМАШКА»"
    mixed = Person(surname="Ёлкина-Петрова", given_name="пропорп", patronymic="РОМАНОВНА")
    head = "НАО ФСМС"
    text = File(people=(mixed,), payer=payer, encoding=encoding, bom=bom)
    path = tmp_path / "a.mt102"
    path.write_bytes(bom + "\n".join(text.lines()).replace("НАО «ФСМС»", head).encode(encoding))
    ((register, (row,)),) = _read(path)
    assert register.payer == Payer("160440007161", payer)
    assert (row.surname, row.given_name, row.patronymic) == (
        "Ёлкина-Петрова",
        "пропорп",
        "РОМАНОВНА",
    )


def test_encoding_is_seen_far_into_the_file(tmp_path: Path) -> None:
    """The first Cyrillic letter may come after megabytes of digits."""
    plain = Person(surname="A", given_name="B", patronymic="-")
    people = (*[plain] * 20_000, Person())
    file = File(people=people, payer="TOO", assign=("OSMS",), encoding="cp1251")
    path = tmp_path / "a.mt102"
    content = "\n".join(file.lines()).replace("НАО «ФСМС»", "F").replace("ИВАНОВ ИВАН", "I")
    path.write_bytes(content.encode("cp1251"))
    assert path.stat().st_size > 1_500_000
    ((_, rows),) = _read(path)
    assert rows[-1].surname == "АХМЕТОВА"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("last_newline", ["", "\n", "\n\n"])
def test_line_ends_of_every_kind(tmp_path: Path, newline: str, last_newline: str) -> None:
    """DOS line ends and a missing last one change nothing."""
    register, rows = _one(tmp_path, File(newline=newline, last_newline=last_newline))
    assert register.reference == "GCVP-00000000017"
    assert (rows[0].iin, rows[0].amount_tiyn) == ("900101390002", 425_000)


@pytest.mark.parametrize(
    ("amount", "tiyn"),
    [
        ("4250,00", 425_000),
        ("4250,5", 425_050),
        ("4250,", 425_000),
        ("4250", 425_000),
        ("4250.05", 425_005),
        (",50", 50),
        ("0,07", 7),
        ("-1,00", -100),
        ("0,00", 0),
    ],
)
def test_amounts_of_every_form(tmp_path: Path, amount: str, tiyn: int) -> None:
    """The comma is decimal; digits may be missing on either side of it."""
    assert _first(tmp_path, File(people=(Person(amount=amount),))).amount_tiyn == tiyn


def test_month_in_the_head_or_in_the_row(tmp_path: Path) -> None:
    """A month of the row goes before that of the head."""
    people = (Person(period="062025"), Person())
    _, rows = _one(tmp_path, File(people=people, period="072025"))
    assert [row.period for row in rows] == ["2025-06", "2025-07"]


@pytest.mark.parametrize("month", ["132025", "2025-07", "72025", "июль", "00" + "2025"])
def test_wrong_months_are_sent_as_they_are(tmp_path: Path, month: str) -> None:
    """A month that is none is the gateway's to suspend."""
    assert _first(tmp_path, File(people=(Person(period=month),))).period == month


def test_rows_that_are_merely_wrong_are_sent(tmp_path: Path) -> None:
    """A wrong IIN, birth date or missing month does not make a file unreadable."""
    row = _first(tmp_path, File(people=(Person(iin="12", born="1990"),), period=""))
    assert (row.iin, row.birth_date, row.period) == ("12", "1990", "")


def test_wrong_total_is_sent_as_it_is(tmp_path: Path) -> None:
    """A total that does not match is the gateway's to refuse."""
    register, _ = _one(tmp_path, File(total="1,00"))
    assert register.declared.amount_tiyn == 100


def test_several_messages_are_several_registers(tmp_path: Path) -> None:
    """Each message of a file is a register of its own."""
    path = tmp_path / "a.mt102"
    second = File(reference="GCVP-2", people=(Person(iin="1"), Person(iin="2")), last_newline="")
    path.write_bytes(File().content() + b"\n" + second.content())
    found = _read(path)
    assert [(register.reference, len(rows)) for register, rows in found] == [
        ("GCVP-00000000017", 1),
        ("GCVP-2", 2),
    ]


def test_next_register_comes_though_rows_were_left(tmp_path: Path) -> None:
    """A reader that takes no rows of a register still gets the next one."""
    path = tmp_path / "a.mt102"
    path.write_bytes(File().content() + File(reference="GCVP-2").content())
    registers = Mt102File(path, source="s").registers()
    assert [register.reference for register in registers] == ["GCVP-00000000017", "GCVP-2"]


def test_several_tags_on_a_line(tmp_path: Path) -> None:
    """Some programs put tags beside each other."""
    path = tmp_path / "a.mt102"
    path.write_text(
        "{1:F01X}{2:I102X}{4:\n:20:R-1\n:50:/D/KZ1 /NAME/ТОО А Б  /IDN/160440007161\n"
        ":70:/NUM/5  /DATE/250820  /KNP/122 /ASSIGN/Взносы  /KNP/010\n"
        ":21:1  :32B:KZT1,00 :70: /FM/А /NM/Б /FT/- /IDN/900101390002 /PERIOD/072025\n"
        ":32A:250820KZT1,00-}{5:{MAC:1}}\n",
        encoding="utf-8",
    )
    ((register, (row,)),) = _read(path)
    assert (register.payer, register.purpose_code) == (Payer("160440007161", "ТОО А Б"), "122")
    assert (row.surname, row.given_name, row.patronymic, row.period, row.document) == (
        "А",
        "Б",
        "-",
        "2025-07",
        "5",
    )


def test_long_payer_name_runs_over_lines(tmp_path: Path) -> None:
    """A name that was broken into lines is put together."""
    register, _ = _one(tmp_path, File(payer="ТОО «ОЧЕНЬ\nДЛИННОЕ ИМЯ»"))
    assert register.payer == Payer("160440007161", "ТОО «ОЧЕНЬ ДЛИННОЕ ИМЯ»")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A file of many rows is read in the memory of a small one."""

    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.mt102"
        people = tuple(Person(iin=f"{n % 500:012}") for n in range(rows))
        path.write_bytes(File(people=people).content())
        del people
        tracemalloc.start()
        for register in Mt102File(path, source="s").registers():
            for _ in register.rows:
                pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(12_000) < 1.3 * peak(3_000) + 100_000


_LETTERS = "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_names = st.text(_LETTERS + "- ", min_size=1, max_size=20).map(str.strip)
_amounts = st.tuples(st.integers(0, 10**9), st.integers(0, 99))


@st.composite
def _people(draw: Any) -> tuple[list[PaymentRow], tuple[Person, ...]]:
    rows, people = [], []
    for line_no in range(1, draw(st.integers(1, 6)) + 1):
        tenge, rest = draw(_amounts)
        year, month = draw(st.integers(2017, 2030)), draw(st.integers(1, 12))
        row = PaymentRow(
            line_no=line_no,
            document="521",
            iin=draw(st.text("0123456789", min_size=0, max_size=12)),
            surname=draw(_names),
            given_name=draw(_names),
            patronymic=draw(st.sampled_from(["", "-"]) | _names),
            birth_date=f"{draw(st.dates(date(1900, 1, 1))):%Y-%m-%d}",
            period=f"{year}-{month:02}",
            amount_tiyn=tenge * 100 + rest,
        )
        rows.append(row)
        people.append(
            Person(
                amount=f"{tenge or draw(st.sampled_from(['', '0']))},{rest:02}",
                iin=row.iin,
                surname=row.surname,
                given_name=row.given_name,
                patronymic=row.patronymic,
                born=row.birth_date.replace("-", ""),
                period=f"{month:02}{year}",
            )
        )
    return rows, tuple(people)


@given(
    people=_people(),
    encoding=st.sampled_from(["utf-8", "cp1251", "cp866"]),
    slashes=st.sampled_from(["/", "//"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    last_newline=st.sampled_from(["", "\n"]),
    assign=st.lists(_names, min_size=1, max_size=3).map(tuple),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    people: tuple[list[PaymentRow], tuple[Person, ...]],
    encoding: str,
    slashes: str,
    newline: str,
    last_newline: str,
    assign: tuple[str, ...],
) -> None:
    """Whatever rows are written, in whatever habit, the same rows are read."""
    rows, written = people
    total = sum(row.amount_tiyn for row in rows)
    file = File(
        people=written,
        total=f"{total // 100},{total % 100:02}",
        encoding=encoding,
        slashes=slashes,
        newline=newline,
        last_newline=last_newline,
        assign=assign,
        payer="ТОО РОМАШКА",
    )
    content = file.content() if encoding != "cp866" else b""
    path = tmp_path_factory.mktemp("mt102") / "a.mt102"
    if encoding == "cp866":  # it has no such quotes
        text = newline.join(file.lines()).replace("«", '"').replace("»", '"') + last_newline
        content = text.encode("cp866")
    path.write_bytes(content)
    ((register, read),) = _read(path)
    assert read == rows
    assert register.declared == RegisterTotals(
        people=len({row.iin for row in rows}), documents=1, amount_tiyn=total
    )


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    """A file gives the same registers each time, so that loading again changes nothing."""
    path = tmp_path / "a.mt102"
    path.write_bytes(replace(File(), people=(Person(), Person())).content())
    assert [rows for _, rows in _read(path)] == [rows for _, rows in _read(path)]
