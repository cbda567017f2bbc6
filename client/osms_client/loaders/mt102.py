"""Registers of MT-102 files. A file may hold several messages, each a register of its own."""

from collections.abc import Iterator
from pathlib import Path

from osms_client.loaders.errors import FileError
from osms_client.loaders.mt102_message import Message, Row
from osms_client.loaders.text import Lines, detect_encoding
from osms_client.registers import Payer, PaymentRow, Register, RegisterTotals

REGISTER_ROWS_MAX = 100_000
"""Rows the contract allows. Above it people are not counted on: the register is refused anyway,
and counting them would need memory without a limit."""


class Mt102File:
    """Reads a file in constant memory: each message twice, first its totals, then its rows."""

    def __init__(self, path: Path, *, source: str) -> None:
        self.path = path
        self._source = source
        self.bytes_read = 0
        """How far the file has been read."""

    def registers(self) -> Iterator[Register]:
        """Yield the registers; raises FileError at the first broken one, before it is yielded."""
        encoding = detect_encoding(self.path)
        with self.path.open("rb") as file:
            lines = Lines(self.path, file, encoding)
            found = 0
            while True:
                start, number = lines.offset, lines.number
                message, totals = _measure(lines)
                if totals is None:
                    break
                found += 1
                end, end_number = lines.offset, lines.number
                lines.go_to(start, number)
                yield self._register(message, totals, lines)
                lines.go_to(end, end_number)  # whether or not all rows were taken
                self.bytes_read = end
            if not found:
                raise FileError(self.path, "an MT-102 message: it holds none")

    def _register(self, message: Message, totals: RegisterTotals, lines: Lines) -> Register:
        if message.received_on is None:
            raise AssertionError("a measured message has a date")
        return Register(
            source=self._source,
            reference=message.reference,
            received_on=message.received_on,
            payer=Payer(message.payer_bin, message.payer_name),
            purpose_code=message.purpose_code,
            declared=totals,
            rows=(_payment_row(row, message) for row in Message().rows(lines)),
        )


def _measure(lines: Lines) -> tuple[Message, RegisterTotals | None]:
    """Read a message to its end; the totals are None if there is no further one."""
    message = Message()
    people: set[str] = set()
    rows = 0
    for row in message.rows(lines):
        rows += 1
        if rows <= REGISTER_ROWS_MAX:
            people.add(row.iin)
    if not message.first_line:
        return message, None
    if not rows:
        raise FileError(lines.path, "rows (:21:) in the message", line=message.first_line)
    totals = RegisterTotals(people=len(people), documents=1, amount_tiyn=message.amount_tiyn)
    return message, totals


def _payment_row(row: Row, message: Message) -> PaymentRow:
    return PaymentRow(
        line_no=row.line_no,
        document=message.document,
        iin=row.iin,
        surname=row.surname,
        given_name=row.given_name,
        patronymic=row.patronymic,
        birth_date=row.birth_date,
        period=row.period or message.period,
        amount_tiyn=row.amount_tiyn or 0,
        purpose_code=row.purpose_code,
    )
