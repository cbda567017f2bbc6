"""What a loader sends, as a function of a seed and a number: any process can make it again."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from osms.values import check_digit
from osms_client import (
    CategoryRecord,
    Payer,
    PaymentRow,
    Register,
    RegisterTotals,
    RowTotals,
    SyncHeader,
    SyncKind,
)

SENDER = "state_corporation"
DELTA_SENDER = "labour"
ROWS_MAX = 400
PAYERS_PEOPLE = 1_000
"""People whom all registers pay for, so that their ledgers are written again and again."""
DELTA_PEOPLE = 300
"""People of one delta, of no other: it is there when one of them is insured."""
_BAD_SHARE = 0.05


@dataclass(frozen=True)
class Sent:
    """A register, and what must become of it."""

    register: Register
    payments: Mapping[int, tuple[str, int]]
    """IIN and amount of the lines that are payments."""
    accepted: RowTotals
    suspended: RowTotals


@dataclass(frozen=True)
class SentDelta:
    """A delta, and what must become of it."""

    header: SyncHeader
    records: list[CategoryRecord]
    people: list[str]
    """Those who are insured once it is applied."""


def iin(position: int) -> str:
    """Return the IIN of a person, another one for every position below 500,000."""
    for seventh in "3456":
        stem = f"{50 + position // 10_000:02d}0101{seventh}{position % 10_000:04d}"
        digit = check_digit(stem)
        if digit is not None:
            return f"{stem}{digit}"
    raise AssertionError("no number of these four has a check digit")


def reference(number: int) -> str:
    """Return the reference of a register."""
    return f"GCVP-{number:011d}"


def register(seed: int, number: int) -> Sent:
    """Return the register of a number: 1 to 400 rows, some of them bad."""
    moments = random.Random(f"register {seed} {number}")
    count = moments.choice((1, moments.randint(1, 20), moments.randint(1, ROWS_MAX)))
    rows: list[PaymentRow] = []
    payments: dict[int, tuple[str, int]] = {}
    for line_no in range(1, count + 1):
        person = iin(moments.randrange(PAYERS_PEOPLE))
        period = f"{moments.randint(2020, 2025)}-{moments.randint(1, 12):02d}"
        purpose_code = ""
        amount = moments.randint(1, 1_000_000)
        if moments.random() < _BAD_SHARE:
            match moments.randrange(4):
                case 0:
                    person = f"{person[:11]}{(int(person[11]) + 1) % 10}"
                case 1:
                    period = "2025-13"
                case 2:
                    purpose_code = "999"
                case _:
                    amount = -amount
        else:
            payments[line_no] = (person, amount)
        rows.append(
            PaymentRow(
                line_no=line_no,
                iin=person,
                period=period,
                amount_tiyn=amount,
                surname=f"Т{line_no}",
                purpose_code=purpose_code,
            )
        )
    total = sum(row.amount_tiyn for row in rows)
    accepted = RowTotals(len(payments), sum(amount for _, amount in payments.values()))
    return Sent(
        Register(
            source=SENDER,
            reference=reference(number),
            received_on=date(2026, 1, 10),
            payer=Payer("160940025485", "ТОО «Береке»"),
            purpose_code="122",
            declared=RegisterTotals(
                people=len({row.iin for row in rows}), documents=1, amount_tiyn=total
            ),
            rows=rows,
        ),
        payments,
        accepted,
        RowTotals(count - accepted.rows, total - accepted.amount_tiyn),
    )


def delta(seed: int, number: int) -> SentDelta:
    """Return the delta of a number: 1 to 300 pensions of people of its own, some records bad."""
    moments = random.Random(f"delta {seed} {number}")
    first = PAYERS_PEOPLE + number * DELTA_PEOPLE
    people = [iin(first + offset) for offset in range(moments.randint(1, DELTA_PEOPLE))]
    records = [
        CategoryRecord(iin=person, category="pension", assigned_on="2020-03-01")
        for person in people
    ]
    for _ in range(moments.randrange(3)):
        bad = CategoryRecord(iin="900101390009", category="pension", assigned_on="2020-03-01")
        records.insert(moments.randrange(len(records) + 1), bad)
    header = SyncHeader(
        sender=DELTA_SENDER,
        kind=SyncKind.DELTA,
        delta_number=number,
        as_of=date(2026, 1, 14),
        declared_records=len(records),
    )
    return SentDelta(header, records, people)
