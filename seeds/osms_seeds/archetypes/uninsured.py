"""People who never paid: a category ended, gives nothing or little, or nothing is known of them."""

from datetime import date, timedelta

from osms.values import first_day
from osms_seeds.archetypes.state_paid import RETIREMENT_AGE
from osms_seeds.days import birthday, day_before, last_day, next_day
from osms_seeds.facts import Person, Status
from osms_seeds.outcomes import after_last_settled, insured_through, settled_through

_LONG_SPAN = timedelta(days=800)
"""A span this long settles every month that counts when it ends."""
_ON_VISIT_FROM = date(2026, 1, 1)


def came_of_age(person: Person) -> None:
    """A child who turned 18 and did nothing after: covered three months longer."""
    grown_up = birthday(person.born, 18)
    person.assign("justice", "child", person.born, removed_on=grown_up, removal_reason="AGE")
    _expect_end_of_span(person, grown_up, told=person.time.feed_day(grown_up))


def removed_late(person: Person) -> None:
    """A recipient of aid whose removal is told a hundred days late."""
    time = person.time
    removed = person.some_day(time.today - timedelta(days=330), time.today - timedelta(days=140))
    told = time.feed_day(removed + timedelta(days=100))
    person.assign(
        "labour",
        "targeted_aid",
        removed - _LONG_SPAN,
        removed_on=removed,
        removal_told_on=told,
        removal_reason="AID_ENDED",
    )
    _expect_end_of_span(person, removed, told=told)


def removed_before_told(person: Person) -> None:
    """A recipient of aid whose removal arrives before the assignment, and waits for it."""
    time = person.time
    removed = person.some_day(time.today - timedelta(days=300), time.today - timedelta(days=150))
    removal_told = time.feed_day(removed)
    person.assign(
        "labour",
        "targeted_aid",
        removed - _LONG_SPAN,
        told_on=time.feed_day(next_day(removal_told)),
        removed_on=removed,
        removal_told_on=removal_told,
        removal_reason="AID_ENDED",
    )
    _expect_end_of_span(person, removed, told=time.opening)


def missing_in_snapshot(person: Person) -> None:
    """A pension recipient whom a snapshot no longer contains: that closes the span."""
    closed = person.rng.choice(person.time.snapshot_days[1:])
    retired = birthday(person.born, RETIREMENT_AGE)
    person.assign("labour", "pension", retired, dropped_from=closed)
    _expect_end_of_span(person, closed, told=closed)


def on_visit(person: Person) -> None:
    """A non-working person at social level D or E: care is paid for on a visit; one in six left."""
    time = person.time
    since = person.some_day(_ON_VISIT_FROM, time.today - timedelta(days=90))
    category = person.rng.choice(("social_level_d", "social_level_e"))
    person.expect(day_before(since), Status.NOT_INSURED, "before the social level was set")
    person.expect(since, Status.ELIGIBLE_ON_VISIT, category)
    if person.rng.randrange(6):
        person.assign("labour", category, since)
        person.expect_today(Status.ELIGIBLE_ON_VISIT, category)
        return
    left = person.some_day(time.today - timedelta(days=60), time.today)
    person.assign("labour", category, since, removed_on=left, removal_reason="LEVEL_CHANGED")
    person.expect_today(Status.NOT_INSURED, "the social level was lifted")
    person.expect(day_before(left), Status.ELIGIBLE_ON_VISIT, category)
    person.expect(left, Status.NOT_INSURED, "the social level was lifted on this day")


def reservist(person: Person) -> None:
    """A reservist called to training: known to the services feed, and not exempt."""
    time = person.time
    since = person.some_day(time.opening, time.today - timedelta(days=60))
    person.assign("services", "reservist_training", since, removed_on=since + timedelta(days=45))
    person.expect_today(Status.NOT_INSURED, "training of reservists gives no cover")
    person.expect(since, Status.NOT_INSURED, "called to training on this day")


def deceased(person: Person) -> None:
    """A pension recipient who died: insured on the day of death, not after it."""
    time = person.time
    died = person.some_day(time.opening + timedelta(days=40), day_before(time.today))
    told = time.feed_day(next_day(died))
    person.assign(
        "labour",
        "pension",
        birthday(person.born, RETIREMENT_AGE),
        removed_on=next_day(died),
        removal_told_on=told,
        removal_reason="DECEASED",
    )
    person.assign("justice", "deceased", died, told_on=told)
    person.expect_today(Status.NOT_INSURED, f"died on {died}")
    person.expect(died, Status.INSURED, "the day of death")
    person.expect(next_day(died), Status.NOT_INSURED, "the day after death")
    person.expect(
        next_day(died),
        Status.INSURED,
        f"the death was told on {told}",
        known_on=day_before(told),
    )


def former_beneficiary(person: Person) -> None:
    """A person known from a category that ended years ago."""
    time = person.time
    removed = person.some_day(
        time.opening - timedelta(days=1_500), time.opening - timedelta(days=450)
    )
    person.assign(
        "labour",
        "targeted_aid",
        removed - timedelta(days=200),
        removed_on=removed,
        removal_reason="AID_ENDED",
    )
    person.expect_today(Status.NOT_INSURED, f"nothing since {removed}")
    person.expect(time.opening, Status.NOT_INSURED, f"nothing since {removed}")


def unseen(person: Person) -> None:
    """A person of whom no source ever told."""
    person.expect_today(Status.UNKNOWN_CONSUMER, "never seen")


def _expect_end_of_span(person: Person, removed: date, *, told: date) -> None:
    """Expect cover to end as it does after the last month of a long span that was removed."""
    last = settled_through(removed)
    note = f"state-paid until {removed}"
    for day in (
        person.time.today,
        day_before(removed),
        removed,
        insured_through(last),
        next_day(insured_through(last)),
        last_day(last + 3),
    ):
        person.expect(day, after_last_settled(last, day), note)
    lost = first_day(last + 4)
    person.expect(lost, Status.NOT_INSURED, note)
    person.expect(
        lost, Status.INSURED, f"the removal was told on {told}", known_on=day_before(told)
    )
