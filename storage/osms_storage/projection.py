"""What the facts about a person make of a ledger: pure functions.

A ledger has two halves that never mix: the paid months and the advance payments follow from
payments and reversals, spans and the day of death from assignments.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from osms_storage.records import LedgerSpan
from osms_storage.reference import ReferenceData

FIRST_MONTH = 2017 * 12 + 6
"""The month of bit 0: contributions began in July 2017."""


@dataclass(frozen=True, slots=True)
class CoverPolicy:
    """Which payments settle a month."""

    covering: frozenset[int]
    """Purposes whose payments give cover."""
    minimum_tiyn: Callable[[int], int]
    """The least net amount that settles a period; 1 when any amount does."""


class NetPayment(NamedTuple):
    """What the projection reads of a payment."""

    period: int
    received_on: int
    amount: int
    """What is left after its own reversals."""
    purpose: int


class AssignmentVersion(NamedTuple):
    """What the projection reads of one version of an assignment, oldest batch first."""

    source_id: int
    category_id: int
    assigned_on: int
    batch_id: int
    removed_on: int | None


def month_of_ordinal(day: int) -> int:
    """Return the month that holds an ordinal day."""
    moment = date.fromordinal(day)
    return moment.year * 12 + moment.month - 1


def project_payments(
    facts: Iterable[NetPayment], policy: CoverPolicy
) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Return the paid months as bits, and the months paid before they began."""
    net: dict[int, int] = defaultdict(int)
    advance: dict[int, int] = {}
    for fact in facts:
        if fact.purpose not in policy.covering or fact.amount <= 0:
            continue
        net[fact.period] += fact.amount
        received = month_of_ordinal(fact.received_on)
        if received < fact.period:
            advance[fact.period] = min(received, advance.get(fact.period, received))
    paid = 0
    for period, amount in net.items():
        if amount >= policy.minimum_tiyn(period):
            paid |= 1 << (period - FIRST_MONTH)
    return paid, tuple(sorted(advance.items()))


def effective_removals(
    facts: Sequence[AssignmentVersion],
) -> dict[tuple[int, int, int], int | None]:
    """Return the day of removal of each (source, category, day assigned) from all its versions.

    The last version decides. A removal without a day of assignment removes what holds on its eve,
    whenever that arrives, unless a later version of the assignment names a day itself.
    """
    versions: dict[tuple[int, int, int], AssignmentVersion] = {}
    waiting: list[AssignmentVersion] = []
    for fact in facts:
        if fact.assigned_on < 0:
            waiting.append(fact)
            continue
        key = (fact.source_id, fact.category_id, fact.assigned_on)
        if key not in versions or fact.batch_id >= versions[key].batch_id:
            versions[key] = fact
    effective: dict[tuple[int, int, int], int | None] = {}
    for key, last in versions.items():
        days = [
            -removal.assigned_on
            for removal in waiting
            if (removal.source_id, removal.category_id) == key[:2]
            and key[2] < -removal.assigned_on
            and (last.removed_on is None or removal.batch_id > last.batch_id)
        ]
        if last.removed_on is not None:
            days.append(last.removed_on)
        effective[key] = min(days, default=None)
    return effective


def project_assignments(
    facts: Sequence[AssignmentVersion], data: ReferenceData
) -> tuple[tuple[LedgerSpan, ...], int | None] | None:
    """Return the spans that hold a day and the day of death; None if nothing was ever assigned.

    A death record is voided by any removal; of several valid ones the last recorded counts.
    """
    effective = effective_removals(facts)
    if not effective:
        return None
    spans: list[LedgerSpan] = []
    death: tuple[int, int] | None = None
    recorded = {(f.source_id, f.category_id, f.assigned_on): f.batch_id for f in facts}
    for key, removed_on in effective.items():
        source_id, category_id, assigned_on = key
        kind = data.kind(source_id, category_id)
        if kind == "DECEASED":
            if removed_on is None:
                death = max(death or (-1, 0), (recorded[key], assigned_on))
        elif kind != "NONE" and (removed_on is None or removed_on > assigned_on):
            spans.append(LedgerSpan(source_id, category_id, assigned_on, removed_on or 0))
    return tuple(sorted(spans)), death[1] if death else None
