"""Registers of contribution payments, what became of them, and the payments in them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from osms_client.vocabulary import LineIssue, RegisterOutcome, RegisterRefusal


@dataclass(frozen=True, slots=True)
class Payer:
    """Who paid."""

    bin: str = ""
    """BIN of an organisation or IIN of a sole entrepreneur; empty if the payer has none."""

    name: str = ""
    """The payer's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterTotals:
    """What the sender says a register contains. A register that does not match is refused."""

    people: int
    """Distinct IIN texts of the rows."""

    documents: int
    """Distinct document texts of the rows; rows without one share the register's own."""

    amount_tiyn: int
    """The sum of all rows, bad ones included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRow:
    """One person's payment. Texts are sent as they are: the gateway suspends what is wrong."""

    line_no: int
    """Positive and unique in the register."""

    iin: str
    """Whom the payment is for."""

    period: str
    """The month the payment is for, ``YYYY-MM``."""

    amount_tiyn: int
    """The amount."""

    document: str = ""
    """The document inside the payment that this row came in."""

    surname: str = ""
    """As sent."""

    given_name: str = ""
    """As sent."""

    patronymic: str = ""
    """Empty or "-" if there is none."""

    birth_date: str = ""
    """``YYYY-MM-DD`` if known."""

    purpose_code: str = ""
    """KNP of this row; empty: the register's."""

    payer: Payer | None = None
    """Payer of this row; None: the register's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A consolidated payment with its rows: what is sent, checked and committed as one."""

    source: str
    """Code of the sending source."""

    reference: str
    """The payment's reference; unique for the source, for ever."""

    received_on: date
    """The day the Fund received the money."""

    declared: RegisterTotals
    """The control totals."""

    rows: Iterable[PaymentRow]
    """The rows; read once, while they are sent, so a generator keeps memory constant."""

    payer: Payer | None = None
    """The payer of rows that name none."""

    purpose_code: str = ""
    """KNP of rows that name none."""


@dataclass(frozen=True, slots=True)
class RowTotals:
    """Rows and money of one kind."""

    rows: int
    """How many rows."""

    amount_tiyn: int
    """Their sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineNotice:
    """A line and what is wrong with it."""

    line_no: int
    """The line; 0 is the header."""

    issue: LineIssue
    """What is wrong."""

    field: str
    """The field it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterResult:
    """What became of one register."""

    source: str
    """As sent."""

    reference: str
    """As sent."""

    outcome: RegisterOutcome
    """What became of it."""

    committed_at: datetime | None
    """When it was first committed, UTC; None if refused."""

    accepted: RowTotals
    """Rows that became payments at the commit."""

    suspended: RowTotals
    """Rows that went to suspense at the commit."""

    suspended_lines: tuple[LineNotice, ...]
    """The suspended lines, by line number."""

    warnings: tuple[LineNotice, ...]
    """Lines accepted although something looks strange; only with COMMITTED."""

    revision: int
    """The store revision of the commit; 0 if refused."""

    refusal: RegisterRefusal | None
    """Why it was refused; None if it was not."""

    field: str
    """The field that is wrong or differs."""

    declared: str
    """What the register declared for that field, or what was committed before."""

    counted: str
    """What was counted for that field, or what came now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSummary:
    """A register as it stands now. accepted + suspended + corrected + refunded = total."""

    source: str
    """The sending source."""

    reference: str
    """The payment's reference."""

    received_on: date
    """The day the Fund received the money."""

    payer: Payer
    """The payer of the header."""

    purpose_code: str
    """The KNP of the header."""

    declared: RegisterTotals
    """What was declared, and matched."""

    total: RowTotals
    """All rows."""

    accepted: RowTotals
    """Rows that became payments at the commit."""

    suspended: RowTotals
    """Rows still in suspense."""

    corrected: RowTotals
    """Rows corrected since; they are payments too."""

    refunded: RowTotals
    """Rows refunded since."""

    reversed: RowTotals
    """Lines of reversals of its payments, and their sum."""

    committed_at: datetime
    """When it was committed, UTC."""

    revision: int
    """The store revision of the commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment with the nine fields the law names, and where it stands."""

    iin: str
    """Whom it is for."""

    surname: str
    """As sent."""

    given_name: str
    """As sent."""

    patronymic: str
    """As sent."""

    payer: Payer
    """Who paid."""

    period: str
    """The month it is for, ``YYYY-MM``."""

    received_on: date
    """The day the Fund received it."""

    source: str
    """The register's source."""

    reference: str
    """Reference of the payment received."""

    line_no: int
    """The line in the register."""

    amount_tiyn: int
    """The amount."""

    purpose_code: str
    """Purpose code (KNP)."""

    reversed_tiyn: int
    """How much of it was reversed."""

    revision: int
    """The store revision at which it became known."""
