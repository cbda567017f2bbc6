"""Random lives, decided by the rules and by the naive decision alike."""

from datetime import date, datetime

from hypothesis import event, given
from hypothesis import strategies as st

from osms_server import rules
from tests.unit.rules import ledgers, naive, strategies
from tests.unit.rules.facts import Facts

CHANGES_MAX = 40
"""How many changes of status are followed through one life."""

DAYS_INTO_A_STATUS = (26, 45, 80, 110, 140, 200, 300, 500)
"""How long after a change of status more is asked: what is owed grows while the status stays."""

DAYS = st.lists(strategies.days(), max_size=2)


COUNTING_STATE_MONTHS = ledgers.parameters_with(
    "long_payer_counts_state_months", value=True, start=naive.LONG_PAYER_FROM
)


def compare(
    life: naive.Life,
    ledger: rules.Ledger | None,
    days: list[date],
    parameters: rules.Parameters = ledgers.PARAMETERS,
) -> None:
    """Fail at the first field that differs, on given days and from each change to the next."""

    def ask(day: date) -> date | None:
        expected = life.answer(day)
        decision = rules.decide(ledger, day, parameters)
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
        for offset_days in DAYS_INTO_A_STATUS:
            if last is None or day + offset_days * naive.ONE_DAY < last:
                ask(day + offset_days * naive.ONE_DAY)
        if last is None:
            break
        ask(last)
        day = last + naive.ONE_DAY


@given(strategies.lives(), strategies.known_times(), DAYS)
def test_they_agree_on_any_life(facts: Facts, known_at: datetime, days: list[date]) -> None:
    """Every field is the same for a life with any facts, or none."""
    compare(naive.Life(facts, known_at), ledgers.ledger_at(facts, known_at), days)


@given(strategies.lives(strategies.runs()), strategies.known_times(), DAYS)
def test_they_agree_on_gaps(facts: Facts, known_at: datetime, days: list[date]) -> None:
    """Every field is the same for who paid a run of months with holes."""
    compare(naive.Life(facts, known_at), ledgers.ledger_at(facts, known_at), days)


@given(
    st.one_of(strategies.lives(strategies.long_runs()), strategies.mixed_runs()),
    strategies.known_times(),
    DAYS,
)
def test_they_agree_on_long_payers(facts: Facts, known_at: datetime, days: list[date]) -> None:
    """Every field is the same for who paid about sixty months in a row."""
    compare(naive.Life(facts, known_at), ledgers.ledger_at(facts, known_at), days)


@given(strategies.lives(strategies.prepaid_years()), strategies.known_times(), DAYS)
def test_they_agree_on_prepayment(facts: Facts, known_at: datetime, days: list[date]) -> None:
    """Every field is the same for who paid about twelve months in advance."""
    compare(naive.Life(facts, known_at), ledgers.ledger_at(facts, known_at), days)


@given(strategies.lives(dies=True), strategies.known_times(), DAYS)
def test_they_agree_on_the_dead(facts: Facts, known_at: datetime, days: list[date]) -> None:
    """Every field is the same for who died, perhaps on the eve of a change."""
    compare(naive.Life(facts, known_at), ledgers.ledger_at(facts, known_at), days)


@given(st.one_of(strategies.mixed_runs(), strategies.lives(strategies.long_runs())), DAYS)
def test_they_agree_if_state_paid_months_count(facts: Facts, days: list[date]) -> None:
    """With the switch on, a month that the state settled counts for the sixty like a paid one."""
    known_at = strategies.FAR_FUTURE
    life = naive.Life(facts, known_at, long_payer_counts_state_months=True)
    compare(life, ledgers.ledger_at(facts, known_at), days, COUNTING_STATE_MONTHS)


@given(strategies.days())
def test_the_window_of_service_dates_agrees(today: date) -> None:
    """Questions may be asked from the system's start to the end of the month a year ahead."""
    assert ledgers.PARAMETERS.window(today) == naive.date_window(today)


@given(strategies.days())
def test_a_month_counts_from_the_first_tiyn(day: date) -> None:
    """The switch that asks for a minimum payment is off; on, it asks for the month's rate."""
    switched = ledgers.parameters_with("minimum_payment", value=True, start=naive.SYSTEM_START)
    month = ledgers.month_number(day)
    assert ledgers.PARAMETERS.minimum_tiyn(month) == 1
    assert switched.minimum_tiyn(month) == naive.rate_tiyn(day)
