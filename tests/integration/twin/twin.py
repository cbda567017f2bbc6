"""The gateway a second time, in memory: what it must tell of each deed, and be afterwards."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from osms_client import (
    Register,
    RegisterResult,
    ResolutionResults,
    Reversal,
    ReversalResults,
    SyncOutcome,
    SyncResult,
)
from tests.integration.twin import knowledge
from tests.integration.twin.deeds import Deed, Question, Refused, Release, Resolve, Sync, Told
from tests.integration.twin.feeds import Feeds, in_order
from tests.integration.twin.money import Money


@dataclass(frozen=True)
class Twin:
    """Everything that was committed, in the order of its revisions; only replaced."""

    newest: int
    """The newest revision."""
    feeds: Feeds
    money: Money = field(default_factory=Money)
    instants: tuple[tuple[datetime, int], ...] = ()
    """When revisions were recorded, as far as the gateway said so, ascending."""
    group: datetime | None = None
    """When the newest revision was recorded, if other registers may still share it."""

    def expect(self, deed: Deed, told: Told) -> "tuple[object, Twin | None]":
        """Return what must be told of a deed that comes now, and the twin after it.

        Taken from what was told is only what the gateway alone can know: the revision (which must
        be a new one), the instant, the run. None instead of a twin: that is not told now.
        """
        should, after = self._judge(deed, told)
        if isinstance(deed, Question):
            return should, self if self.sees(deed, told) else None
        if should != settled(told):
            return should, None
        return should, self._numbered(after, deed, told)

    def _judge(self, deed: Deed, told: Told) -> "tuple[object, Twin]":
        match deed, told:
            case Register(), RegisterResult():
                should, money = self.money.take(deed, told)
                return should, replace(self, money=money)
            case Resolve(), ResolutionResults():
                results, money = self.money.resolve(deed, told)
                return results, replace(self, money=money)
            case Reversal(), ReversalResults():
                reversals, money = self.money.reverse(deed, told)
                return reversals, replace(self, money=money)
            case Sync(), SyncResult() | Refused():
                result, feeds = self.feeds.take(deed, told)
                return result, replace(self, feeds=feeds)
            case Release(), SyncResult() | Refused():
                result, feeds = self.feeds.release(deed, told)
                return result, replace(self, feeds=feeds)
            case Question(), tuple():
                return f"an answer at revision {self.newest}", self
        raise TypeError(f"{type(told)} was told of {type(deed)}")

    def _numbered(self, after: "Twin", deed: Deed, told: Told) -> "Twin | None":
        """Return the twin with its new revision, if what was told makes one that is new."""
        if (after.money, after.feeds) == (self.money, self.feeds):
            return self
        if isinstance(told, SyncResult) and told.outcome is SyncOutcome.HELD:
            return after
        revision, instant = revision_of(told), _instant_of(told)
        if revision == self.newest and isinstance(deed, Register) and instant == self.group:
            return after
        if revision <= self.newest:
            return None
        instants = self.instants
        if instant is not None:
            if instants and instants[-1][0] >= instant:
                return None
            instants = (*instants, (instant, revision))
        group = instant if isinstance(deed, Register) else None
        return replace(after, newest=revision, instants=instants, group=group)

    def sees(self, question: Question, told: Told) -> bool:
        """Tell whether a question was answered as of now, or of the time that it names."""
        revision = self.newest
        if question.known is not None:
            revision = self.revision_at(question)
        return revision_of(told) == revision

    def revision_at(self, question: Question) -> int:
        """Return the revision up to which a question's knowledge reaches."""
        known = question.known
        if isinstance(known, int):
            return known
        assert isinstance(known, datetime)
        return max(revision for instant, revision in self.instants if instant <= known)

    def prove(self, question: Question, told: Told) -> None:
        """Assert that every answer is the oracle's from the facts of the revision it carries."""
        assert isinstance(told, tuple)
        assert [answer.iin for answer in told] == list(question.iins)
        for answer in told:
            should = knowledge.expected(
                self.money, self.feeds, answer.iin, question.day, answer.revision
            )
            assert knowledge.shown(answer) == should, f"{question}, known: {self._of(answer.iin)}"

    def standing(self, clock: datetime) -> "Twin":
        """Return the twin after its clock stood a moment longer, with no group to join."""
        later = clock.astimezone(UTC) + timedelta(seconds=30)
        return replace(self, group=None, instants=(*self.instants, (later, self.newest)))

    def on_a_new_day(self, clock: datetime, revision: int) -> "Twin":
        """Return the twin after its gateway made a revision of the day that has begun."""
        instants = (*self.instants, (clock.astimezone(UTC), revision))
        return replace(self, newest=revision, instants=instants)

    def _of(self, iin: str) -> str:
        paid = [f"{place} {payment}" for place, payment in self.money.payments_of(iin)]
        taken = [str(each) for each in self.money.taken.values() if each.line.payment.iin == iin]
        spans = [f"{key} {span}" for key, span in self.feeds.spans.items() if key.iin == iin]
        return "\n".join(["", *paid, *taken, *spans])


def settled(told: Told) -> Told:
    """Return what was told without what no rule settles."""
    if isinstance(told, Refused):
        # Of several outdated parts of a scope any may be named.
        return Refused(told.reason, {k: v for k, v in told.metadata.items() if k != "scope"})
    if isinstance(told, SyncResult):
        again = told.outcome is SyncOutcome.ALREADY_APPLIED
        return replace(told, shrink=() if again else in_order(told.shrink))
    return told


def revision_of(told: Told) -> int:
    """Return the revision that was told; 0 if there is none."""
    if isinstance(told, tuple):
        (revision,) = {answer.revision for answer in told}
        return revision
    return 0 if isinstance(told, Refused) else told.revision


def _instant_of(told: Told) -> datetime | None:
    match told:
        case RegisterResult():
            return told.committed_at
        case SyncResult():
            return told.applied_at
    return None
