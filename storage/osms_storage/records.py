"""What crosses the door of the store: values in, values out, nothing of the wire or of SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from hashlib import blake2b
from typing import NamedTuple


def hash_id(*texts: object) -> int:
    """Return a positive 63-bit key for texts that are stored once."""
    digest = blake2b("\x1f".join(map(str, texts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Payer(NamedTuple):
    """Who paid."""

    bin: str
    name: str

    @property
    def id(self) -> int:
        """The key it is stored under."""
        return hash_id(*self)


class PersonName(NamedTuple):
    """What a payment row says of the person's identity; empty text where it says nothing."""

    surname: str
    given_name: str
    patronymic: str
    birth_date: date | None


class NameRow(NamedTuple):
    """A name of a person as it is stored: once, whatever number of payments say it."""

    iin: int
    name_id: int
    """A hash of the rest."""
    surname: str
    given_name: str
    patronymic: str
    birth_date: int | None
    """Ordinal day."""


def name_row(
    iin: int, surname: str, given_name: str, patronymic: str, birth_date: date | None
) -> NameRow:
    """Return a name with its key."""
    name_id = hash_id(surname, given_name, patronymic, birth_date)
    day = None if birth_date is None else birth_date.toordinal()
    return NameRow(iin, name_id, surname, given_name, patronymic, day)


class PaymentLine(NamedTuple):
    """A checked row of a register."""

    iin: int
    line_no: int
    period: int
    amount_tiyn: int
    purpose: int
    name_id: int
    """0: the row says nothing of the person's name."""
    document: str
    """Empty: the register's."""
    payer: Payer | None
    """None: the register's."""


class RawLine(NamedTuple):
    """A row as it was sent."""

    line_no: int
    document: str
    iin: str
    surname: str
    given_name: str
    patronymic: str
    birth_date: str
    period: str
    amount_tiyn: int
    purpose_code: str
    payer: Payer | None


class Suspension(NamedTuple):
    """A row that cannot be a payment, and why."""

    raw: RawLine
    issue: int
    """A number of osms.v1.LineIssue."""
    field: str


class Totals(NamedTuple):
    """Rows and their sum."""

    rows: int = 0
    amount_tiyn: int = 0


@dataclass(frozen=True, slots=True)
class CheckedRegister:
    """A register whose control totals match."""

    source_id: int
    reference: str
    received_on: date
    payer: Payer | None
    purpose_code: str
    people: int
    documents: int
    amount_tiyn: int
    content: bytes
    """SHA-256 of the canonical form: header and rows by line number."""
    accepted: tuple[PaymentLine, ...]
    """By IIN."""
    names: tuple[NameRow, ...]
    """What the accepted rows name."""
    suspended: tuple[Suspension, ...]


@dataclass(frozen=True, slots=True)
class CommittedRegister:
    """What the store holds of a register's commit."""

    register_id: int
    source_id: int
    reference: str
    received_on: date
    payer: Payer | None
    purpose_code: str
    people: int
    documents: int
    total: Totals
    suspended: Totals
    content: bytes
    revision: int
    recorded_at: datetime

    @property
    def accepted(self) -> Totals:
        """What became payments at the commit."""
        return Totals(
            self.total.rows - self.suspended.rows,
            self.total.amount_tiyn - self.suspended.amount_tiyn,
        )


@dataclass(frozen=True, slots=True)
class RegisterState:
    """A register as it stands now."""

    committed: CommittedRegister
    suspended: Totals
    corrected: Totals
    refunded: Totals
    reversed: Totals


class SuspenseState(IntEnum):
    """Where a line that went to suspense is; numbers of osms.v1.SuspenseState."""

    SUSPENDED = 1
    CORRECTED = 2
    REFUNDED = 3


@dataclass(frozen=True, slots=True)
class SuspenseEntry:
    """A line that went to suspense and where it is now."""

    register_id: int
    source_id: int
    reference: str
    received_on: date
    purpose_code: str
    """The register's."""
    suspension: Suspension
    state: SuspenseState
    operator_reason: str
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class LineKey:
    """Names a line of a register."""

    source_id: int
    reference: str
    line_no: int


@dataclass(frozen=True, slots=True)
class Resolution:
    """What to do with a suspended line."""

    key: LineKey
    correction: PaymentLine | None
    """None: refund it."""
    name: NameRow | None
    """What the correction names; None: it says nothing of the person's name."""
    content: bytes
    """SHA-256 of the correction's canonical form; empty for a refund."""


class ResolutionOutcome(StrEnum):
    """What became of a suspended line."""

    RESOLVED = "RESOLVED"
    ALREADY_RESOLVED = "ALREADY_RESOLVED"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"


@dataclass(frozen=True, slots=True)
class ReversalLine:
    """A payment to reverse, whole or in part."""

    line_no: int
    payment: LineKey
    iin: int
    amount_tiyn: int
    reason: int
    content: bytes
    """SHA-256 of the canonical form."""


class ReversalOutcome(StrEnum):
    """What became of a reversal line."""

    REVERSED = "REVERSED"
    ALREADY_REVERSED = "ALREADY_REVERSED"
    CONFLICT = "CONFLICT"
    PAYMENT_NOT_FOUND = "PAYMENT_NOT_FOUND"
    EXCEEDS_PAYMENT = "EXCEEDS_PAYMENT"


@dataclass(frozen=True, slots=True)
class ReversalResult:
    """What became of a reversal line."""

    outcome: ReversalOutcome
    left_tiyn: int = 0
    received_on: date | None = None
    """The day the payment was received, if it was found."""
    field: str = ""
    """With CONFLICT: the field that differs."""


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """A payment with what was reversed of it."""

    iin: int
    source_id: int
    reference: str
    line_no: int
    period: int
    received_on: date
    amount_tiyn: int
    reversed_tiyn: int
    purpose: int
    payer: Payer | None
    name: PersonName | None
    revision: int
    recorded_at: datetime


class LedgerSpan(NamedTuple):
    """A span that holds at least one day."""

    source_id: int
    category_id: int
    assigned_on: int
    """Ordinal day."""
    removed_on: int
    """Ordinal day; 0: not removed."""


class LedgerRow(NamedTuple):
    """All that a decision reads about one person."""

    paid: int
    """Bit i: month FIRST_MONTH + i has a net payment above zero."""
    advance: tuple[tuple[int, int], ...]
    """(month, month of the earliest receipt), for months paid before they began; by month."""
    spans: tuple[LedgerSpan, ...]
    died_on: int | None
    """Ordinal day."""


@dataclass(frozen=True, slots=True)
class Feed:
    """How fresh one feed of one source is."""

    source_id: int
    applied_at: datetime | None = None
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Feeds:
    """The newest delivery of every source's feeds; a source that never delivered is absent."""

    registers: Mapping[int, Feed] = field(default_factory=dict)
    categories: Mapping[int, Feed] = field(default_factory=dict)
