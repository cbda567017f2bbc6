"""Serialized registers without end, put together from the bytes of rows made once.

A register of 5,000 rows takes a few milliseconds, so that the load does not bound the gateway.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice

from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as pb
from tests.benchmarks.people import Person

AMOUNT_TIYN = 425_000
_IIN, _BIRTH_DATE, _PERIOD = "000000000001", "0000-00-02", "0000-03"
"""What stands in a row's bytes where the person and the month go; each has its final length."""
_REGISTER_TAG = b"\x0a"


def register_message(reference: str, people: Sequence[Person], period: str) -> bytes:
    """Return the message of a whole register that pays one month for each of these people."""
    header = pb.Register(
        source="state_corporation",
        reference=reference,
        received_on="2026-12-20",
        payer=core_pb2.Payer(bin="160940025485", name="Employer"),
        purpose_code="122",
        declared=pb.RegisterTotals(
            people=len(people), documents=1, amount_tiyn=AMOUNT_TIYN * len(people)
        ),
    )
    parts = [header.SerializeToString()]
    month = period.encode()
    for line_no, (iin, birth_date) in enumerate(people, 1):
        before_iin, before_birth_date, before_period, rest = _row(line_no)
        parts += (before_iin, iin.encode(), before_birth_date, birth_date.encode())
        parts += (before_period, month, rest)
    register = b"".join(parts)
    return _REGISTER_TAG + _varint(len(register)) + register


def register_messages(
    prefix: str, people: Iterable[Person], period: str, sizes: Iterable[int]
) -> Iterator[bytes]:
    """Yield registers of these sizes until the people, each of whom is in one, end."""
    position = iter(people)
    for number, size in enumerate(sizes):
        some = list(islice(position, size))
        if not some:
            return
        yield register_message(f"{prefix}-{number}", some, period)


@cache
def _row(line_no: int) -> tuple[bytes, ...]:
    """Return the bytes of a row, with its tag in a register, around its three holes."""
    row = pb.PaymentRow(
        line_no=line_no,
        iin=_IIN,
        surname="Сейткали",
        given_name="Айгерим",
        patronymic="Маратқызы",
        birth_date=_BIRTH_DATE,
        period=_PERIOD,
        amount_tiyn=AMOUNT_TIYN,
    )
    rest = pb.Register(rows=[row]).SerializeToString()
    parts = []
    for hole in (_IIN, _BIRTH_DATE, _PERIOD):
        before, _, rest = rest.partition(hole.encode())
        parts.append(before)
    return (*parts, rest)


def _varint(number: int) -> bytes:
    """Return a length as the wire has it: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
