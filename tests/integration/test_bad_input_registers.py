"""Registers sent again, sent with other content, or that do not add up."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from osms_client.testing import RunningGateway
from tests.integration import registers
from tests.integration.people import new_reference
from tests.integration.wire import Stubs, connected

OTHER_BIN = "160440007161"


def committed(stubs: Stubs, *rows: pb.PaymentRow) -> pb.Register:
    """Return a register that was committed now."""
    sent = registers.register(*rows)
    result = registers.ingest_one(stubs, sent)
    assert result.outcome == pb.REGISTER_OUTCOME_COMMITTED
    return sent


# --- the same again ------------------------------------------------------------------------------


def test_a_register_sent_twice_is_answered_with_its_first_result(stubs: Stubs) -> None:
    """The second answer is ALREADY_COMMITTED with the first revision, time and suspended lines."""
    sent = registers.register(registers.full_row(1), registers.row(2, "12"))
    first, second = registers.ingest(stubs, sent, sent)
    third = registers.ingest_one(stubs, sent)
    assert first.outcome == pb.REGISTER_OUTCOME_COMMITTED
    assert second == third
    assert second.outcome == pb.REGISTER_OUTCOME_ALREADY_COMMITTED
    for field in ("revision", "committed_at", "accepted", "suspended", "suspended_lines"):
        assert getattr(second, field) == getattr(first, field)
    assert len(registers.payments(stubs, sent.rows[0].iin)) == 1
    assert registers.summary(stubs, sent).total.rows == 2


def test_how_a_register_was_split_does_not_make_it_another(stubs: Stubs) -> None:
    """Rows in another order and over several messages are the same register."""
    rows = [registers.full_row(1), registers.row(2), registers.row(3)]
    sent = committed(stubs, *rows)
    head = registers.changed(sent)
    del head.rows[:]
    requests = [
        pb.IngestRegistersRequest(register=head, more_follows=True),
        pb.IngestRegistersRequest(register=pb.Register(rows=[rows[2]]), more_follows=True),
        pb.IngestRegistersRequest(register=pb.Register(rows=[rows[1], rows[0]])),
    ]
    (answer,) = stubs.payments.IngestRegisters(iter(requests), timeout=30)
    assert answer.result.outcome == pb.REGISTER_OUTCOME_ALREADY_COMMITTED


def test_spaces_and_unicode_forms_do_not_make_another_register(stubs: Stubs) -> None:
    """Text is compared trimmed and in normal form C."""
    row = registers.row(surname="Ёлкина")
    sent = committed(stubs, row)
    row.surname = "  Е\u0308лкина "
    again = registers.ingest_one(stubs, registers.changed(sent, rows=[row]))
    assert again.outcome == pb.REGISTER_OUTCOME_ALREADY_COMMITTED


def test_two_connections_at_the_same_moment_commit_a_register_once(
    gateway: RunningGateway, stubs: Stubs
) -> None:
    """Exactly one sender hears COMMITTED, the other ALREADY_COMMITTED, of the same revision."""
    sent = [registers.register(registers.full_row(1), registers.row(2, "12")) for _ in range(20)]
    start = Barrier(2)

    def send() -> list[pb.RegisterResult]:
        results = []
        with connected(gateway.target) as own:
            for register in sent:
                start.wait(30)
                results.append(registers.ingest_one(own, register))
        return results

    with ThreadPoolExecutor(2) as pool:
        one, other = (future.result() for future in [pool.submit(send), pool.submit(send)])
    for register, *results in zip(sent, one, other, strict=True):
        assert sorted(result.outcome for result in results) == [
            pb.REGISTER_OUTCOME_COMMITTED,
            pb.REGISTER_OUTCOME_ALREADY_COMMITTED,
        ]
        assert results[0].revision == results[1].revision > 0
        assert results[0].committed_at == results[1].committed_at
        assert len(registers.payments(stubs, register.rows[0].iin)) == 1
        assert registers.summary(stubs, register).total.amount_tiyn == 2 * registers.AMOUNT_TIYN


def test_of_two_contents_at_the_same_moment_one_is_committed_and_one_is_in_conflict(
    gateway: RunningGateway,
) -> None:
    """A reference that two senders use at once is decided for one, and the other is told."""
    start = Barrier(2)

    def send(register: pb.Register) -> pb.RegisterResult:
        with connected(gateway.target) as own:
            start.wait(30)
            return registers.ingest_one(own, register)

    for _ in range(5):
        one = registers.register(registers.full_row())
        row = pb.PaymentRow()
        row.CopyFrom(one.rows[0])
        row.amount_tiyn += 1
        other = registers.changed(one, rows=[row], declared=registers.totals([row]))
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(send, [one, other]))
        assert sorted(result.outcome for result in results) == [
            pb.REGISTER_OUTCOME_COMMITTED,
            pb.REGISTER_OUTCOME_REFUSED,
        ]
        refused = max(results, key=lambda result: result.outcome)
        assert refused.refusal == pb.REGISTER_REFUSAL_CONFLICT


# --- the same reference with other content -------------------------------------------------------

ROW_CHANGES: dict[str, Any] = {
    "document": "000018",
    "iin": "900101390002",
    "surname": "Ахметов",
    "given_name": "Айсұлу",
    "patronymic": "-",
    "birth_date": "1990-01-02",
    "period": "2025-11",
    "purpose_code": "122",
    "payer": core_pb2.Payer(bin="160440007161", name="ЖК Ахметова"),
}


@pytest.mark.parametrize("field", ROW_CHANGES)
def test_a_row_that_differs_is_named(stubs: Stubs, field: str) -> None:
    """The same reference with one field of one row changed is a CONFLICT that names the field."""
    sent = committed(stubs, registers.full_row(3), registers.full_row(7), registers.full_row(9))
    other = registers.changed(sent)
    row = other.rows[1]
    row.ClearField(field)  # type: ignore[arg-type] # a name of the contract
    row.MergeFrom(pb.PaymentRow(**{field: ROW_CHANGES[field]}))
    other.declared.CopyFrom(registers.totals(other.rows))
    result = registers.ingest_one(stubs, other)
    assert result.outcome == pb.REGISTER_OUTCOME_REFUSED
    assert result.refusal == pb.REGISTER_REFUSAL_CONFLICT
    expected = "declared.documents" if field == "document" else f"rows[7].{field}"
    assert result.field == expected
    assert registers.ingest_one(stubs, sent).outcome == pb.REGISTER_OUTCOME_ALREADY_COMMITTED


def test_an_amount_moved_between_rows_is_named(stubs: Stubs) -> None:
    """Totals that still add up do not hide two changed amounts: the first line is named."""
    sent = committed(stubs, registers.full_row(3), registers.full_row(7))
    other = registers.changed(sent)
    other.rows[0].amount_tiyn += 100
    other.rows[1].amount_tiyn -= 100
    result = registers.ingest_one(stubs, other)
    assert result.refusal == pb.REGISTER_REFUSAL_CONFLICT
    assert result.field == "rows[3].amount_tiyn"
    for row in sent.rows:
        (payment,) = registers.payments(stubs, row.iin)
        assert payment.amount_tiyn == registers.AMOUNT_TIYN


def test_a_changed_amount_with_its_total_is_a_conflict(stubs: Stubs) -> None:
    """One amount and the declared sum changed together are refused, and nothing changes."""
    sent = committed(stubs, registers.full_row(3))
    other = registers.changed(sent)
    other.rows[0].amount_tiyn += 1
    other.declared.amount_tiyn += 1
    result = registers.ingest_one(stubs, other)
    assert (result.outcome, result.refusal) == (
        pb.REGISTER_OUTCOME_REFUSED,
        pb.REGISTER_REFUSAL_CONFLICT,
    )
    assert result.field == "declared.amount_tiyn"
    assert (result.declared, result.counted) == ("425000", "425001")
    assert registers.summary(stubs, sent).total.amount_tiyn == registers.AMOUNT_TIYN


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("received_on", "2026-01-09", "received_on"),
        ("purpose_code", "121", "purpose_code"),
        ("payer", core_pb2.Payer(bin=OTHER_BIN, name=registers.PAYER.name), "payer.bin"),
        ("payer", core_pb2.Payer(bin=registers.PAYER.bin, name="ТОО «Бірлік»"), "payer.name"),
    ],
)
def test_a_header_field_that_differs_is_named(
    stubs: Stubs, field: str, value: Any, named: str
) -> None:
    """The same reference with one field of the header changed is a CONFLICT that names it."""
    sent = committed(stubs, registers.full_row())
    result = registers.ingest_one(stubs, registers.changed(sent, **{field: value}))
    assert result.outcome == pb.REGISTER_OUTCOME_REFUSED
    assert result.refusal == pb.REGISTER_REFUSAL_CONFLICT
    assert named.startswith(result.field)
    assert result.field


def test_a_row_added_or_left_out_is_a_conflict(stubs: Stubs) -> None:
    """More or fewer rows under the same reference are refused and change nothing."""
    sent = committed(stubs, registers.full_row(1), registers.full_row(2))
    for rows in (list(sent.rows)[:1], [*sent.rows, registers.full_row(3)]):
        other = registers.changed(sent, rows=rows, declared=registers.totals(rows))
        result = registers.ingest_one(stubs, other)
        assert result.refusal == pb.REGISTER_REFUSAL_CONFLICT
        assert result.field in ("declared.amount_tiyn", "declared.people", "rows")
    assert registers.summary(stubs, sent).total.rows == 2


def test_a_suspended_row_that_differs_is_named(stubs: Stubs) -> None:
    """Rows in suspense are compared like payments: by the texts that were sent."""
    sent = committed(stubs, registers.full_row(1), registers.row(2, "12"))
    other = registers.changed(sent)
    other.rows[1].iin = "13"
    result = registers.ingest_one(stubs, other)
    assert result.refusal == pb.REGISTER_REFUSAL_CONFLICT
    assert result.field == "rows[2].iin"
    other = registers.changed(sent)
    other.rows[1].payer.bin = OTHER_BIN
    assert registers.ingest_one(stubs, other).field == "rows[2].payer"


def test_no_text_in_one_field_can_pass_for_text_in_two(stubs: Stubs) -> None:
    """Control characters inside names do not make another register look like the same."""
    row = registers.row(surname="Ахметова\x1fАйгүл", given_name="Серікқызы")
    sent = committed(stubs, row)
    row.surname, row.given_name = "Ахметова", "Айгүл\x1fСерікқызы"
    result = registers.ingest_one(stubs, registers.changed(sent, rows=[row]))
    assert result.outcome == pb.REGISTER_OUTCOME_REFUSED


def test_other_sources_may_use_the_same_reference_only_if_they_send_payments(
    stubs: Stubs,
) -> None:
    """A source without a feed of registers cannot send one, whatever its reference."""
    sent = committed(stubs, registers.full_row())
    for source in ("labour", ""):
        result = registers.ingest_one(stubs, registers.changed(sent, source=source))
        assert result.refusal == pb.REGISTER_REFUSAL_INVALID
        assert result.field == "source"


# --- what does not add up ------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["people", "documents", "amount_tiyn"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_register_whose_totals_do_not_match_is_refused_whole(
    stubs: Stubs, field: str, by: int
) -> None:
    """The refusal says which total, what was declared and what was counted; nothing counts."""
    sent = registers.register(registers.full_row(1), registers.full_row(2), registers.row(3, "12"))
    right = getattr(sent.declared, field)
    setattr(sent.declared, field, right + by)
    result = registers.ingest_one(stubs, sent)
    assert result.outcome == pb.REGISTER_OUTCOME_REFUSED
    assert result.refusal == pb.REGISTER_REFUSAL_TOTALS_MISMATCH
    assert result.field == f"declared.{field}"
    assert (result.declared, result.counted) == (str(right + by), str(right))
    assert result.revision == 0
    registers.assert_never_sent(stubs, sent)
    setattr(sent.declared, field, right)
    assert registers.ingest_one(stubs, sent).outcome == pb.REGISTER_OUTCOME_COMMITTED


def test_two_rows_with_one_line_number_are_refused(stubs: Stubs) -> None:
    """A line number names one line for ever, so a register that repeats one is refused whole."""
    sent = registers.register(registers.full_row(1), registers.full_row(2), registers.full_row(2))
    result = registers.ingest_one(stubs, sent)
    assert result.refusal == pb.REGISTER_REFUSAL_DUPLICATE_LINE
    assert result.field == "rows[2].line_no"
    registers.assert_never_sent(stubs, sent)


@pytest.mark.parametrize("line_no", [0, -1])
def test_line_numbers_are_positive(stubs: Stubs, line_no: int) -> None:
    """A row without a line number could never be found again."""
    sent = registers.register(registers.full_row(1), registers.full_row(line_no))
    result = registers.ingest_one(stubs, sent)
    assert result.refusal == pb.REGISTER_REFUSAL_INVALID
    registers.assert_never_sent(stubs, sent)


def test_a_register_without_rows_is_refused(stubs: Stubs) -> None:
    """No rows means something was lost on the way, also when the totals say zero."""
    sent = registers.register()
    result = registers.ingest_one(stubs, sent)
    assert result.refusal == pb.REGISTER_REFUSAL_EMPTY
    registers.assert_never_sent(stubs, sent)


def test_a_register_without_totals_is_refused(stubs: Stubs) -> None:
    """Control totals are required: their absence is not a total of zero."""
    sent = registers.register(registers.full_row())
    sent.ClearField("declared")
    result = registers.ingest_one(stubs, sent)
    assert result.refusal == pb.REGISTER_REFUSAL_INVALID
    assert result.field == "declared"


def test_a_register_of_too_many_rows_is_refused(stubs: Stubs) -> None:
    """Above 100,000 rows a register is TOO_LARGE, and the stream goes on with the next one."""
    head = registers.register(reference=new_reference())
    head.declared.amount_tiyn = 1
    requests = [pb.IngestRegistersRequest(register=head, more_follows=True)]
    for start in range(1, 100_002, 5_000):
        numbers = range(start, min(start + 5_000, 100_002))
        rows = [pb.PaymentRow(line_no=number) for number in numbers]
        requests.append(
            pb.IngestRegistersRequest(register=pb.Register(rows=rows), more_follows=True)
        )
    requests[-1].more_follows = False
    requests.append(pb.IngestRegistersRequest(register=registers.register(registers.full_row())))
    answers = stubs.payments.IngestRegisters(iter(requests), timeout=30)
    refused, next_one = [answer.result for answer in answers]
    assert refused.refusal == pb.REGISTER_REFUSAL_TOO_LARGE
    assert (refused.declared, refused.counted) == ("100000", "100001")
    assert next_one.outcome == pb.REGISTER_OUTCOME_COMMITTED
    registers.assert_never_sent(stubs, head)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reference", ""),
        ("reference", "   "),
        ("reference", "x" * 65),
        ("payer", core_pb2.Payer(name="x" * 501)),
    ],
)
def test_a_header_that_breaks_a_rule_is_refused(stubs: Stubs, field: str, value: Any) -> None:
    """A reference is required and texts have limits; the field is named."""
    sent = registers.changed(registers.register(registers.full_row()), **{field: value})
    result = registers.ingest_one(stubs, sent)
    assert result.refusal == pb.REGISTER_REFUSAL_INVALID
    assert result.field.startswith(field)
