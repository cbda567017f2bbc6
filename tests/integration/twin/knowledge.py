"""What was known of a person at a revision, and what the naive oracle says of it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from osms_client import Eligibility
from tests.integration.twin.feeds import Feeds
from tests.integration.twin.money import COVER_GIVING, Money
from tests.unit.rules.facts import Assignment, Facts, Kind, Payment, Reversal
from tests.unit.rules.naive import Life, redacted

KINDS = {
    ("labour", "pension"): Kind.STATE_PAID,
    ("labour", "targeted_aid"): Kind.STATE_PAID,
    ("labour", "social_level_d"): Kind.ON_VISIT,
    ("services", "serviceman"): Kind.EXEMPT,
    ("services", "reservist_training"): Kind.NONE,
    ("justice", "deceased"): Kind.DECEASED,
}
"""The categories of these tests by source and code, and what each gives."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What an answer says, without what names the answer itself."""

    iin: str
    service_date: date
    status: str
    funding_source: str
    grounds: tuple[str, ...]
    valid_through: date | None
    covered_through: date | None
    arrears_months: tuple[str, ...]
    blocking_months: tuple[str, ...]
    restore_amount_tiyn: int
    revision: int


def shown(told: Eligibility) -> Shown:
    """Return what the gateway's answer says."""
    return Shown(
        iin=told.iin,
        service_date=told.service_date,
        status=told.status.value,
        funding_source=told.funding_source.value,
        grounds=tuple(ground.value for ground in told.grounds),
        valid_through=told.valid_through,
        covered_through=told.covered_through,
        arrears_months=told.arrears_months,
        blocking_months=told.blocking_months,
        restore_amount_tiyn=told.restore_amount_tiyn,
        revision=told.revision,
    )


def expected(money: Money, feeds: Feeds, iin: str, day: date, revision: int) -> Shown:
    """Return what an answer must say from the facts known at a revision."""
    answer = _life(_facts(money, feeds, iin, revision)).answer(day)
    return Shown(
        iin=iin,
        service_date=day,
        status=answer.status,
        funding_source=answer.funding_source,
        grounds=redacted(answer.grounds),
        valid_through=answer.valid_through,
        covered_through=answer.covered_through,
        arrears_months=tuple(f"{month:%Y-%m}" for month in answer.arrears_months),
        blocking_months=tuple(f"{month:%Y-%m}" for month in answer.blocking_months),
        restore_amount_tiyn=answer.restore_amount_tiyn,
        revision=revision,
    )


@lru_cache(maxsize=1_000)
def _life(facts: Facts) -> Life:
    return Life(facts, _moment(1_000_000_000))


def _moment(revision: int) -> datetime:
    """Return a revision as the moment that the oracle wants: only the order matters to it."""
    return datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=revision)


def _facts(money: Money, feeds: Feeds, iin: str, revision: int) -> Facts:
    paid = {
        place: payment for place, payment in money.payments_of(iin) if payment.revision <= revision
    }
    numbers = {place: number for number, place in enumerate(paid)}
    versions = [
        (key, version)
        for key, versions in feeds.spans.items()
        for version in versions
        if key.iin == iin and version.revision <= revision
    ]
    return Facts(
        payments=tuple(
            Payment(
                date.fromisoformat(f"{payment.period}-01"),
                payment.received_on,
                _moment(payment.revision),
                payment.amount_tiyn,
                payment.purpose_code in COVER_GIVING,
            )
            for payment in paid.values()
        ),
        reversals=tuple(
            Reversal(numbers[taken.payment], _moment(taken.revision), taken.line.amount_tiyn)
            for taken in money.taken.values()
            if taken.payment in paid and taken.revision <= revision
        ),
        assignments=tuple(
            Assignment(
                KINDS[key.source, key.category],
                key.assigned_on,
                version.removed_on,
                _moment(version.revision),
                key.source,
                key.category,
            )
            for key, version in sorted(versions, key=lambda each: each[1].revision)
        ),
    )
