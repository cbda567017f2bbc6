"""The decision: is the insurance package open for a person on a day, and why."""

from datetime import date
from functools import lru_cache

from osms_server.rules.arrears import blocking, listed
from osms_server.rules.cover import long_payer_months, prepaid_months
from osms_server.rules.decision import Decision, FundingSource, Status
from osms_server.rules.horizon import Prospect, ends_of
from osms_server.rules.ledger import Ledger
from osms_server.rules.months import NEVER
from osms_server.rules.outcomes import (
    ARREARS,
    DECEASED,
    NO_CONTRIBUTIONS,
    OUTCOMES,
    PREPAID,
    RETENTION,
    SETTLED,
    UNIVERSAL,
    UNKNOWN,
)
from osms_server.rules.parameters import Parameters
from osms_server.rules.spans import NOTHING, lay

ANSWERS_MAX = 16_384
"""How many different answers are kept to be shared: most people of a day share a few of them."""


def decide(ledger: Ledger | None, day: date, parameters: Parameters) -> Decision:
    """Decide about one person and one service date; None: nothing is known about the person.

    Whether the date may be asked about today (rule 1) is for the caller to tell beforehand, by
    `Parameters.window`. Raises DayNotCoveredError before the first day of the system.
    """
    moment = parameters.moment(day)
    rules = moment.era.rules
    if ledger is None:
        return _answer(UNKNOWN, NEVER, NEVER, rules.retention, (), (), 0)
    paid = settled = ledger.paid
    overlay = NOTHING
    if ledger.spans:
        overlay = lay(ledger.spans, moment.ordinal)
        settled |= overlay.settled
    long = long_payer_months(paid, settled, moment.month, rules)
    retention = rules.long_retention if long & 1 else rules.retention
    after_death = NEVER if ledger.died_on is None else ledger.died_on.toordinal() + 1
    if moment.ordinal >= after_death:
        return _answer(DECEASED, NEVER, NEVER, retention, (), (), 0)

    # All rules that hold are collected; the first of them decides. Of rule 7 the day itself needs
    # only this one window: what `cover_of` says of all later months is for how long it lasts.
    held = overlay.held
    if rules.universal:
        held |= UNIVERSAL
    seen = settled >> moment.shift & moment.counted
    if seen:
        kept = moment.kept_long if long & 1 else moment.kept
        complete = seen | moment.before_start
        if complete & kept == kept:
            held |= SETTLED if complete & moment.due == moment.due else RETENTION
    prepaid = 0
    if ledger.advance:
        prepaid = prepaid_months(ledger.advance, moment.month, rules.prepaid_run)
        if prepaid & 1:
            held |= PREPAID
    if not held:
        held = ARREARS if seen else NO_CONTRIBUTIONS

    prospect = Prospect(ledger, moment, overlay, settled, long, prepaid)
    end, end_covered = ends_of(prospect, OUTCOMES[held].status)
    if after_death != NEVER:
        end, end_covered = _until_death(held, end, end_covered, after_death)

    arrears: tuple[int, ...] = ()
    blocking_months: tuple[int, ...] = ()
    price_tiyn = 0
    if held & (RETENTION | ARREARS):
        missing = moment.counted & ~seen
        arrears = listed(missing & moment.due, moment.shift)
        if held == ARREARS:
            blocking_months = listed(blocking(missing, ledger, settled, moment), moment.shift)
            price_tiyn = parameters.price_tiyn(blocking_months)
    return _answer(held, end, end_covered, retention, arrears, blocking_months, price_tiyn)


def _until_death(held: int, end: int, end_covered: int, after_death: int) -> tuple[int, int]:
    """Return the ends of status and cover for a person who will have died.

    Nobody is insured after death: cover ends with it, and who is not insured before it stays so.
    """
    if OUTCOMES[held].funding_source is FundingSource.OSMS_AND_GOBMP:
        return min(end, after_death), min(end_covered, after_death)
    stays = OUTCOMES[held].status is Status.NOT_INSURED and end >= after_death
    return NEVER if stays else min(end, after_death), NEVER


@lru_cache(maxsize=ANSWERS_MAX)
def _answer(
    held: int,
    end: int,
    end_covered: int,
    retention: int,
    arrears: tuple[int, ...],
    blocking_months: tuple[int, ...],
    price_tiyn: int,
) -> Decision:
    """Return an answer; the same one is the same object every time, as it cannot change."""
    status, funding_source, grounds, rule = OUTCOMES[held]
    return Decision(
        status=status,
        funding_source=funding_source,
        grounds=grounds,
        valid_through=_eve(end),
        covered_through=_eve(end_covered),
        arrears_months=arrears,
        blocking_months=blocking_months,
        restore_amount_tiyn=price_tiyn,
        rule=rule,
        retention_months=retention,
    )


def _eve(ordinal: int) -> date | None:
    """Return the last day before one that ends something; None if that day never comes."""
    return None if ordinal == NEVER else date.fromordinal(ordinal - 1)
