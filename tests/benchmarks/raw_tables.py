"""What registers and snapshots leave in the tables: all of the control that follows the schema."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from osms.v1 import payment_service_pb2 as pb
from osms.values import parse_month
from osms_storage.ledgers import MONTHS_PER_COLUMN
from osms_storage.projection import FIRST_MONTH
from osms_storage.records import NameRow, Payer, name_row

Row = tuple[Any, ...]


class RawTable(NamedTuple):
    """How rows get into a table past the gateway."""

    name: str
    columns: tuple[str, ...]
    conflict: str
    """What becomes of a row whose key exists."""
    rows: Callable[[pb.Register, int], list[Row]]
    """Returns the rows of a register, given its number."""


def _registers(register: pb.Register, number: int) -> list[Row]:
    payer, size = Payer(register.payer.bin, register.payer.name).id, len(register.rows)
    reference = register.reference + "-raw"
    return [(number, 1, reference, 740_000, payer, "122", size, 1, size, 0, 0, 0, b"\0")]


def _payments(register: pb.Register, number: int) -> list[Row]:
    return [
        (
            int(r.iin),
            number,
            r.line_no,
            0,
            0,
            parse_month(r.period),
            r.amount_tiyn,
            122,
            _name(r).name_id,
        )
        for r in _by_iin(register)
    ]


def _names(register: pb.Register, _: int) -> list[Row]:
    return [_name(row) for row in _by_iin(register)]


def _ledgers(register: pb.Register, _: int) -> list[Row]:
    # All periods of the benchmarks are of 2026: in the second column of paid months.
    shift = FIRST_MONTH + MONTHS_PER_COLUMN
    bits = {row.period: 1 << parse_month(row.period) - shift for row in register.rows}
    return [(int(row.iin), bits[row.period]) for row in _by_iin(register)]


REGISTER_TABLES = (
    RawTable(
        "register",
        (
            *("batch_id", "source_id", "reference", "received_on", "payer_id", "purpose_code"),
            *("people", "documents", "rows", "amount", "suspended_rows", "suspended_amount"),
            "content",
        ),
        "",
        _registers,
    ),
    RawTable(
        "payment",
        (
            *("iin", "register_id", "line_no", "correction_id", "document_no"),
            *("period", "amount", "purpose", "name_id"),
        ),
        "",
        _payments,
    ),
    RawTable(
        "person_name",
        ("iin", "name_id", "surname", "given_name", "patronymic", "birth_date"),
        " ON CONFLICT DO NOTHING",
        _names,
    ),
    RawTable(
        "ledger",
        ("iin", "paid_2022"),
        " ON CONFLICT (iin) DO UPDATE SET paid_2022 = ledger.paid_2022 | excluded.paid_2022",
        _ledgers,
    ),
)
"""What a register leaves, in the order of writing."""

STAGED_TABLE = "staged_record"
STAGED_COLUMNS = (
    *("run_id", "iin", "source_id", "category_id", "assigned_on"),
    *("removed_on", "removal_source_id", "removal_reason_id"),
)
STAGED_CONFLICT = (
    " ON CONFLICT (run_id, iin, source_id, category_id, assigned_on) DO UPDATE SET"
    " removed_on = excluded.removed_on, removal_source_id = excluded.removal_source_id,"
    " removal_reason_id = excluded.removal_reason_id"
)
CONTROL_RUN = 999_999
"""A run that no sync of a benchmark comes near."""


def staged_rows(people: Sequence[str]) -> list[Row]:
    """Return a snapshot's records of these people, as they are staged."""
    return [(CONTROL_RUN, int(iin), 5, 7, 737_000, None, None, None) for iin in people]


def _by_iin(register: pb.Register) -> list[pb.PaymentRow]:
    return sorted(register.rows, key=lambda row: row.iin)


def _name(row: pb.PaymentRow) -> NameRow:
    return name_row(int(row.iin), row.surname, row.given_name, row.patronymic, None)
