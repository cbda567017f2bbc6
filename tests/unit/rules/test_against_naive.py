"""Random lives, decided by the rules and by the naive decision alike."""

from datetime import date, datetime

from hypothesis import event, given, settings
from hypothesis import strategies as st
from osms_server import rules

from tests.unit.rules import ledgers, naive, strategies
from tests.unit.rules.facts import Facts

SEARCH = settings(max_examples=2 * settings().max_examples)
"""These tests look at more lives than others: they are what the rules are trusted for."""
CHANGES_MAX = 40
"""How many changes of status are followed through one life."""

DAYS = st.lists(strategies.days(), max_size=2)


def compare(facts: Facts, known_at: datetime, days: list[date]) -> None:
    """Fail at the first field that differs: on given days, and where a status begins and ends."""
    life = naive.Life(facts, known_at)
    ledger = ledgers.ledger_at(facts, known_at)

    def ask(day: date) -> date | None:
        expected = life.answer(day)
        decision = rules.decide(ledger, day, ledgers.PARAMETERS)
        assert ledgers.plain(decision) == expected, (day, ledger)
        shown = tuple(ground.value for ground in rules.redact(decision.grounds))
        assert shown == naive.redacted(expected.grounds)
        event(f"{expected.status} {expected.retention_months}")
        event(" ".join(expected.grounds))
        event(f"blocking {len(expected.blocking_months)}")
        return expected.valid_through

    for day in days:
        ask(day)
    day = strategies.FIRST_DAY
    for _ in range(CHANGES_MAX):
        last = ask(day)
        if last is None:
            break
        ask(day + (last - day) // 2)
        ask(last)
        day = last + naive.ONE_DAY


@SEARCH
@given(strategies.lives(), strategies.known_times(), DAYS)
def test_they_agree_on_any_life(facts: Facts, known_at: datetime, days: list[date]) -> None:
    """Every field is the same for a life with any facts, or none."""
    compare(facts, known_at, days)


@SEARCH
@given(strategies.lives(strategies.runs()), strategies.known_times(), DAYS)
def test_they_agree_on_gaps(facts: Facts, known_at: datetime, days: list[date]) -> None:
    """Every field is the same for who paid a run of months with holes."""
    compare(facts, known_at, days)


@SEARCH
@given(strategies.lives(strategies.long_runs()), strategies.known_times(), DAYS)
def test_they_agree_on_long_payers(facts: Facts, known_at: datetime, days: list[date]) -> None:
    """Every field is the same for who paid about sixty months in a row."""
    compare(facts, known_at, days)


@SEARCH
@given(strategies.lives(strategies.prepaid_years()), strategies.known_times(), DAYS)
def test_they_agree_on_prepayment(facts: Facts, known_at: datetime, days: list[date]) -> None:
    """Every field is the same for who paid about twelve months in advance."""
    compare(facts, known_at, days)


@given(strategies.days())
def test_the_window_of_service_dates_agrees(today: date) -> None:
    """Questions may be asked from the system's start to the end of the month a year ahead."""
    assert ledgers.PARAMETERS.window(today) == naive.date_window(today)


@given(strategies.days())
def test_a_month_counts_from_the_first_tiyn(day: date) -> None:
    """The switch that asks for a minimum payment is off."""
    assert ledgers.PARAMETERS.minimum_tiyn(ledgers.month_number(day)) == 1
