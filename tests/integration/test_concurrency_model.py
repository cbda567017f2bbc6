"""Clients that act at the same moment, against a twin of the gateway in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import Phase, event, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from osms_client import SyncOutcome, SyncResult
from osms_client.testing import RunningGateway
from tests.integration.people import new_iin
from tests.integration.twin.cast import SCOPE, Cast
from tests.integration.twin.deeds import Lane, Question, outcomes_of, references_of
from tests.integration.twin.feed_plans import snapshot_of
from tests.integration.twin.feeds import CLOSE_MIN, Feeds, Version, key_of
from tests.integration.twin.orders import contradiction, explanations
from tests.integration.twin.plans import Planner, Word, plans
from tests.integration.twin.stage import Stage, staged
from tests.integration.twin.twin import Twin

EXAMPLES_SHARE = 6
"""So many times fewer examples than elsewhere: each is a dozen meetings with a real process."""
STEPS = 10
PEOPLE = 4
"""Few, so that what is done to them meets."""
PAUSES = st.sampled_from(
    [timedelta(0), timedelta(0), timedelta(minutes=1), timedelta(hours=5), timedelta(days=1)]
)
"""How long clients do nothing before they meet."""
CROWD = tuple(new_iin() for _ in range(CLOSE_MIN + 2))


@pytest.fixture
def stage(gateway: RunningGateway) -> Iterator[Stage]:
    """The module's gateway with clients of its own."""
    with staged(gateway) as opened:
        yield opened


class Clients(RuleBasedStateMachine):
    """Lets clients meet, and compares what they were told with a twin.

    Every example has people, references and a week of its own; of the others it inherits only the
    numbers of the deltas. Its first snapshot closes what they left open.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.steps = 0

    @initialize(number=st.integers(0, 9_999))
    def begin(self, number: int) -> None:
        """Begin with a crowd for whom the state pays, and with a few registers and a delta."""
        with self.stage.remembering():
            self.open_feeds()
        lives = [[("pays", number)], [("pays in part badly", number)], [("delta", number)]]
        self.meet(lives, timedelta(0))

    def open_feeds(self) -> None:
        """Close what other examples left open, with a snapshot of the crowd alone."""
        stage = self.stage
        stage.move_clock(timedelta(days=6))
        people = tuple(new_iin() for _ in range(PEOPLE))
        self.cast = Cast(people, CROWD, stage.today)
        first = snapshot_of(self.cast.crowd_records(), SCOPE, stage.today - timedelta(days=4))
        ((_, told),) = stage.meet([[first]])[0]
        assert isinstance(told, SyncResult)
        assert told.outcome is SyncOutcome.APPLIED
        assert told.applied_at is not None
        numbers, held = stage.standing_feeds()
        assert not held
        opened = Version(None, "", "", told.revision)
        feeds = Feeds(
            numbers=numbers,
            spans={key_of(record, first.header): (opened,) for record in first.records},
            snapshots=((first, told),),
        )
        opened_at = ((told.applied_at, told.revision),)
        # That lies a little after the clock, where the revision of the day came first.
        self.twin = Twin(told.revision, feeds, instants=opened_at).standing(stage.now)
        stage.move_clock(timedelta(minutes=1))

    @rule(plans=plans, pause=PAUSES)
    def meet(self, plans: Sequence[Sequence[Word]], pause: timedelta) -> None:
        """Let up to four clients act at once, and find the order that explains what they hear."""
        if pause:
            day = self.stage.today
            self.twin = self.twin.standing(self.stage.now)
            self.stage.move_clock(pause)
            if self.stage.today != day:
                begun = self.stage.day_after(self.twin.newest)
                self.twin = self.twin.on_a_new_day(self.stage.now, begun)
        with self.stage.remembering():
            self.act(plans)

    def act(self, plans: Sequence[Sequence[Word]]) -> None:
        """Let clients act, and go on with the twin that explains what they heard."""
        planner = self.planner()
        lanes = self.stage.meet([planner.deeds(client, plan) for client, plan in enumerate(plans)])
        for lane in lanes:
            for deed, told in lane:
                for outcome in outcomes_of(told):
                    event(f"{type(deed).__name__}: {outcome}")
        numbers, held = self.stage.standing_feeds()
        before = replace(self.twin, group=None)
        orders = explanations(before, lanes)
        # Which of two equal snapshots is held, only the gateway can tell.
        fits = (twin for twin in orders if twin.feeds.stands(numbers, held))
        after = next(fits, None)
        feeds = f"deltas {numbers}, held {held}"
        assert after is not None, f"{contradiction(before, lanes)}\n{feeds}"
        self.twin = after
        self.prove(lanes)

    @rule(number=st.integers(0, 9_999))
    def look_back(self, number: int) -> None:
        """Ask about now and about earlier, while nothing happens."""
        with self.stage.remembering():
            self.ask(*self.planner().questions_back(number, 3))

    def planner(self) -> Planner:
        """Return what makes the deeds of the next step."""
        self.steps += 1
        return Planner(self.cast, self.twin, self.stage.now, step=self.steps)

    def ask(self, *questions: Question) -> None:
        """Assert that answers are the oracle's, of the very time that was asked for."""
        lanes = self.stage.meet([[question] for question in questions])
        assert any(explanations(self.twin, lanes)), contradiction(self.twin, lanes)
        for question, told in (pair for lane in lanes for pair in lane):
            assert isinstance(question, Question)
            self.twin.prove(question, told)

    def prove(self, lanes: Sequence[Lane]) -> None:
        """Assert that answers, registers and payments are as in the twin."""
        deeds = [pair for lane in lanes for pair in lane]
        for deed, told in deeds:
            if isinstance(deed, Question):
                self.twin.prove(deed, told)
        money = self.twin.money
        references = sorted({name for deed, _ in deeds for name in references_of(deed)})
        committed = [name for name in references if name in money.registers]
        soon = self.stage.today + timedelta(days=35)
        self.ask(*(Question(self.cast.people, day) for day in (self.stage.today, soon)))
        standing = self.stage.registers(committed)
        assert standing == [money.summary(reference) for reference in committed]
        if committed:
            for iin, listed in self.stage.payments(self.cast.people).items():
                assert listed == money.listed(iin)


def test_clients_that_meet_are_told_what_some_order_explains(stage: Stage) -> None:
    """Whatever clients do at once, each is told what a twin tells that does it one by one."""
    search = settings(
        max_examples=settings().max_examples // EXAMPLES_SHARE,
        stateful_step_count=STEPS,
        # Shrinking would play hundreds of examples, and a race need not come again in any of them.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
    try:
        run_state_machine_as_test(lambda: Clients(stage), settings=search)  # type: ignore[arg-type] # made anew for each example
    except Flaky as flaky:
        raise stage.failure or flaky from flaky
