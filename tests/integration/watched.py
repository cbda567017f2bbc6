"""A gateway in the test's own process, which looks and speaks often, and what it tells."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from osms_client import (
    AsyncGateway,
    CategoryRecord,
    Change,
    Changes,
    Checkpoint,
    ConsumerState,
    FeedKind,
    PaymentKey,
    PaymentRow,
    RegisterTotals,
    Reversal,
    ReversalLine,
    States,
    SyncHeader,
    SyncKind,
    WatchEvent,
)
from osms_client.testing import PLAIN_CLIENT
from osms_server.bootstrap import running_gateway
from osms_server.settings import Settings
from tests.integration.gateways import NOW
from tests.integration.history import AMOUNT_TIYN, SOURCE, months, one_row
from tests.integration.people import new_reference


class House:
    """A store that is served, stopped and served again, with a clock that stands until moved."""

    def __init__(self, store: str, folder: Path) -> None:
        self._clock = folder / "clock"
        self._number = 0
        self.settings = Settings(
            store=store,
            listen="127.0.0.1:0",
            plain_client=PLAIN_CLIENT,
            test_clock=self._clock,
            tell_every_s=0.02,
            checkpoint_every_s=0.05,
            shutdown_grace_s=5,
        )
        self.set_clock(NOW)

    def set_clock(self, instant: datetime) -> None:
        """Let the clock stand at an instant."""
        written = self._clock.with_suffix(".new")
        written.write_text(instant.isoformat(), encoding="ascii")
        written.replace(self._clock)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve, on the same address every time, and return that."""
        async with running_gateway(self.settings) as gateway:
            self.settings = self.settings.model_copy(update={"listen": gateway.address})
            yield gateway.address

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncGateway]:
        """Serve, and connect the SDK."""
        async with self.serve() as target, AsyncGateway(target) as sdk:
            yield sdk

    async def pay(
        self, sdk: AsyncGateway, iin: str, first: str, last: str
    ) -> tuple[int, PaymentKey]:
        """Let a person pay months by one register; return its revision and the last payment."""
        periods = months(first, last)
        rows = [
            PaymentRow(line_no=number, iin=iin, period=period, amount_tiyn=AMOUNT_TIYN)
            for number, period in enumerate(periods, 1)
        ]
        total = RegisterTotals(people=1, documents=1, amount_tiyn=AMOUNT_TIYN * len(rows))
        register = replace(one_row(iin, first, date(2026, 1, 10)), rows=rows, declared=total)
        (result,) = [result async for result in sdk.ingest([register])]
        reference = register.reference
        return result.revision, PaymentKey(
            source=SOURCE, reference=reference, line_no=len(rows), iin=iin
        )

    async def take_back(self, sdk: AsyncGateway, payment: PaymentKey) -> int:
        """Let a payment be reversed; return the revision."""
        line = ReversalLine(
            line_no=1, payment=payment, amount_tiyn=AMOUNT_TIYN, reason_code="00111"
        )
        reversal = Reversal(
            source=SOURCE,
            reversal_reference=new_reference(),
            reversed_on=date(2026, 1, 12),
            lines=(line,),
        )
        return (await sdk.reverse_payments(reversal)).revision

    async def report(self, sdk: AsyncGateway, *records: CategoryRecord, sender: str) -> int:
        """Let a source send its next delta; return the revision."""
        feeds = await sdk.list_sources()
        number = next(
            feed.next_delta_number
            for feed in feeds
            if (feed.source, feed.feed) == (sender, FeedKind.CATEGORIES)
        )
        header = SyncHeader(
            sender=sender,
            kind=SyncKind.DELTA,
            delta_number=number,
            as_of=date(2026, 1, 14),
            declared_records=len(records),
        )
        return (await sdk.sync(header, records)).revision


class Listener:
    """What one watch has told so far."""

    def __init__(self, events: AsyncIterator[WatchEvent]) -> None:
        self.events = events
        self.states: dict[str, ConsumerState] = {}
        self.token = ""

    async def until(self, revision: int) -> list[Change]:
        """Return the changes told until all up to a revision were."""
        return await self._while(
            lambda event: not (isinstance(event, Checkpoint) and event.revision >= revision)
        )

    async def next_changes(self) -> list[Change]:
        """Return the next changes."""
        return await self._while(lambda event: not isinstance(event, Changes))

    async def _while(self, goes_on: Callable[[WatchEvent], bool]) -> list[Change]:
        changes: list[Change] = []
        async for event in self.events:
            self.token = event.token or self.token
            if isinstance(event, States):
                self.states |= event.states
            if isinstance(event, Changes):
                changes += event.changes
            if not goes_on(event):
                return changes
        raise AssertionError("the watch ended")


def words(changes: Sequence[Change]) -> list[tuple[str, str, str, str]]:
    """Return kind, cause, first day and new status of changes."""
    return [
        (str(change.kind), str(change.cause), str(change.effective_on), str(change.after.status))
        for change in changes
    ]
