"""The decision: is the insurance package open for a person on a day, and why."""

from datetime import date

from osms_server.rules.arrears import blocking_months, overdue_months, unsettled_months
from osms_server.rules.cover import Cover, cover_of
from osms_server.rules.decision import Decision, Status
from osms_server.rules.eras import Moment
from osms_server.rules.horizon import Facts, end_of_cover, end_of_status
from osms_server.rules.ledger import Ledger
from osms_server.rules.months import NEVER
from osms_server.rules.outcomes import (
    ARREARS,
    DECEASED,
    OUTCOMES,
    PREPAID,
    RETENTION,
    SETTLED,
    UNIVERSAL,
    UNKNOWN,
    Outcome,
)
from osms_server.rules.parameters import Parameters
from osms_server.rules.spans import NOTHING, lay


def decide(ledger: Ledger | None, day: date, parameters: Parameters) -> Decision:
    """Decide about one person and one service date; None: nothing is known about the person.

    Whether the date may be asked about today (rule 1) is for the caller to tell beforehand, by
    `Parameters.window`. Raises DayNotCoveredError before the first day of the system.
    """
    moment = parameters.moment(day)
    rules = moment.era.rules
    if ledger is None:
        return _closed(UNKNOWN, rules.retention)
    overlay = lay(ledger.spans, moment.ordinal) if ledger.spans else NOTHING
    settled = ledger.paid | overlay.settled
    cover = cover_of(ledger, settled, moment, rules)
    retention = rules.long_retention if cover.long_payer & 1 else rules.retention
    after_death = NEVER if ledger.died_on is None else ledger.died_on.toordinal() + 1
    if moment.ordinal >= after_death:
        return _closed(DECEASED, retention)

    facts = Facts(ledger, settled, moment, overlay, cover)
    held = overlay.held | _held(cover, moment)
    outcome = OUTCOMES[held] if held or not _any_settled(settled, moment) else ARREARS
    status = outcome.status
    end = end_of_status(facts, status)
    if end >= after_death:
        end = NEVER if status is Status.NOT_INSURED else after_death
    end_covered = NEVER
    if status is Status.INSURED or status is Status.INSURED_RETENTION:
        end_covered = min(end_of_cover(facts), after_death)

    arrears: tuple[int, ...] = ()
    blocking: tuple[int, ...] = ()
    if held & RETENTION or outcome is ARREARS:
        unsettled = unsettled_months(settled, moment)
        arrears = overdue_months(unsettled, moment)
        if outcome is ARREARS:
            blocking = blocking_months(unsettled, ledger, settled, moment)
    return Decision(
        status,
        outcome.funding_source,
        outcome.grounds,
        _eve(end),
        _eve(end_covered),
        arrears,
        blocking,
        sum(map(parameters.independent_payer_rate_tiyn, blocking)),
        outcome.rule,
        retention,
    )


def _held(cover: Cover, moment: Moment) -> int:
    """Return the rules 4, 7 and 8 that hold on the service date."""
    if moment.era.rules.universal:
        return UNIVERSAL
    held = 0
    if cover.by_months & 1:
        insured = cover.after_due_day if moment.overdue else cover.up_to_due_day
        held = SETTLED if insured & 1 else RETENTION
    return held | PREPAID if cover.prepaid & 1 else held


def _any_settled(settled: int, moment: Moment) -> bool:
    """Tell whether the window holds a settled month."""
    window = moment.era.rules.window
    seen = (settled >> moment.shift & ~moment.before_start) >> moment.reach - window
    return seen & (1 << window) - 1 != 0


def _eve(ordinal: int) -> date | None:
    """Return the last day before one that ends something; None if that day never comes."""
    return None if ordinal == NEVER else date.fromordinal(ordinal - 1)


def _closed(outcome: Outcome, retention: int) -> Decision:
    """Return an answer that never changes and names no months."""
    status, funding_source, grounds, rule = outcome
    return Decision(status, funding_source, grounds, None, None, (), (), 0, rule, retention)
