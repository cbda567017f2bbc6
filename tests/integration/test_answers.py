"""Answers about people whose facts arrived over three years, asked for on the last day of them.

The cases are those of the worked table that need history; the rest of the table is a matter of the
rules alone.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.message import Message

from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import consumer_service_pb2 as consumer_pb
from osms.v1 import core_pb2
from osms.values import ALMATY
from osms_client import (
    Eligibility,
    FundingSource,
    Gateway,
    Ground,
    IdentityMatch,
    KnownAt,
    Language,
    NextStepCode,
    Purpose,
    Reason,
    RetryLaterError,
    Status,
)
from osms_client.testing import RunningGateway
from tests.integration.gateways import serving
from tests.integration.history import AMOUNT_TIYN, History, at_noon, one_row
from tests.integration.lives import ALL_DELIVERED_ON, SENDERS, People, live
from tests.integration.people import new_iin
from tests.integration.wire import DEADLINE_S, Stubs

TODAY = date(2026, 12, 31)
FIRST_DAY = datetime(2023, 12, 1, 9, tzinfo=ALMATY)


@pytest.fixture(scope="module")
def gateway(
    prepared_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """A gateway whose clock begins before the first fact."""
    folder = tmp_path_factory.mktemp("history")
    with serving(prepared_store, folder, clock=FIRST_DAY) as running:
        yield running


@pytest.fixture(scope="module")
def people(gateway: RunningGateway, sdk: Gateway) -> People:
    """Everybody's history, played up to the last day of 2026."""
    history = History(gateway, sdk)
    living = live(history)
    history.play(TODAY)
    return living


@pytest.fixture
def ask(sdk: Gateway, people: People) -> "Ask":
    """Ask about somebody, once everything has happened."""
    return Ask(sdk)


@dataclass
class Ask:
    """Asks the questions of a bill's check."""

    sdk: Gateway

    def __call__(self, iin: str, day: str, known: KnownAt = None) -> Eligibility:
        """Return the answer for a person and a day."""
        return self.sdk.lookup(
            iin, purpose=Purpose.BILLING, service_date=date.fromisoformat(day), known=known
        )


# --- the worked cases that need history ----------------------------------------------------------


def test_a_late_payment_heals_a_past_day_but_not_what_was_known_before(
    ask: Ask, people: People
) -> None:
    """Case 5: on 1 July 2025 insured as known now, not insured as known on 9 November."""
    now = ask(people.late, "2025-07-01")
    assert (now.status, now.grounds) == (Status.INSURED, (Ground.SETTLED_MONTHS,))
    then = ask(people.late, "2025-07-01", date(2025, 11, 9))
    assert (then.status, then.grounds) == (Status.NOT_INSURED, (Ground.ARREARS,))
    assert then.blocking_months == ("2025-04",)
    assert then.restore_amount_tiyn == 425_000


def test_twelve_months_paid_before_the_first_of_them_open_it(ask: Ask, people: People) -> None:
    """Case 9: a year paid on 20 November opens the package on 1 December, not before."""
    before = ask(people.ahead, "2026-11-25")
    assert (before.status, before.grounds) == (Status.NOT_INSURED, (Ground.NO_CONTRIBUTIONS,))
    first = ask(people.ahead, "2026-12-01")
    assert (first.status, first.grounds[0]) == (Status.INSURED, Ground.PREPAID)
    last = ask(people.ahead, "2027-11-30")
    assert last.status is Status.INSURED


def test_a_run_paid_a_day_late_is_no_prepayment(ask: Ask, people: People) -> None:
    """Case 10: the last of twelve received in the first month does not open it."""
    assert ask(people.nearly_ahead, "2026-12-05").status is Status.NOT_INSURED


def test_a_reversed_payment_is_known_and_settles_nothing(ask: Ask, people: People) -> None:
    """Case 15: before the reversal one month was settled, after it none ever was."""
    before = ask(people.taken_back, "2025-12-01", date(2026, 1, 31))
    assert (before.status, before.grounds) == (Status.NOT_INSURED, (Ground.ARREARS,))
    now = ask(people.taken_back, "2025-12-01")
    assert (now.status, now.grounds) == (Status.NOT_INSURED, (Ground.NO_CONTRIBUTIONS,))


def test_a_month_paid_by_two_stays_paid_when_one_takes_it_back(
    ask: Ask, sdk: Gateway, people: People
) -> None:
    """Case 14: what counts is the net amount of the month."""
    explanation = sdk.explain(
        people.twice_paid,
        purpose=Purpose.BILLING,
        service_date=date(2026, 4, 1),
        first_month="2026-03",
        last_month="2026-03",
    )
    (month,) = explanation.months
    assert (month.paid_tiyn, len(month.payments)) == (AMOUNT_TIYN, 2)
    assert {payment.reversed_tiyn for payment in month.payments} == {0, AMOUNT_TIYN}
    assert ask(people.twice_paid, "2026-04-01").grounds == (Ground.ARREARS,)


def test_a_prepaid_month_that_was_taken_back_is_not_prepaid_by_paying_again(
    ask: Ask, people: People
) -> None:
    """Case 20: a payment received later never restores a prepayment."""
    assert ask(people.repaid, "2026-03-10").status is Status.NOT_INSURED
    unbroken = ask(people.repaid, "2026-03-10", date(2026, 1, 9))
    assert (unbroken.status, unbroken.grounds) == (Status.INSURED, (Ground.PREPAID,))


# --- what nobody may learn -----------------------------------------------------------------------


def anonymous(message: Message) -> bytes:
    """Return an answer's bytes without whom it is about, and which answer and payments it names."""
    for name in ("iin", "decision_id", "reference", "recorded_at"):
        if name in message.DESCRIPTOR.fields_by_name:
            message.ClearField(name)
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.full_name.startswith("google."):
            continue
        for part in value if isinstance(value, (list, tuple)) or hasattr(value, "add") else [value]:
            anonymous(part)
    return message.SerializeToString(deterministic=True)


def everything_about(stubs: Stubs, iin: str, day: str) -> list[bytes]:
    """Return all that a clinic can be told about a person and a day, made anonymous."""
    languages = (core_pb2.LANGUAGE_KK, core_pb2.LANGUAGE_RU, core_pb2.LANGUAGE_EN)
    purpose = core_pb2.PURPOSE_RECEPTION
    messages: list[Message] = []
    for language in languages:
        lookup = consumer_pb.LookupConsumerRequest(
            iin=iin, service_date=day, purpose=purpose, language=language, surname="Серік"
        )
        explain = consumer_pb.ExplainConsumerRequest(
            iin=iin, service_date=day, purpose=purpose, language=language
        )
        messages.append(stubs.consumers.LookupConsumer(lookup, timeout=DEADLINE_S))
        messages.append(stubs.consumers.ExplainConsumer(explain, timeout=DEADLINE_S))
    batch = consumer_pb.BatchLookupConsumersRequest(
        options=consumer_pb.LookupOptions(purpose=purpose, service_date=day),
        items=[consumer_pb.LookupItem(iin=iin)],
    )
    messages.append(stubs.consumers.BatchLookupConsumers(batch, timeout=DEADLINE_S))
    assignments = category_pb.ListAssignmentsRequest(iin=iin)
    messages.append(stubs.categories.ListAssignments(assignments, timeout=DEADLINE_S))
    return [anonymous(message) for message in messages]


@pytest.mark.parametrize(
    "day", ["2024-02-29", "2024-03-01", "2025-06-15", "2026-08-31", "2026-09-01", "2026-12-15"]
)
def test_a_serviceman_cannot_be_told_from_a_pensioner(
    stubs: Stubs, people: People, day: str
) -> None:
    """Case 13: with the same dates every byte of every answer is the same, but for the IIN."""
    for one, other in (
        (people.serviceman, people.pensioner),
        (people.in_service_and_paying, people.in_pension_and_paying),
    ):
        assert everything_about(stubs, one, day) == everything_about(stubs, other, day)


def test_inside_the_span_the_answer_is_insured_and_budget_paid(ask: Ask, people: People) -> None:
    """Case 13: a clinic is told "insured", never why."""
    answer = ask(people.serviceman, "2025-06-15")
    assert (answer.status, answer.grounds) == (
        Status.INSURED,
        (Ground.BUDGET_PAID, Ground.SETTLED_MONTHS),
    )
    assert answer.funding_source is FundingSource.OSMS_AND_GOBMP


# --- as of when ----------------------------------------------------------------------------------


def test_a_day_an_instant_and_a_revision_say_the_same_moment(
    ask: Ask, sdk: Gateway, people: People
) -> None:
    """Just before the late payment it was not known, from its own moment on it was."""
    register = sdk.get_register(people.late_payment.source, people.late_payment.reference)
    instant, revision = register.committed_at, register.revision
    before: list[KnownAt] = [date(2025, 11, 9), instant - timedelta(microseconds=1), revision - 1]
    after: list[KnownAt] = [date(2025, 11, 10), instant, revision]
    for known in before:
        assert ask(people.late, "2025-07-01", known).status is Status.NOT_INSURED
    for known in after:
        assert ask(people.late, "2025-07-01", known).status is Status.INSURED
    assert ask(people.late, "2025-07-01", revision).revision == revision
    assert ask(people.late, "2025-07-01", instant).revision == revision


def test_the_end_of_a_day_is_midnight_in_almaty(ask: Ask, people: People) -> None:
    """A day as knowledge time ends at 19:00 UTC: what comes at noon of the next is not in it."""
    last = datetime(2025, 11, 9, 18, 59, 59, 999_999, tzinfo=UTC)
    by_day = ask(people.late, "2025-07-01", date(2025, 11, 9))
    by_instant = ask(people.late, "2025-07-01", last)
    assert replace(by_day, decision_id="") == replace(by_instant, decision_id="")


def test_before_the_first_fact_everybody_is_unknown(ask: Ask, people: People) -> None:
    """Whoever is known today was once an unknown consumer, and that can still be asked."""
    answer = ask(people.late, "2025-07-01", date(2023, 12, 31))
    assert answer.status is Status.UNKNOWN_CONSUMER
    assert ask(people.late, "2025-07-01", 1).status is Status.UNKNOWN_CONSUMER


def test_an_unknown_consumer_is_not_said_to_be_uninsured(ask: Ask) -> None:
    """An answer, not an error: the guaranteed package, no ground, and check the number first."""
    answer = ask(new_iin(), "2026-12-31")
    assert answer.status is Status.UNKNOWN_CONSUMER
    assert answer.funding_source is FundingSource.GOBMP
    assert answer.grounds == answer.arrears_months == answer.blocking_months == ()
    assert (answer.valid_through, answer.covered_through) == (None, None)
    assert answer.next_step.code is NextStepCode.CHECK_IDENTITY


def test_the_revision_of_a_register_waits_for_it(sdk: Gateway, people: People) -> None:
    """A lookup at a payment's revision sees it; one that does not come is told at the deadline."""
    iin = new_iin()
    (result,) = sdk.ingest([one_row(iin, "2026-12", TODAY)])
    seen = sdk.lookup(iin, purpose=Purpose.RECEPTION, at_least_revision=result.revision)
    assert (seen.status, seen.revision) == (Status.NOT_INSURED, result.revision)
    with pytest.raises(RetryLaterError) as caught:
        sdk.lookup(
            iin, purpose=Purpose.RECEPTION, at_least_revision=result.revision + 1, timeout_s=0.5
        )
    assert caught.value.reason == Reason.REVISION_NOT_REACHED
    assert caught.value.metadata == {
        "revision": str(result.revision),
        "at_least_revision": str(result.revision + 1),
    }
    assert caught.value.retry_after_s


def test_a_lookup_waits_for_a_revision_that_comes_in_time(sdk: Gateway) -> None:
    """Who asks for a revision before it is there is answered as soon as it is."""
    iin = new_iin()
    (result,) = sdk.ingest([one_row(iin, "2026-11", TODAY)])
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            sdk.lookup, iin, purpose=Purpose.RECEPTION, at_least_revision=result.revision + 1
        )
        time.sleep(0.1)
        assert not asked.done()
        (later,) = sdk.ingest([one_row(iin, "2026-12", TODAY)])
        assert asked.result(timeout=5).revision == later.revision


# --- how fresh -----------------------------------------------------------------------------------

FRESH = at_noon(ALL_DELIVERED_ON)


@pytest.mark.parametrize(
    ("known", "stale", "step"),
    [
        (FRESH + timedelta(seconds=1), (), NextStepCode.PAY_ARREARS),
        (FRESH + timedelta(hours=35), (), NextStepCode.PAY_ARREARS),
        (FRESH + timedelta(hours=37), SENDERS, NextStepCode.ASK_FUND),
        (None, SENDERS, NextStepCode.ASK_FUND),
    ],
)
def test_late_sources_are_named_and_change_the_next_step(
    ask: Ask, people: People, known: KnownAt, stale: tuple[str, ...], step: NextStepCode
) -> None:
    """Whoever is not insured is sent to the Fund while the reason may be a feed that is late."""
    answer = ask(people.repaid, "2026-03-10", known)
    assert answer.status is Status.NOT_INSURED
    assert answer.stale_sources == stale
    assert answer.next_step.code is step


def test_every_feed_says_when_it_was_last_heard_of(sdk: Gateway, people: People) -> None:
    """Registers count as late after 72 hours, categories after 36."""
    feeds = {(feed.source, feed.feed): feed for feed in sdk.list_sources()}
    assert {source for source, _ in feeds} == set(SENDERS)
    for (source, kind), feed in feeds.items():
        assert feed.stale_after_hours == (72 if kind == "REGISTERS" else 36)
        assert feed.stale == (kind == "CATEGORIES")
        if kind == "CATEGORIES":
            assert feed.last_applied_at is not None
            assert feed.last_applied_at - FRESH < timedelta(seconds=1)
            assert feed.last_as_of == ALL_DELIVERED_ON
        else:
            assert source == "state_corporation"


# --- whom and how --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("surname", "born", "match"),
    [
        ("Ёлкина", None, IdentityMatch.MATCH),
        ("ЕЛКИНА", date(1990, 1, 1), IdentityMatch.MATCH),
        ("Елкин", None, IdentityMatch.MISMATCH),
        ("Ёлкина", date(1991, 1, 1), IdentityMatch.MISMATCH),
        ("", date(1990, 1, 1), IdentityMatch.MATCH),
        ("", None, None),
    ],
)
def test_a_stated_identity_is_compared_with_what_payments_said(
    sdk: Gateway, people: People, surname: str, born: date | None, match: IdentityMatch | None
) -> None:
    """One wrong digit often names another real person; the caller learns only fits or not."""
    answer = sdk.lookup(people.late, purpose=Purpose.RECEPTION, surname=surname, birth_date=born)
    assert answer.identity_match is match


def test_an_identity_that_was_never_said_cannot_be_compared(sdk: Gateway, people: People) -> None:
    """Nothing to compare with is neither a match nor a mismatch; nor is what came later."""
    for iin in (people.ahead, new_iin()):
        answer = sdk.lookup(iin, purpose=Purpose.RECEPTION, surname="Ёлкина")
        assert answer.identity_match is IdentityMatch.NOT_KNOWN
    early = sdk.lookup(
        people.late, purpose=Purpose.BILLING, surname="Ёлкина", known=date(2025, 5, 1)
    )
    assert early.identity_match is IdentityMatch.NOT_KNOWN


def test_texts_are_kazakh_unless_another_language_is_asked_for(
    sdk: Gateway, people: People
) -> None:
    """The sentence, the next step and the rule come in kk, ru and en, the answer is the same."""
    asked = [
        sdk.explain(people.late, purpose=Purpose.SELF_SERVICE, language=language)
        for language in Language
    ]
    texts = [
        (a.eligibility.text, a.eligibility.next_step.text, a.rule.text, a.rule.legal_reference)
        for a in asked
    ]
    for position in range(3):
        assert len({text[position] for text in texts}) == len(Language)
    assert all(all(text) for text in texts)
    default = sdk.lookup(people.late, purpose=Purpose.SELF_SERVICE)
    assert default.text == asked[0].eligibility.text
    assert len({(a.eligibility.status, a.rule.number) for a in asked}) == 1
