"""Rows of registers, read a column at a time."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from osms.values import check_digit, parse_iin, parse_iins
from osms_seeds import reference
from osms_server.fields import clean, clean_all
from osms_server.law import Law
from osms_server.register_rows import RowReader, columns_of
from osms_server.rules import Parameters
from osms_storage.records import Payer
from osms_storage.reference import ReferenceData

LAW = Law(ReferenceData({**reference.documents(), "parameter": Parameters.bundled_documents()}))
stems = st.integers(0, 10**11 - 1).map("{:011d}".format)
numbers = stems.map(lambda stem: f"{stem}{check_digit(stem) or 0}")
near_numbers = st.text("0123456789٣ -", max_size=13)


@given(st.lists(st.one_of(numbers, near_numbers)))
def test_many_numbers_are_read_as_each_alone(texts: list[str]) -> None:
    """A number is valid in a column if it is valid alone, by the first weights or the second."""

    def alone(text: str) -> int | None:
        try:
            return parse_iin(text)
        except ValueError:
            return None

    assert parse_iins(texts) == [alone(text) for text in texts]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=6)))
def test_many_texts_are_cleaned_as_each_alone(texts: list[str]) -> None:
    """What a text becomes does not depend on its neighbours, marks at its beginning included."""
    assert clean_all(texts) == [clean(text) for text in texts]


@pytest.mark.parametrize("texts", [["a", "\u0301b"], ["e\u0301", "x"], ["a\u00a0", " b\n"]])
def test_texts_that_look_whole_only_together_are_cleaned(texts: list[str]) -> None:
    """Combining marks, wide spaces and line ends are found in a column."""
    assert clean_all(texts) == [clean(text) for text in texts]


ROW = pb.PaymentRow(
    line_no=7,
    document=" D-1 ",
    iin="900101390002",
    surname="Сейткали",
    given_name="Айгерим",
    patronymic="-",
    birth_date="1990-01-01",
    period="2026-03",
    amount_tiyn=425_000,
    payer=core_pb2.Payer(bin="160940025485", name="Employer"),
)


def test_the_canonical_form_never_changes() -> None:
    """Digests are kept for ever: a register sent again years later must still be found equal."""
    columns = columns_of([ROW, pb.PaymentRow(line_no=8, iin="?", purpose_code="123")])
    assert columns.canonical() == (
        "\x1e\x1f7\x1fD-1\x1f900101390002\x1fСейткали\x1fАйгерим\x1f-\x1f1990-01-01\x1f2026-03"
        "\x1f425000\x1f\x1f1160940025485\x1fEmployer"
        "\x1e\x1f8\x1f\x1f?\x1f\x1f\x1f\x1f\x1f\x1f0\x1f123\x1f0"
    )


def test_a_row_is_read_with_all_it_says() -> None:
    """The patronymic "-" is none; the row's own payer and document stay with it."""
    reader = RowReader("122", date(2026, 4, 20), LAW)
    reader.read(columns_of([ROW]))
    assert not reader.suspended
    (line,), (name,) = reader.accepted, reader.names
    assert name == (line.iin, line.name_id, *name[2:])
    assert name[2:] == ("Сейткали", "Айгерим", "", date(1990, 1, 1).toordinal())
    assert (line.document, line.payer) == ("D-1", Payer("160940025485", "Employer"))


@pytest.mark.parametrize(
    ("period", "received_on", "accepted"),
    [
        ("2017-06", date(2026, 1, 1), False),
        ("2017-07", date(2026, 1, 1), True),
        ("2028-01", date(2026, 1, 31), True),
        ("2028-02", date(2026, 1, 31), False),
        ("2037-06", date(2036, 1, 1), True),
        ("2037-07", date(2036, 1, 1), False),
    ],
)
def test_a_period_is_one_of_those_that_count(
    period: str, received_on: date, accepted: bool
) -> None:
    """From the first month of contributions to 24 after the receipt, while ledgers have room."""
    row = pb.PaymentRow(line_no=1, iin="900101390002", period=period, amount_tiyn=1)
    reader = RowReader("122", received_on, LAW)
    reader.read(columns_of([row]))
    assert [line.issue for line in reader.suspended] == (
        [] if accepted else [pb.LINE_ISSUE_PERIOD_OUT_OF_RANGE]
    )
