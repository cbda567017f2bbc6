"""People who are insured because contributions were paid for them."""

from datetime import date, timedelta

from osms.values import first_day, month_of
from osms_seeds.archetypes import contributions
from osms_seeds.days import day_before, last_day
from osms_seeds.facts import Person, Reversal, Status
from osms_seeds.outcomes import KEPT_MONTHS_LONG_PAYER, after_last_settled

LONG_PAYER_MONTHS = 60
PREPAID_MONTHS = 12


def steady_employee(person: Person) -> None:
    """An employee for whom every month was paid in time; some have a second job for a while."""
    time = person.time
    contributions.by_employer(person, range(time.first_paid, time.last_paid + 1))
    if person.rng.random() < 0.15:
        since = person.some_month(time.first_paid, time.last_paid)
        second = range(since, min(since + 6, time.last_paid) + 1)
        contributions.by_employer(person, second, person.other_employer)
    _expect_steadily(person, time.last_paid)


def independent_payer(person: Person) -> None:
    """A person who pays alone: in time, always a day late, or on the last day also for this month.

    A day late is too late to be in time and soon enough for nothing else to happen.
    """
    time = person.time
    late = person.rng.random() < 0.3
    last = time.last_paid_late if late else time.last_paid
    contributions.alone(person, range(time.first_paid, last + 1), late=late)
    if person.rng.random() < 0.2:
        payer = contributions.own_payer(person)
        for period in range(last + 1, time.month + 1):
            amount_tiyn = contributions.rate_tiyn(period)
            person.pay(period, time.eve(), payer=payer, amount_tiyn=amount_tiyn)
        last = time.month
    _expect_steadily(person, last)


def two_payers(person: Person) -> None:
    """An employee with a second payer, whose payment is taken back whole or in part: still paid."""
    time = person.time
    contributions.by_employer(person, range(time.first_paid, time.last_paid + 1))
    twice = person.some_month(time.opening_month + 11, time.last_paid - 3)
    day = time.late(twice + 1)
    taken_back = person.rng.choice(
        (Reversal(day, 425_000, "00111"), Reversal(day, 95_000, "00112"))
    )
    person.pay(
        twice,
        time.in_time(twice),
        payer=person.other_employer,
        amount_tiyn=425_000,
        reversal=taken_back,
    )
    _expect_steadily(person, time.last_paid)
    person.expect(first_day(twice), Status.INSURED, "one of two payments taken back")


def graduate(person: Person) -> None:
    """A student until July, an employee from then on."""
    time = person.time
    left = _last_july(time.last_paid)
    person.assign(
        "science_higher_education",
        "student",
        date(left.year - 4, 9, 1),
        removed_on=left,
        removal_reason="GRADUATED",
    )
    contributions.by_employer(person, range(month_of(left), time.last_paid + 1))
    person.expect_today(Status.INSURED, f"a student until {left}, then paid for")
    person.expect(day_before(left), Status.INSURED, "a student")
    person.expect(left, Status.INSURED, "no longer a student; every month is settled")


def payer_of_arrears(person: Person) -> None:
    """A newcomer who paid the eleven months before the first one at once."""
    time = person.time
    first = person.some_month(time.month - 9, time.last_paid - 1)
    arrived = time.in_time(first)
    payer = contributions.own_payer(person)
    for period in range(first - 11, first):
        amount_tiyn = contributions.rate_tiyn(period)
        person.pay(period, arrived, payer=payer, amount_tiyn=amount_tiyn)
    contributions.alone(person, range(first, time.last_paid + 1))
    person.expect_today(Status.INSURED, "arrears of eleven months were paid at once")
    person.expect(first_day(first), Status.INSURED, "the arrears heal the first month too")
    person.expect(last_day(first - 1), Status.NOT_INSURED, "a twelfth month stays unpaid")
    person.expect(
        first_day(first),
        Status.UNKNOWN_CONSUMER,
        f"first money on {arrived}",
        known_on=day_before(arrived),
    )


def late_healer(person: Person) -> None:
    """An employee one of whose months was paid half a year late, for some with a penalty."""
    time = person.time
    missed = person.some_month(time.month - 11, time.month - 7)
    periods = [month for month in range(time.first_paid, time.last_paid + 1) if month != missed]
    contributions.by_employer(person, periods)
    healed = time.in_time(missed + 4)
    person.pay(missed, healed, payer=person.employer, amount_tiyn=510_000)
    if person.rng.random() < 0.5:
        contributions.penalty(person, missed, missed + 4)
    person.expect_today(Status.INSURED, "every month is paid, one of them late")
    for asked in (first_day(missed + 3), first_day(missed + 4).replace(day=10)):
        person.expect(asked, Status.INSURED, f"healed by a payment of {healed}")
        person.expect(asked, Status.NOT_INSURED, "a month was missing for too long", known_on=asked)
    person.expect(
        first_day(missed + 1).replace(day=25),
        Status.INSURED,
        "the month was not overdue yet",
        known_on=first_day(missed + 1).replace(day=25),
    )


def stopped_lately(person: Person) -> None:
    """An employee who was paid for until one to three months ago."""
    stopped(person, person.time.last_paid - 3, person.time.last_paid - 1)


def stopped(person: Person, earliest: int, latest: int) -> None:
    """Tell of someone who was paid for steadily until a month, and not after it."""
    time = person.time
    last = person.some_month(earliest, latest)
    contributions.by_employer(person, range(time.first_paid, last + 1))
    _expect_end(person, last)


def long_payer(person: Person) -> None:
    """An employee with 60 to 66 paid months in a row, some of whom stopped some months ago."""
    time = person.time
    last = person.some_month(time.last_paid - 8, time.last_paid)
    months = person.rng.randint(LONG_PAYER_MONTHS, LONG_PAYER_MONTHS + 6)
    contributions.by_employer(person, range(last - months + 1, last + 1))
    _expect_end(person, last, KEPT_MONTHS_LONG_PAYER)


def prepaid_year(person: Person) -> None:
    """A person who paid twelve months in advance, and nothing else."""
    time = person.time
    start = person.some_month(time.month - 8, time.month)
    received_on = prepay(person, start)
    person.expect_today(Status.INSURED, f"twelve months paid in advance on {received_on}")
    person.expect(first_day(start), Status.INSURED, "the first of twelve months paid in advance")
    person.expect(
        last_day(start - 1), Status.NOT_INSURED, "before the twelve months paid in advance"
    )
    end = last_day(start + PREPAID_MONTHS - 1)
    person.expect(end, Status.INSURED, "the last day paid in advance")
    person.expect(
        end,
        Status.UNKNOWN_CONSUMER,
        f"first money on {received_on}",
        known_on=day_before(received_on),
    )


def prepay(person: Person, start: int, months: int = PREPAID_MONTHS) -> date:
    """Pay months in advance, all on the 26th before the first of them; return that day."""
    received_on = person.time.late(start - 2)
    payer = contributions.own_payer(person)
    for period in range(start, start + months):
        amount_tiyn = contributions.rate_tiyn(period)
        person.pay(period, received_on, payer=payer, amount_tiyn=amount_tiyn)
    return received_on


def _expect_steadily(person: Person, last: int) -> None:
    """Expect someone whose every month is paid to be insured, now and then, and for a while."""
    time = person.time
    person.expect_today(Status.INSURED, "every month that is due is paid")
    past = person.some_day(first_day(time.month - 12), time.today)
    person.expect(past, Status.INSURED, "every month is paid")
    person.expect(past, Status.INSURED, "every month due by then was paid", known_on=past)
    planned = person.some_day(time.today, time.today + timedelta(days=190))
    person.expect(
        planned, after_last_settled(last, planned), "a planned date, if nothing more is paid"
    )


def _expect_end(person: Person, last: int, kept_months: int = 3) -> None:
    """Expect cover to end as it does after a last paid month."""
    note = f"last paid month {last // 12}-{last % 12 + 1:02d}"
    for day in (
        person.time.today,
        first_day(last + 2).replace(day=25),
        first_day(last + 2).replace(day=26),
        last_day(last + kept_months),
        first_day(last + kept_months + 1),
    ):
        person.expect(day, after_last_settled(last, day, kept_months), note)


def _last_july(last_paid: int) -> date:
    """Return the last first of July whose month was paid."""
    year = last_paid // 12
    return date(year if last_paid % 12 >= 6 else year - 1, 7, 1)
