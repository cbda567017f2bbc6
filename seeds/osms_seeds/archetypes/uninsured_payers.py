"""People who are not insured although money came for them: too little, too late, or taken back."""

from datetime import date

from osms.values import first_day
from osms_seeds.archetypes import contributions, paying
from osms_seeds.days import day_before, last_day
from osms_seeds.facts import PENALTY_CONTRIBUTION, Payment, Person, Reversal, Status
from osms_seeds.outcomes import after_last_settled, insured_through


def stopped_long_ago(person: Person) -> None:
    """An employee who was paid for until four months ago or longer."""
    paying.stopped(person, person.time.month - 13, person.time.last_paid - 4)


def gap_never_paid(person: Person) -> None:
    """An employee with one month never paid, in the last twelve: not insured from its fourth."""
    time = person.time
    missed = person.some_month(time.month - 11, time.month - 4)
    periods = [month for month in range(time.first_paid, time.last_paid + 1) if month != missed]
    contributions.by_employer(person, periods)
    note = "one month was never paid"
    person.expect_today(Status.NOT_INSURED, note)
    person.expect(first_day(missed + 1).replace(day=25), Status.INSURED, "not overdue yet")
    person.expect(last_day(missed + 2), Status.INSURED_RETENTION, note)
    person.expect(first_day(missed + 3), Status.NOT_INSURED, note)


def newcomer(person: Person) -> None:
    """A person who began to pay lately: not insured until the last twelve months are paid."""
    time = person.time
    first = person.some_month(time.month - 10, time.last_paid)
    contributions.alone(person, range(first, time.last_paid + 1))
    arrived = time.in_time(first)
    person.expect_today(Status.NOT_INSURED, "months before the first payment are missing")
    person.expect(last_day(first - 1), Status.NOT_INSURED, "before the first paid month")
    person.expect(
        time.today,
        Status.UNKNOWN_CONSUMER,
        f"first money on {arrived}",
        known_on=day_before(arrived),
    )
    if first + 11 <= time.last_paid + 3:
        twelfth = first_day(first + 11)
        person.expect(
            twelfth, after_last_settled(time.last_paid, twelfth), "the months before have aged out"
        )


def almost_long_payer(person: Person) -> None:
    """An employee with 59 paid months in a row, who then stopped: one too few for six months."""
    time = person.time
    last = person.some_month(time.last_paid - 7, time.last_paid - 4)
    months = paying.LONG_PAYER_MONTHS - 1
    contributions.by_employer(person, range(last - months + 1, last + 1))
    note = "59 months in a row keep cover for three months"
    person.expect_today(Status.NOT_INSURED, note)
    person.expect(last_day(last + 3), Status.INSURED_RETENTION, note)
    person.expect(first_day(last + 4), Status.NOT_INSURED, note)


def prepaid_too_late(person: Person) -> None:
    """Twelve months in advance, but the last one's money came when the first had begun."""
    time = person.time
    start = person.some_month(time.month - 9, time.month - 1)
    paying.prepay(person, start, paying.PREPAID_MONTHS - 1)
    last = start + paying.PREPAID_MONTHS - 1
    person.pay(
        last,
        time.in_time(start - 1),
        payer=contributions.own_payer(person),
        amount_tiyn=contributions.rate_tiyn(last),
    )
    note = "one of twelve months was not paid in advance"
    person.expect_today(Status.NOT_INSURED, note)
    person.expect(first_day(start), Status.NOT_INSURED, note)
    person.expect(first_day(last), Status.INSURED, "by then twelve months in a row are paid")


def prepaid_taken_back(person: Person) -> None:
    """Twelve months in advance, one of which was taken back and never paid again."""
    time = person.time
    start = person.some_month(time.month - 8, time.month - 2)
    received_on = paying.prepay(person, start)
    reversed_on = time.late(start)
    position = person.rng.randint(1, paying.PREPAID_MONTHS - 1)
    person.payments[position] = _reversed(person.payments[position], reversed_on, "00112")
    asked = first_day(start + 1).replace(day=10)
    note = f"one of twelve months was taken back on {reversed_on}"
    person.expect_today(Status.NOT_INSURED, note)
    person.expect(asked, Status.NOT_INSURED, note)
    person.expect(
        asked, Status.INSURED, "twelve months paid in advance", known_on=day_before(reversed_on)
    )
    person.expect(asked, Status.UNKNOWN_CONSUMER, "no money yet", known_on=day_before(received_on))


def wages_taken_back(person: Person) -> None:
    """Someone whose employer paid on by mistake, and took half a year of payments back."""
    time = person.time
    last = time.last_paid - 6
    reversed_on = time.late(time.last_paid)
    if reversed_on > time.today:
        reversed_on = time.in_time(time.last_paid)
    contributions.wages(person, range(time.first_paid, time.last_paid + 1), person.employer)
    person.payments = [
        _reversed(payment, reversed_on, "00111") if payment.period > last else payment
        for payment in person.payments
    ]
    eve = day_before(reversed_on)
    note = f"payments were taken back on {reversed_on}"
    person.expect_today(Status.NOT_INSURED, note)
    person.expect(eve, Status.NOT_INSURED, note)
    person.expect(eve, Status.INSURED, "every month due was paid", known_on=eve)
    person.expect(insured_through(last), Status.INSURED, note)
    person.expect(last_day(last + 3), Status.INSURED_RETENTION, note)


def reversed_only(person: Person) -> None:
    """A person whose only payment was taken back: known, and not insured."""
    time = person.time
    period = person.some_month(time.month - 10, time.last_paid - 3)
    arrived = time.in_time(period)
    contributions.alone(person, [period])
    person.payments[0] = _reversed(person.payments[0], time.late(period + 1), "00113")
    note = "the only payment was taken back"
    person.expect_today(Status.NOT_INSURED, note)
    person.expect(first_day(period + 1), Status.NOT_INSURED, note)
    person.expect(
        first_day(period + 1),
        Status.UNKNOWN_CONSUMER,
        f"first money on {arrived}",
        known_on=day_before(arrived),
    )


def penalty_only(person: Person) -> None:
    """A person of whom only penalties, or codes of no known meaning, came: money, and no cover."""
    time = person.time
    first = person.some_month(time.month - 8, time.last_paid)
    code = person.rng.choice((PENALTY_CONTRIBUTION, PENALTY_CONTRIBUTION, "126", "128"))
    for period in range(first, time.last_paid + 1):
        person.pay(
            period,
            time.in_time(period),
            payer=contributions.own_payer(person),
            amount_tiyn=425_000,
            purpose_code=code,
        )
    person.expect_today(Status.NOT_INSURED, f"{code} gives no cover")
    person.expect(
        time.today,
        Status.UNKNOWN_CONSUMER,
        "nothing had come yet",
        known_on=day_before(time.in_time(first)),
    )


def only_in_suspense(person: Person) -> None:
    """A person whose money came under a code of pensions: what is in suspense is not known."""
    contributions.alone(person, [person.some_month(person.time.month - 6, person.time.last_paid)])
    contributions.bad_row(person, "purpose code")
    del person.payments[0]
    person.expect_today(Status.UNKNOWN_CONSUMER, "the only row went to suspense")


def _reversed(payment: Payment, reversed_on: date, reason_code: str) -> Payment:
    """Return the payment, taken back whole on a later day."""
    return Payment(
        payment.period,
        payment.received_on,
        payment.amount_tiyn,
        payment.purpose_code,
        payment.payer,
        payment.iin,
        Reversal(reversed_on, payment.amount_tiyn, reason_code),
    )
