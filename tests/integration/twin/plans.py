"""What clients do, drawn as words and numbers, made from what the twin knows.

What is drawn never depends on what the gateway did, so that hypothesis can draw it again.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from hypothesis import strategies as st

from osms.values import almaty_date
from tests.integration.twin.cast import Cast, some
from tests.integration.twin.deeds import Deed, Question, Release
from tests.integration.twin.feed_plans import FeedPlans
from tests.integration.twin.money_plans import MoneyPlans
from tests.integration.twin.twin import Twin

_words = (
    *("pays", "pays", "pays", "pays in part badly", "pays in part badly", "pays again"),
    *("pays again", "pays otherwise", "miscounts", "resolves", "resolves", "reverses"),
    *("reverses", "reverses", "reverses again", "delta", "delta", "delta again", "delta otherwise"),
    *(
        "delta ahead",
        "snapshot",
        "snapshot",
        "snapshot again",
        "releases",
        "releases",
        "asks",
        "asks",
        "asks",
    ),
)
Word = tuple[str, int]
"""What to do, and a number that settles the rest."""

_numbers = st.integers(0, 9_999)
_words_drawn: st.SearchStrategy[Word] = st.tuples(st.sampled_from(_words), _numbers)
_apart = st.lists(st.lists(_words_drawn, min_size=1, max_size=2), min_size=1, max_size=4)
_alike = st.tuples(_words_drawn, st.integers(2, 4)).map(lambda drawn: [[drawn[0]]] * drawn[1])
plans: st.SearchStrategy[list[list[Word]]] = st.one_of(_apart, _apart, _alike)
"""What each client does: anything, or all of them the same kind of thing."""


class Planner:
    """Makes the deeds of one step; knows those that it made before in the same step."""

    def __init__(self, cast: Cast, twin: Twin, now: datetime, *, step: int) -> None:
        self._cast = cast
        self._step = step
        self._twin = twin
        self._now = now
        self._today = almaty_date(now)
        self._money = MoneyPlans(cast, twin.money, self._today)
        self._feeds = FeedPlans(cast, twin.feeds, self._today)

    def deeds(self, client: int, plan: Iterable[Word]) -> list[Deed]:
        """Return what one client does."""
        # Hypothesis likes to draw one number many times: it shall not mean the same each time.
        return [
            self._deed(word, Random(f"{number} {self._step} {client} {turn}"))
            for turn, (word, number) in enumerate(plan)
        ]

    def _deed(self, word: str, random: Random) -> Deed:
        money, feeds = self._money, self._feeds
        match word:
            case "pays again" if money.registers:
                return random.choice(money.registers[-4:])
            case "pays otherwise" if money.registers:
                return money.otherwise(random)
            case "miscounts":
                return money.miscounted(random)
            case "resolves" if money.suspended():
                return money.resolution(random)
            case "reverses" if money.registers:
                return money.reversal(random)
            case "reverses again" if money.reversals or self._twin.money.taken:
                return money.reversal_again(random)
            case "snapshot":
                return feeds.snapshot(random)
            case "snapshot again" if feeds.snapshots:
                return random.choice(feeds.snapshots[-3:])
            case "releases" if self._twin.feeds.held:
                return Release(random.choice([*self._twin.feeds.held, 1_000_000]))
            case "asks":
                return self._question(random)
            case _ if word.startswith("delta"):
                return feeds.delta(word, random)
        return money.register(random, bad=word == "pays in part badly")

    def questions_back(self, number: int, count: int) -> list[Question]:
        """Return questions about times that are remembered, and about now."""
        random = Random(f"{number} {self._step}")
        # A revision of this very moment may lie a little after the clock, which stands.
        known = [each for each in self._twin.instants if each[0] <= self._now]
        questions = []
        for _ in range(count):
            instant, revision = random.choice(known)
            as_of = random.choice((None, revision, instant))
            questions.append(replace(self._question(random), known=as_of))
        return questions

    def _question(self, random: Random) -> Question:
        people = tuple(some(random, [*self._cast.people, self._cast.crowd[0]], 4))
        day = self._today + timedelta(random.choice((0, 0, -300, -100, -30, 30, 45, 90, 300)))
        return Question(people, day)
