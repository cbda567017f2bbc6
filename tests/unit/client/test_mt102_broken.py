"""What is told of MT-102 files that cannot be read."""

from pathlib import Path

import pytest

from osms_client.loaders import FileError, Mt102File
from tests.unit.client.mt102_writer import File, Person


def _read(path: Path) -> None:
    for register in Mt102File(path, source="state_corporation").registers():
        list(register.rows)


_BROKEN: list[tuple[str, bytes, int | None, str]] = [
    ("empty", b"", None, "empty"),
    ("only spaces", b" \n\n", None, "holds none"),
    ("another file", b"Hello\nworld\n", 1, "beginning of a message"),
    ("no text block", b"{1:F01}\n{2:I102}\n", 2, "cut off"),
    ("cut off in a row", File().content()[:-60], 30, "cut off"),
    ("cut off before the end", File(tail=()).content(), 33, "cut off"),
    ("no rows", File(people=()).content(), 1, "rows"),
    ("no reference", File(reference="").content(), 1, ":20:"),
    ("a total that is none", File(total="viele").content(), 33, "KZT1500,50"),
    ("a total on no day", File(date="251320").content(), 33, ":32A:"),
    ("an amount that is none", File(people=(Person(amount="1 000"),)).content(), 26, "KZT1500,50"),
    ("an amount of nothing", File(people=(Person(amount=","),)).content(), 26, "KZT1500,50"),
    ("an amount beyond tiyn", File(people=(Person(amount="1,005"),)).content(), 26, "KZT1500,50"),
    ("two messages in one", File(tail=()).content() + File().content(), 34, '"-}"'),
    ("a zero byte", File().content().replace(b"KZT", b"K\x00T"), None, "zero bytes"),
    ("UTF-16", File().content().decode().encode("utf-16"), None, "zero bytes"),
    ("no letters", File().content()[:80] + bytes(range(0xB0, 0xB9)), None, "UTF-8, CP1251"),
    ("damaged UTF-8", File().content().replace("А".encode(), b"\xd0 "), None, "damaged"),
    ("a cut letter", "{1:Ж".encode()[:-1], None, "cut off"),
    ("an endless line", b"{" + b"1" * 70_000, 1, "never ends"),
]


@pytest.mark.parametrize(
    ("content", "line", "expected"),
    [case[1:] for case in _BROKEN],
    ids=[case[0] for case in _BROKEN],
)
def test_unreadable_file_is_told(
    tmp_path: Path, content: bytes, line: int | None, expected: str
) -> None:
    """A broken file raises, naming file, line and what was expected, before it is yielded."""
    path = tmp_path / "broken.mt102"
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        _read(path)
    assert (caught.value.path, caught.value.line) == (path, line)
    assert expected in caught.value.expected
    assert "broken.mt102" in str(caught.value)


def test_errors_name_nobody(tmp_path: Path) -> None:
    """What an error says holds nothing of the file: it may be a person."""
    path = tmp_path / "a.mt102"
    path.write_bytes(File(people=(Person(amount="900101390002X"),)).content())
    with pytest.raises(FileError) as caught:
        _read(path)
    assert "900101390002" not in str(caught.value)


def test_messages_before_a_broken_one_are_yielded(tmp_path: Path) -> None:
    """A broken message stops its file; the registers before it are whole."""
    path = tmp_path / "a.mt102"
    path.write_bytes(File().content() + File(reference="").content())
    registers = Mt102File(path, source="s").registers()
    assert next(registers).reference == "GCVP-00000000017"
    with pytest.raises(FileError):
        next(registers)
