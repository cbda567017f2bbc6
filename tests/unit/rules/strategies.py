"""Random lives, built from the pieces on which the rules turn.

Uniformly random facts would hardly ever be covered, near sixty months, or prepaid; so a life is put
together from runs of months with holes, long runs, prepaid years, penalties, and spans, all with a
liking for the days on which something changes.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from hypothesis import strategies as st

from tests.unit.rules.facts import (
    Assignment,
    Facts,
    Kind,
    Payment,
    Reversal,
    end_of_day,
    noon,
    shift,
)

FIRST_DAY = date(2020, 1, 1)
LAST_DAY = date(2028, 12, 31)
FAR_FUTURE = end_of_day(date(2040, 1, 1))
"""A knowledge time at which every fact is known."""

PARAMETER_DAYS = (
    date(2020, 1, 1),
    date(2020, 6, 30),
    date(2020, 7, 1),
    date(2022, 9, 4),
    date(2022, 9, 5),
    date(2025, 12, 31),
    date(2026, 1, 1),
)
LEAP_DAYS = (date(2020, 2, 29), date(2024, 2, 29), date(2028, 2, 29))

DAY = timedelta(days=1)
Receipt = Callable[[date], date]


def month_firsts(first: date, last: date) -> st.SearchStrategy[date]:
    """Return months between two, both included."""
    count = (last.year - first.year) * 12 + last.month - first.month
    return st.integers(0, count).map(lambda index: shift(first, index))


_MONTHS = month_firsts(FIRST_DAY, LAST_DAY)


def days() -> st.SearchStrategy[date]:
    """Return days of 2020 to 2028, often on an edge of a month, a deadline or a change of law."""
    edges = _MONTHS.flatmap(
        lambda month: st.sampled_from(
            [month, month.replace(day=25), month.replace(day=26), shift(month, 1) - DAY]
        )
    )
    return st.one_of(
        edges,
        st.dates(FIRST_DAY, LAST_DAY),
        st.sampled_from(PARAMETER_DAYS + LEAP_DAYS),
    )


def _receipts() -> st.SearchStrategy[Receipt]:
    """Return ways in which the payments of a run come in."""
    manners: list[Receipt] = [
        lambda period: shift(period, 1).replace(day=20),
        lambda period: shift(period, 5).replace(day=3),
        lambda period: period.replace(day=10),
        lambda period: period,
        lambda period: period - DAY,
        lambda period: shift(period, -2).replace(day=15),
    ]
    return st.sampled_from(manners)


_AMOUNTS = st.sampled_from([1, 100, 425_000])
_COVER_GIVING = st.sampled_from([True, True, True, True, False])


def _payment(period: date, received_on: date, amount_tiyn: int, gives_cover: bool) -> Payment:
    return Payment(period, received_on, noon(received_on), amount_tiyn, gives_cover)


@st.composite
def runs(draw: st.DrawFn) -> list[Payment]:
    """A run of months with holes, or of penalties."""
    first = draw(month_firsts(date(2019, 6, 1), date(2028, 6, 1)))
    length = draw(st.sampled_from([1, 2, 6, 10, 11, 12, 13, 14, 18, 24, 40]))
    holes = draw(st.sets(st.integers(0, length - 1), max_size=3))
    receipt, amount, cover = draw(_receipts()), draw(_AMOUNTS), draw(_COVER_GIVING)
    periods = [shift(first, i) for i in range(length) if i not in holes]
    return [_payment(period, receipt(period), amount, cover) for period in periods]


@st.composite
def long_runs(draw: st.DrawFn) -> list[Payment]:
    """About sixty months in a row that end around the time when sixty begin to matter."""
    last = draw(month_firsts(date(2025, 6, 1), date(2027, 3, 1)))
    length = draw(st.sampled_from([60, 59, 60, 61, 62, 63, 66]))
    holes = draw(st.sampled_from([(), (), (0,), (1,), (length - 2,), (length - 4,), (30,)]))
    amount = draw(_AMOUNTS)
    periods = [shift(last, -i) for i in range(length) if i not in holes]
    return [_payment(period, shift(period, 1).replace(day=20), amount, True) for period in periods]


@st.composite
def prepaid_years(draw: st.DrawFn) -> list[Payment]:
    """About twelve months paid around the first day of the first, one perhaps at another time."""
    start = draw(month_firsts(date(2021, 12, 1), date(2028, 1, 1)))
    length = draw(st.sampled_from([11, 12, 12, 12, 13, 24]))
    near = st.sampled_from([-60, -2, -1, -1, -1, 0]).map(lambda offset: start + offset * DAY)
    received_on = draw(near)
    late = draw(st.sampled_from([None, None, None, 0, 1, 6, 10, 11]))
    late_on = start + draw(st.sampled_from([-40, -1, 0, 1, 31])) * DAY
    cover = draw(_COVER_GIVING)
    return [
        _payment(shift(start, i), late_on if i == late else received_on, 425_000, cover)
        for i in range(length)
    ]


@st.composite
def reversals(draw: st.DrawFn, payments: list[Payment]) -> list[Reversal]:
    """Partial and whole reversals, never more than was paid."""
    found: list[Reversal] = []
    if not payments:
        return found
    count = draw(st.sampled_from([0, 0, 0, 1, 2, 3]))
    numbers = st.integers(0, len(payments) - 1)
    chosen = draw(st.sets(numbers, max_size=count))
    for number in sorted(chosen):
        left_tiyn = payments[number].amount_tiyn
        recorded_at = noon(payments[number].received_on + draw(st.integers(0, 400)) * DAY)
        for part in draw(st.sampled_from(["whole", "most", "in two"])).split():
            amount = {"whole": left_tiyn, "most": left_tiyn - 1, "in": left_tiyn // 2}
            amount_tiyn = amount.get(part, left_tiyn)
            if amount_tiyn > 0:
                left_tiyn -= amount_tiyn
                found.append(Reversal(number, recorded_at, amount_tiyn))
    return found


_LENGTHS_DAYS = [-400, -1, 0, 1, 1, 2, 28, 29, 30, 31, 60, 365, 366, 1_000]


@st.composite
def spans(draw: st.DrawFn, kinds: tuple[Kind, ...]) -> Assignment:
    """A span of any length, also empty or without end, of one of a few categories."""
    start = draw(st.one_of(days(), days(), st.just(date(2008, 5, 1))))
    length_days = draw(st.one_of(st.sampled_from(_LENGTHS_DAYS), st.none(), st.just("day")))
    if length_days is None:
        end = None
    elif isinstance(length_days, int):
        end = start + length_days * DAY
    else:
        end = draw(days())
    kind = draw(st.sampled_from(kinds))
    category = f"{kind}-{draw(st.sampled_from('ab'))}"
    recorded_at = noon(draw(st.one_of(st.just(start), days())))
    return Assignment(kind, start, end, recorded_at, category=category)


@st.composite
def deaths(draw: st.DrawFn, others: list[Assignment]) -> list[Assignment]:
    """One to three records of death, often on the eve of a day on which cover begins or ends."""
    edges = [other.assigned_on for other in others]
    edges += [other.removed_on for other in others if other.removed_on]
    eves = st.sampled_from([edge - DAY for edge in edges]) if edges else st.nothing()
    last_days = _MONTHS.map(lambda month: month - DAY)
    records: list[Assignment] = []
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        died_on = draw(st.one_of(eves, last_days, days()))
        voided_on = draw(st.sampled_from([None, None, None, died_on]))
        recorded_at = noon(draw(st.one_of(st.just(died_on), days())))
        records.append(Assignment(Kind.DECEASED, died_on, voided_on, recorded_at, "justice"))
    return records


SPAN_KINDS = (Kind.STATE_PAID, Kind.STATE_PAID, Kind.EXEMPT, Kind.ON_VISIT, Kind.NONE)
Block = st.SearchStrategy[list[Payment]]


@st.composite
def lives(draw: st.DrawFn, main: Block | None = None, *, dies: bool = False) -> Facts:
    """All facts about one person, in the order in which they were recorded.

    `main` is what the life is chiefly about; without it, anything or nothing. Who `dies` has a
    record of death for certain, others now and then.
    """
    anything = st.one_of(runs(), runs(), long_runs(), prepaid_years())
    few = st.integers(0, 3).map(lambda chance: max(0, chance - 1))  # none, none, one, two
    blocks = [] if main is None else [draw(main)]
    blocks += [draw(anything) for _ in range(draw(st.integers(0, 3) if main is None else few))]
    payments = [payment for block in blocks for payment in block]
    assignments = [draw(spans(SPAN_KINDS)) for _ in range(draw(few))]
    if dies or draw(st.integers(0, 9)) == 9:
        assignments += draw(deaths(assignments))
    return Facts(
        payments=tuple(payments),
        reversals=tuple(draw(reversals(payments))),
        assignments=tuple(sorted(assignments, key=lambda assignment: assignment.recorded_at)),
    )


@st.composite
def mixed_runs(draw: st.DrawFn) -> Facts:
    """About sixty months in a row, some of them settled by the state instead of paid."""
    payments = draw(long_runs())
    taken = draw(st.integers(0, len(payments) - 1))
    last = payments[taken].period
    first = shift(last, -draw(st.sampled_from([0, 0, 1, 11])))
    end = shift(last, draw(st.sampled_from([0, 1]))).replace(day=2)
    kind = draw(st.sampled_from([Kind.STATE_PAID, Kind.EXEMPT, Kind.ON_VISIT]))
    return Facts(
        payments=tuple(paid for paid in payments if not first <= paid.period <= last),
        assignments=(Assignment(kind, first, end, noon(first)),),
    )


def known_times() -> st.SearchStrategy[datetime]:
    """Return knowledge times, mostly late enough for every fact."""
    return st.integers(0, 5).flatmap(
        lambda chance: days().map(end_of_day) if chance == 5 else st.just(FAR_FUTURE)
    )
