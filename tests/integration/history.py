"""Facts that a gateway learns one after the other, each at its own moment."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from osms.values import ALMATY, first_day, format_month, parse_month
from osms_client import (
    CategoryRecord,
    Gateway,
    Payer,
    PaymentKey,
    PaymentRow,
    Purpose,
    Register,
    RegisterTotals,
    Reversal,
    ReversalLine,
    SyncHeader,
    SyncKind,
)
from osms_client.testing import RunningGateway
from tests.integration.people import new_iin, new_reference

SOURCE = "state_corporation"
AMOUNT_TIYN = 425_000


def at_noon(day: date) -> datetime:
    """Return noon of a day in Almaty."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=ALMATY)


def months(first: str, last: str) -> list[str]:
    """Return the months from one to another, both included."""
    return [format_month(month) for month in range(parse_month(first), parse_month(last) + 1)]


def usual_day(period: str) -> date:
    """Return the 20th of the month after a period: when contributions usually arrive."""
    return first_day(parse_month(period) + 1) + timedelta(days=19)


def one_row(iin: str, period: str, received_on: date, **fields: Any) -> Register:
    """Return a register with one payment."""
    return Register(
        source=SOURCE,
        reference=new_reference(),
        received_on=received_on,
        payer=Payer("160940025485", "ТОО «Береке»"),
        purpose_code="122",
        declared=RegisterTotals(people=1, documents=1, amount_tiyn=AMOUNT_TIYN),
        rows=[PaymentRow(line_no=1, iin=iin, period=period, amount_tiyn=AMOUNT_TIYN, **fields)],
    )


class History:
    """Collects what happens and when, and plays it to a gateway in the order of time."""

    def __init__(self, gateway: RunningGateway, sdk: Gateway) -> None:
        self._gateway = gateway
        self._sdk = sdk
        self._events: list[tuple[datetime, Callable[[], object]]] = []
        self._numbers: dict[str, int] = {}

    def on(self, day: date, happens: Callable[[], object]) -> None:
        """Let something happen at noon of a day."""
        self._events.append((at_noon(day), happens))

    def pays(
        self, iin: str, periods: Iterable[str], received_on: date | None = None, **fields: Any
    ) -> list[PaymentKey]:
        """Let a person pay months, each on its usual day or all on one; return the payments."""
        keys = []
        for period in periods:
            day = received_on or usual_day(period)
            register = one_row(iin, period, day, **fields)
            self.on(day, lambda register=register: list(self._sdk.ingest([register])))  # type: ignore[misc] # bound now
            keys.append(PaymentKey(source=SOURCE, reference=register.reference, line_no=1, iin=iin))
        return keys

    def takes_back(self, payment: PaymentKey, day: date) -> None:
        """Let a whole payment be reversed."""
        line = ReversalLine(
            line_no=1, payment=payment, amount_tiyn=AMOUNT_TIYN, reason_code="00111"
        )
        reversal = Reversal(
            source=SOURCE, reversal_reference=new_reference(), reversed_on=day, lines=(line,)
        )
        self.on(day, lambda: self._sdk.reverse_payments(reversal))

    def reports(self, sender: str, day: date, *records: CategoryRecord) -> None:
        """Let a source send its next delta; without records it says that nothing changed."""
        number = self._numbers[sender] = self._numbers.get(sender, 0) + 1
        header = SyncHeader(
            sender=sender,
            kind=SyncKind.DELTA,
            delta_number=number,
            as_of=day,
            declared_records=len(records),
        )
        self.on(day, lambda: self._sdk.sync(header, records))

    def play(self, until: date) -> None:
        """Let everything happen in order, then leave the clock standing at noon of a day."""
        last = at_noon(until)
        for instant, happens in sorted(self._events, key=lambda event: event[0]):
            self._gateway.set_clock(instant)
            happens()
            last = instant
        before = self._revision()
        self._gateway.set_clock(at_noon(until))
        # The day begins with a revision of its own, lest that come between two answers.
        while last.date() < until and self._revision() == before:
            continue

    def _revision(self) -> int:
        return self._sdk.lookup(new_iin(), purpose=Purpose.AUDIT).revision
