"""The gateway of one engine, its clock, and the clients: what all examples of a test share."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from osms.values import almaty_date
from osms_client import AsyncGateway, Eligibility, FeedKind, Payment, Purpose, RegisterSummary
from osms_client.testing import RunningGateway
from tests.integration.gateways import NOW, credentials_of
from tests.integration.people import new_iin
from tests.integration.twin.deeds import SENDER, Deed, Lane, do_all
from tests.integration.twin.money import Paid, Place
from tests.integration.wire import OPERATOR

CLIENTS = 4

T = TypeVar("T")

DAY_POLL_S = 0.05


class Stage:
    """Where clients meet."""

    def __init__(
        self,
        gateway: RunningGateway,
        runner: asyncio.Runner,
        clients: Sequence[AsyncGateway],
        operator: AsyncGateway,
    ) -> None:
        self.now: datetime = NOW
        """Where the gateway's clock stands."""
        self.failure: Exception | None = None
        """The first thing that went wrong: a race that a replay need not show again."""
        self._gateway = gateway
        self._runner = runner
        self._clients = clients
        self._operator = operator

    @property
    def today(self) -> date:
        """The day on which the clock stands."""
        return almaty_date(self.now)

    @property
    def client(self) -> AsyncGateway:
        """The client that looks around when nobody else does anything."""
        return self._clients[0]

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Remember what goes wrong first."""
        try:
            yield
        except Exception as error:
            self.failure = self.failure or error
            raise

    def move_clock(self, by: timedelta) -> None:
        """Let time go on."""
        self.now += by
        self._gateway.set_clock(self.now)

    def day_after(self, revision: int) -> int:
        """Return the revision that says that a new day has begun, once it is there."""
        question = (new_iin(),)
        while True:
            (answer,) = self.run(self.client.lookup_many(question, purpose=Purpose.AUDIT))
            assert isinstance(answer, Eligibility)
            if answer.revision > revision:
                return answer.revision
            time.sleep(DAY_POLL_S)  # who asks about nobody without pause is taken for guessing

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do some work and return its result."""
        return self._runner.run(work)

    def meet(self, plans: Sequence[Sequence[Deed]]) -> list[Lane]:
        """Let each client do its own deeds, all clients at the same moment."""

        async def together() -> list[Lane]:
            pairs = zip(self._clients, plans, strict=False)
            doing = [
                asyncio.ensure_future(do_all(client, self._operator, deeds))
                for client, deeds in pairs
            ]
            await asyncio.wait(doing)  # so that nothing is under way if one of them fails
            return [await done for done in doing]

        return self.run(together())

    def standing_feeds(self) -> tuple[dict[str, int], set[int]]:
        """Return the last delta of each sender, and the runs that are held."""
        sources = self.run(self.client.list_sources())
        feeds = [feed for feed in sources if feed.feed is FeedKind.CATEGORIES]
        numbers = {feed.source: feed.next_delta_number - 1 for feed in feeds}
        return numbers, {run_id for feed in feeds for run_id in feed.held_run_ids}

    def registers(self, references: Iterable[str]) -> list[RegisterSummary]:
        """Return how registers stand now."""

        async def get() -> list[RegisterSummary]:
            calls = (self.client.get_register(SENDER, reference) for reference in references)
            return await asyncio.gather(*calls)

        return self.run(get())

    def payments(self, iins: Iterable[str]) -> dict[str, dict[Place, tuple[Paid, int]]]:
        """Return each person's payments by place, with how much of each was reversed."""

        async def listed(iin: str) -> dict[Place, tuple[Paid, int]]:
            return {
                (payment.reference, payment.line_no): (_paid(payment), payment.reversed_tiyn)
                async for payment in self.client.list_payments(iin)
            }

        async def get() -> dict[str, dict[Place, tuple[Paid, int]]]:
            people = list(iins)
            found = await asyncio.gather(*map(listed, people))
            return dict(zip(people, found, strict=True))

        return self.run(get())

    def prove_store(self) -> None:
        """Let `osms verify ledger` and `osms reconcile` prove the store, beside the gateway."""
        for command in (["verify", "ledger"], ["reconcile"]):
            finished = subprocess.run(
                [sys.executable, "-m", "osms_client.cli", *command, "--store", self._gateway.store],
                capture_output=True,
                text=True,
                check=False,
            )
            assert finished.returncode == 0, finished.stdout + finished.stderr


@contextmanager
def staged(gateway: RunningGateway) -> Iterator[Stage]:
    """Connect clients to a gateway, and prove its store once they have left."""

    async def connect(stack: AsyncExitStack) -> list[AsyncGateway]:
        opened = [AsyncGateway(gateway.target) for _ in range(CLIENTS)]
        opened.append(AsyncGateway(gateway.target, credentials=credentials_of(OPERATOR)))
        return [await stack.enter_async_context(client) for client in opened]

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            *clients, operator = runner.run(connect(stack))
            stage = Stage(gateway, runner, clients, operator)
            yield stage
        finally:
            runner.run(stack.aclose())
        stage.prove_store()


def _paid(payment: Payment) -> Paid:
    return Paid(
        payment.iin,
        payment.period,
        payment.received_on,
        payment.amount_tiyn,
        payment.purpose_code,
        payment.revision,
    )
