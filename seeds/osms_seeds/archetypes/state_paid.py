"""People for whom the state pays, or who are exempt: insured by their category alone."""

from datetime import date, timedelta

from osms.values import first_day
from osms_seeds.archetypes.benefits import choose
from osms_seeds.days import birthday, day_before, next_day, years_before
from osms_seeds.facts import Person, Status
from osms_seeds.outcomes import after_last_settled, settled_through

RETIREMENT_AGE = 63
_SENT_BY_STATE_CORPORATION = 0.2


def child(person: Person) -> None:
    """A child, insured from birth to the 18th birthday."""
    person.assign(_registry(person), "child", person.born)
    _expect_steadily(person, person.born, "a child")
    grown_up = birthday(person.born, 18)
    person.expect(
        person.some_day(next_day(person.time.today), day_before(grown_up)),
        Status.INSURED,
        "a planned date before the 18th birthday",
    )


def newborn(person: Person) -> None:
    """A child born lately: insured from birth, though the registry tells of it later."""
    told = person.time.feed_day(person.born)
    person.assign("justice", "child", person.born)
    person.expect_today(Status.INSURED, "a child")
    person.expect(person.born, Status.INSURED, "born on this day")
    person.expect(
        person.born,
        Status.UNKNOWN_CONSUMER,
        f"the birth was told on {told}",
        known_on=day_before(told),
    )


def student(person: Person) -> None:
    """A full-time student, a child before; the school tells of the first of September ahead."""
    grown_up = birthday(person.born, 18)
    enrolled = date(grown_up.year, 9, 1)
    source = person.rng.choice(("education", "science_higher_education"))
    told = person.time.feed_day(max(enrolled - timedelta(days=17), person.time.opening))
    _was_child(person, grown_up)
    person.assign(source, "student", enrolled, told_on=told)
    _expect_steadily(person, enrolled, "a full-time student")
    person.expect(
        enrolled, Status.INSURED, "told ahead of the first of September", known_on=enrolled
    )


def pensioner(person: Person) -> None:
    """A pension recipient."""
    retired = birthday(person.born, RETIREMENT_AGE)
    person.assign("labour", "pension", retired, sender=_sender(person))
    _expect_steadily(person, retired, "a pension recipient")
    person.expect(years_before(person.time.today, -1), Status.INSURED, "the span has no end")


def disabled(person: Person) -> None:
    """A disabled person; half of them until a re-examination whose day is told from the start."""
    time = person.time
    since = person.some_day(years_before(time.opening, 4), years_before(time.opening, 1))
    if person.rng.random() < 0.5:
        until = person.some_day(time.today + timedelta(days=40), years_before(time.today, -1))
        person.assign(
            "labour",
            "disabled",
            since,
            removed_on=until,
            removal_told_on=time.opening,
            removal_reason="RE_EXAMINATION",
        )
        last = settled_through(until)
        person.expect(day_before(until), Status.INSURED, f"disabled until {until}")
        person.expect(until, after_last_settled(last, until), f"disability ended on {until}")
    else:
        again = person.rng.choice(time.feed_days)
        person.assign("labour", "disabled", since, sender=_sender(person), told_again_on=again)
    if person.rng.random() < 0.2:
        stopped = person.some_day(time.opening, time.today)
        person.assign("labour", "targeted_aid", since, removed_on=stopped)
    _expect_steadily(person, since, "a disabled person")


def on_benefit(person: Person) -> None:
    """A carer, a parent, a prisoner, ...: one category, assigned during the history."""
    time = person.time
    benefit = choose(person)
    earliest = max(benefit.valid_from, time.today - timedelta(days=benefit.days_max))
    since = person.some_day(earliest, time.today - timedelta(days=20))
    person.assign(benefit.source, benefit.category, since, sender=_sender(person))
    told = time.feed_day(since)
    _expect_steadily(person, since, f"{benefit.category or 'a category without a name'}")
    person.expect(
        since,
        Status.UNKNOWN_CONSUMER,
        f"first told of on {told}",
        known_on=day_before(told),
    )


def in_service(person: Person) -> None:
    """A serviceman or an officer: exempt, and nobody is told why the person is insured."""
    time = person.time
    since = person.some_day(years_before(time.opening, 5), time.today - timedelta(days=20))
    category = person.rng.choice(("serviceman", "special_state_body", "law_enforcement"))
    person.assign("services", category, since)
    _expect_steadily(person, since, "exempt")


def dead_by_mistake(person: Person) -> None:
    """A pensioner who was declared dead; a month later the registry takes it back."""
    time = person.time
    declared = person.rng.choice(time.feed_days[3:-3])
    taken_back = time.feed_day(next_day(declared))
    person.assign("labour", "pension", birthday(person.born, RETIREMENT_AGE))
    person.assign(
        "justice",
        "deceased",
        declared - timedelta(days=5),
        told_on=declared,
        removed_on=taken_back,
        removal_reason="RECORD_VOID",
    )
    person.expect_today(Status.INSURED, "the record of death was void")
    person.expect(declared, Status.INSURED, "the record of death was void")
    person.expect(declared, Status.NOT_INSURED, f"void only since {taken_back}", known_on=declared)


def _expect_steadily(person: Person, since: date, note: str) -> None:
    """Expect a person with an open span to be insured today and on some day of it."""
    time = person.time
    person.expect_today(Status.INSURED, note)
    past = person.some_day(max(since, first_day(time.opening_month - 24)), time.today)
    person.expect(past, Status.INSURED, note)


def _was_child(person: Person, grown_up: date) -> None:
    told = person.time.feed_day(max(grown_up, person.time.opening))
    person.assign(
        "justice",
        "child",
        person.born,
        removed_on=grown_up,
        removal_told_on=told,
        removal_reason="AGE",
    )


def _registry(person: Person) -> str:
    """Return who tells of a child: the register of births, or for few the school."""
    return "education" if person.rng.random() < 0.1 else "justice"


def _sender(person: Person) -> str:
    """Return who sends what labour says: the ministry, or the State Corporation for it."""
    by_corporation = person.rng.random() < _SENT_BY_STATE_CORPORATION
    return "state_corporation" if by_corporation else ""
