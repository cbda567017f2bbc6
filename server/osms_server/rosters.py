"""What the members of a roster are on a day, and what a clinic gets for them: pure functions."""

from collections import Counter
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from osms.v1 import core_pb2
from osms.v1 import roster_service_pb2 as pb
from osms_server import rules
from osms_server.rules import Decision, Ground, Status, Values, first_day, month_of
from osms_storage.rosters import RosterMember

NOT_SEEN_MONTHS = 12
"""Where no parameter is in force: clinics asked for a year before money depended on it."""

_WHOLE = Decimal(1)
_GROUPS = {
    (False, False): pb.NORM_GROUP_FULL,
    (True, False): pb.NORM_GROUP_UNINSURED,
    (False, True): pb.NORM_GROUP_NOT_SEEN,
    (True, True): pb.NORM_GROUP_UNINSURED_NOT_SEEN,
}
"""By whether its members are uninsured, and not seen."""


class Finding(NamedTuple):
    """What a member is on a day."""

    status: Status
    deceased: bool
    ground: Ground | None
    """Why not insured; None for anybody else."""
    lapses_on: date | None
    """The last day of cover, where it counts as lapsing."""
    not_seen: bool


def next_month_end(day: date) -> date:
    """Return the last day of the month after a day's.

    >>> next_month_end(date(2026, 1, 31))
    datetime.date(2026, 2, 28)
    """
    return first_day(month_of(day) + 2) - timedelta(days=1)


def not_seen_months(values: Values) -> int:
    """Return after how many months without a visit a member counts as not seen."""
    return values.roster_inactive_months or NOT_SEEN_MONTHS


def seen_from(day: date, months: int) -> int:
    """Return the first day, as an ordinal, on which a visit still counts as recent on a day.

    It is the same day of the month, or the last of a month that is shorter.

    >>> date.fromordinal(seen_from(date(2028, 2, 29), 12))
    datetime.date(2027, 2, 28)
    """
    start = first_day(month_of(day) - months)
    last = first_day(month_of(start) + 1) - timedelta(days=1)
    return min(start + timedelta(days=day.day - 1), last).toordinal()


def find(
    member: RosterMember, decision: Decision, lapsing_by: date | None, recent_from: int
) -> Finding:
    """Return what a member is, given the answer for the day and the days that bound it."""
    deceased = decision.grounds[:1] == (Ground.DECEASED,)
    uninsured = decision.status is Status.NOT_INSURED and not deceased
    # Only of those who are covered.
    last_day = decision.covered_through
    lapses = last_day is not None and lapsing_by is not None and last_day <= lapsing_by
    seen_on = member.last_visit_on or member.attached_on
    return Finding(
        decision.status,
        deceased,
        rules.redact(decision.grounds)[0] if uninsured else None,
        last_day if lapses else None,
        not deceased and seen_on < recent_from,
    )


def report(
    findings: Counter[Finding], values: Values, norm_tiyn: int
) -> pb.GetRosterReportResponse:
    """Return the counts and the money of a report, without what it is about.

    ``values`` are those of its day; without a norm a head, 0, no money is told in tiyn.
    """
    statuses: Counter[Status] = Counter()
    grounds: Counter[Ground] = Counter()
    lapsing: Counter[date] = Counter()
    groups: Counter[pb.NormGroup.ValueType] = Counter()
    not_seen = 0
    for found, people in findings.items():
        if found.deceased:
            continue
        statuses[found.status] += people
        groups[_GROUPS[found.ground is not None, found.not_seen]] += people
        not_seen += people * found.not_seen
        if found.ground is not None:
            grounds[found.ground] += people
        if found.lapses_on is not None:
            lapsing[found.lapses_on] += people
    return pb.GetRosterReportResponse(
        members=findings.total(),
        insured=statuses[Status.INSURED],
        retention=statuses[Status.INSURED_RETENTION],
        on_visit=statuses[Status.ELIGIBLE_ON_VISIT],
        uninsured=statuses[Status.NOT_INSURED],
        uninsured_by_ground=[
            pb.UninsuredMembers(
                ground=core_pb2.Ground.Value(f"GROUND_{ground}"), members=grounds[ground]
            )
            for ground in Ground
            if ground in grounds
        ],
        unknown=statuses[Status.UNKNOWN_CONSUMER],
        deceased=findings.total() - statuses.total(),
        lapsing=lapsing.total(),
        lapsing_by_day=[
            pb.LapsingMembers(covered_through=day.isoformat(), members=people)
            for day, people in sorted(lapsing.items())
        ],
        not_seen=not_seen,
        not_seen_months=not_seen_months(values),
        money=_money(groups, values, norm_tiyn),
    )


def _money(
    groups: "Counter[pb.NormGroup.ValueType]", values: Values, norm_tiyn: int
) -> pb.RosterMoney | None:
    """Return what the groups bring; None on a day on which nothing reduces the norm."""
    uninsured = values.roster_uninsured_coefficient
    not_seen = values.roster_inactive_coefficient
    if uninsured is None and not_seen is None:
        return None
    # A coefficient of zero is one, too.
    of_uninsured = {True: _WHOLE if uninsured is None else uninsured, False: _WHOLE}
    of_not_seen = {True: _WHOLE if not_seen is None else not_seen, False: _WHOLE}
    shares = []
    norms = Decimal(0)
    for (is_uninsured, is_not_seen), group in _GROUPS.items():
        coefficient = of_uninsured[is_uninsured] * of_not_seen[is_not_seen]
        brought = groups[group] * coefficient
        norms += brought
        shares.append(
            pb.NormShare(
                group=group,
                members=groups[group],
                coefficient=_exact(coefficient),
                norms=_exact(brought),
            )
        )
    full = groups.total()
    amount_tiyn = int((norms * norm_tiyn).quantize(_WHOLE, ROUND_HALF_UP))
    return pb.RosterMoney(
        shares=shares,
        norms=_exact(norms),
        full_norms=full,
        amount_tiyn=amount_tiyn,
        reduction_tiyn=full * norm_tiyn - amount_tiyn,
    )


def _exact(number: Decimal) -> str:
    """Return a decimal in plain digits, without zeros at its end."""
    return f"{number.normalize():f}"
