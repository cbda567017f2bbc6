"""Rosters: the attached population of a polyclinic, what it is on a day, and what it brings."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from osms_client.eligibility import Eligibility
from osms_client.vocabulary import Ground, MemberIssue, NormGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterHeader:
    """The head of a list."""

    roster: str
    """The roster's code, e.g. the clinic's BIN: 1 to 64 of A-Z, a-z, 0-9, ``.``, ``_``, ``-``."""

    as_of: date
    """The day whose state the list shows."""

    declared_members: int
    """How many lines follow, rejected ones included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterMember:
    """An attached person. Texts go as they are: the gateway rejects what is wrong."""

    iin: str
    """The person."""

    attached_on: str
    """The day of attachment."""

    last_visit_on: str = ""
    """The day of the last visit; empty: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedMember:
    """A line that was not used; its person, if it can be told, stays on the roster as before."""

    member_no: int
    """Its position in the list, from 1."""

    issue: MemberIssue
    """Why."""

    field: str
    """The field it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterSyncResult:
    """What became of a list."""

    version: int
    """The roster's version: one more each time a list changes a member."""

    members: int
    """People on the roster now: those added, changed and unchanged."""

    added: int
    """People who were not on it."""

    changed: int
    """People with another day of attachment or of the last visit."""

    removed: int
    """People who are not on it any more."""

    unchanged: int
    """People who are on it as before."""

    rejected: int
    """Lines rejected."""

    rejected_members: tuple[RejectedMember, ...]
    """The first 1,000 of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UninsuredMembers:
    """People who are not insured, by what decided it."""

    ground: Ground
    """The ground that decided."""

    members: int
    """How many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LapsingMembers:
    """People whose cover ends on the same day."""

    covered_through: date
    """Their last day of cover."""

    members: int
    """How many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NormShare:
    """The norm for one group of members."""

    group: NormGroup
    """The group."""

    members: int
    """How many belong to it."""

    coefficient: Decimal
    """The share of the norm that each brings."""

    norms: Decimal
    """What all of them bring, in norms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterMoney:
    """What a clinic gets for its members."""

    shares: tuple[NormShare, ...]
    """The four groups; a member alive on the day is in exactly one."""

    norms: Decimal
    """What they bring together, in norms, exactly."""

    full_norms: int
    """What they would bring if nobody were uninsured or not seen: one norm a head."""

    amount_tiyn: int
    """``norms`` times the norm, rounded half up once; 0 when the norm was not told."""

    reduction_tiyn: int
    """How much less that is than ``full_norms`` times the norm; 0 when it was not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterReport:
    """What the members of a roster are on a day.

    Every member is exactly one of insured, retention, on_visit, uninsured, unknown and deceased.
    """

    roster: str
    """The roster's code."""

    version: int
    """The roster's version."""

    as_of: date
    """The day whose state its last list shows."""

    service_date: date
    """The day of the report."""

    members: int
    """People on the roster."""

    insured: int
    """INSURED."""

    retention: int
    """INSURED_RETENTION."""

    on_visit: int
    """ELIGIBLE_ON_VISIT."""

    uninsured: int
    """NOT_INSURED, the deceased apart."""

    uninsured_by_ground: tuple[UninsuredMembers, ...]
    """The uninsured by ground."""

    unknown: int
    """UNKNOWN_CONSUMER. They never count as uninsured: check the numbers."""

    deceased: int
    """Deceased before the service date."""

    lapsing_by: date
    """The last day of those that count as lapsing."""

    lapsing: int
    """Insured or in retention, and covered through ``lapsing_by`` at most."""

    lapsing_by_day: tuple[LapsingMembers, ...]
    """The lapsing by their last day of cover, ascending."""

    not_seen: int
    """Whose last visit, or attachment without a visit, lies too far back."""

    not_seen_months: int
    """After how many months without a visit a member counts as not seen."""

    money: RosterMoney | None
    """What the clinic gets; None for a day on which nothing reduces the norm."""

    stale_sources: tuple[str, ...]
    """Codes of the sources whose data is late."""

    ruleset: str
    """Version of the rules that decided."""

    first_revision: int
    """Store revision at which the first people were read."""

    revision: int
    """Store revision at which the last people were read; mostly the same."""

    decision_id: str
    """Names this report."""

    decided_at: datetime
    """When it was made, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMember:
    """A member of a roster, and the answer for a day."""

    eligibility: Eligibility
    """The answer."""

    attached_on: date
    """The day of attachment."""

    last_visit_on: date | None
    """The day of the last visit; None: never."""

    not_seen: bool
    """Whether the member counts as not seen."""
