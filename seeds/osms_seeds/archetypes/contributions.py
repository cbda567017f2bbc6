"""How people in the stories pay: who pays, how much, and for which months."""

from collections.abc import Iterable

from osms.values import first_day, month_of, parse_month
from osms_seeds.facts import (
    CONTRIBUTION,
    DEDUCTION,
    PENALTY_CONTRIBUTION,
    PENALTY_DEDUCTION,
    Payer,
    Payment,
    Person,
)

_RATES_TENGE = ((2024, 4_250), (2023, 3_500), (2022, 3_000))
"""What an independent payer owes for a month, by the year it begins to apply."""
_FIRST_RATE_TENGE = 2_125
_TIYN = 100

_BAD_ROW_SHARE = 0.07
"""Of the people who pay for long; as months are many, about 3 rows of a thousand are bad."""
_BEFORE_CONTRIBUTIONS = parse_month("2017-06")
_MONTHS_AHEAD_MAX = 24


def by_employer(person: Person, periods: Iterable[int], payer: Payer | None = None) -> None:
    """Let the employer pay months in time; some people also get a row that is no good."""
    wages(person, periods, payer or person.employer)
    if person.rng.random() < _BAD_ROW_SHARE:
        bad_row(person)


def wages(person: Person, periods: Iterable[int], payer: Payer) -> None:
    """Pay months in time: 2 % of the wage, and 3 % more where the employer pays deductions."""
    wage_tiyn = _wage_tiyn(person)
    for period in periods:
        received_on = person.time.in_time(period)
        person.pay(period, received_on, payer=payer, amount_tiyn=wage_tiyn * 2 // 100)
        if payer.pays_deductions:
            person.pay(
                period,
                received_on,
                payer=payer,
                amount_tiyn=wage_tiyn * 3 // 100,
                purpose_code=DEDUCTION,
            )


def alone(person: Person, periods: Iterable[int], *, late: bool = False) -> None:
    """Let the person pay months alone: each on the 20th, or each on the 26th, one day late."""
    payer = own_payer(person)
    day_of = person.time.late if late else person.time.in_time
    for period in periods:
        person.pay(period, day_of(period), payer=payer, amount_tiyn=rate_tiyn(period))


def penalty(person: Person, overdue: int, paid_in: int) -> None:
    """Add a penalty for a month paid late, received with the months paid in time then."""
    codes = [PENALTY_CONTRIBUTION]
    if person.employer.pays_deductions:
        codes.append(PENALTY_DEDUCTION)
    for code in codes:
        person.pay(
            overdue,
            person.time.in_time(paid_in),
            payer=person.employer,
            amount_tiyn=person.rng.choice((37, 84, 5_040, 12_905)),
            purpose_code=code,
        )


def own_payer(person: Person) -> Payer:
    """Return the person as payer: for some an entrepreneur, whose BIN is the IIN."""
    name = person.name
    full = " ".join(part for part in (name.surname, name.given, name.patronymic) if part)
    if person.born.day % 3 == 0:
        return Payer(person.iin, f"ИП {full}")
    return Payer("", full)


def rate_tiyn(period: int) -> int:
    """Return what an independent payer owes for a month."""
    year = first_day(period).year
    tenge = next((rate for since, rate in _RATES_TENGE if year >= since), _FIRST_RATE_TENGE)
    return tenge * _TIYN


def bad_row(person: Person, kind: str = "") -> None:
    """Add a row that must go to suspense, beside a good one of the same day.

    Kinds: "check digit", "purpose code", "period", "amount"; none given: one by chance.
    """
    good = person.rng.choice(person.payments)
    kind = kind or person.rng.choice(("check digit", "purpose code", "period", "amount"))
    too_far = month_of(good.received_on) + _MONTHS_AHEAD_MAX + 1
    out_of_range = person.rng.choice((_BEFORE_CONTRIBUTIONS, too_far))
    person.payments.append(
        Payment(
            period=out_of_range if kind == "period" else good.period,
            received_on=good.received_on,
            amount_tiyn=0 if kind == "amount" else good.amount_tiyn,
            purpose_code="010" if kind == "purpose code" else CONTRIBUTION,
            payer=good.payer,
            iin=wrong_iin(person.iin) if kind == "check digit" else person.iin,
        )
    )


def wrong_iin(iin: str) -> str:
    """Return the number with another last digit: nobody's, since only one digit fits."""
    return f"{iin[:-1]}{(int(iin[-1]) + 1) % 10}"


def _wage_tiyn(person: Person) -> int:
    tenge = int(person.rng.lognormvariate(12.4, 0.55)) // 500 * 500 + 85_000
    return min(tenge, 2_500_000) * _TIYN
