"""Rows that cannot be payments, look strange, or repeat a person."""

from typing import Any

import pytest

from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from tests.integration import registers
from tests.integration.people import new_iin, wrong_check_digit
from tests.integration.wire import Stubs

OTHER_BIN = "160440007161"


@pytest.mark.parametrize(
    ("change", "issue", "field"),
    [
        ({"amount_tiyn": 0}, pb.LINE_ISSUE_AMOUNT_NOT_POSITIVE, "amount_tiyn"),
        ({"amount_tiyn": -100}, pb.LINE_ISSUE_AMOUNT_NOT_POSITIVE, "amount_tiyn"),
        ({"purpose_code": "010"}, pb.LINE_ISSUE_PURPOSE_CODE_UNKNOWN, "purpose_code"),
        ({"purpose_code": "0122"}, pb.LINE_ISSUE_PURPOSE_CODE_UNKNOWN, "purpose_code"),
        ({"purpose_code": "١٢٢"}, pb.LINE_ISSUE_PURPOSE_CODE_UNKNOWN, "purpose_code"),
        ({"period": "2017-06"}, pb.LINE_ISSUE_PERIOD_OUT_OF_RANGE, "period"),
    ],
)
def test_a_bad_row_is_suspended_and_the_totals_still_add_up(
    stubs: Stubs, change: dict[str, Any], issue: int, field: str
) -> None:
    """The money of a row that cannot be a payment is kept apart, with its reason."""
    bad = registers.row(2, **change)
    sent = registers.register(registers.full_row(1), bad)
    result = registers.ingest_one(stubs, sent)
    (line,) = result.suspended_lines
    assert (line.line_no, line.issue, line.field) == (2, issue, field)
    assert result.suspended.amount_tiyn == bad.amount_tiyn
    stands = registers.summary(stubs, sent)
    kinds = (stands.accepted, stands.suspended, stands.corrected, stands.refunded)
    assert sum(kind.rows for kind in kinds) == stands.total.rows == 2
    assert sum(kind.amount_tiyn for kind in kinds) == stands.declared.amount_tiyn
    assert not registers.payments(stubs, bad.iin)


def test_what_only_looks_strange_is_accepted_with_a_warning(stubs: Stubs) -> None:
    """A birth date that does not fit, an unusual seventh digit, a wrong BIN: paid, and said."""
    born = registers.row(1, birth_date="1991-01-01")
    seventh = registers.row(2, "900101790008")
    payer = registers.row(3, payer=core_pb2.Payer(bin=wrong_check_digit(OTHER_BIN)))
    result = registers.ingest_one(stubs, registers.register(born, seventh, payer))
    assert result.accepted.rows == 3
    assert {(w.line_no, w.issue) for w in result.warnings} == {
        (1, pb.LINE_ISSUE_BIRTH_DATE),
        (2, pb.LINE_ISSUE_IIN_SEVENTH_DIGIT),
        (3, pb.LINE_ISSUE_PAYER_BIN),
    }


def test_one_person_in_two_rows_is_one_of_the_declared_people(stubs: Stubs) -> None:
    """People are counted by their IIN texts, documents by theirs, rows by themselves."""
    iin = new_iin()
    rows = [
        registers.row(1, iin, document="a"),
        registers.row(2, iin, document="b", period="2025-11"),
        registers.row(3),
    ]
    sent = registers.register(*rows)
    assert (sent.declared.people, sent.declared.documents) == (2, 3)
    result = registers.ingest_one(stubs, sent)
    assert result.accepted.rows == 3
