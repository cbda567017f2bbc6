"""The words of questions and answers.

Words of answers have a member UNRECOGNISED for a value newer than this client: never take it for
any other. A status has none, because an answer without a readable status is no answer.
"""

from enum import StrEnum


class Language(StrEnum):
    """The language of texts for people."""

    KK = "kk"
    RU = "ru"
    EN = "en"


class Purpose(StrEnum):
    """Why a person is looked up; written to the gateway's access log."""

    RECEPTION = "RECEPTION"
    ADMISSION = "ADMISSION"
    PLANNED_ADMISSION = "PLANNED_ADMISSION"
    BILLING = "BILLING"
    ROSTER = "ROSTER"
    SELF_SERVICE = "SELF_SERVICE"
    AUDIT = "AUDIT"


class Status(StrEnum):
    """Whether the OSMS package is open for a person on a day."""

    INSURED = "INSURED"
    INSURED_RETENTION = "INSURED_RETENTION"
    """Insured although contributions are overdue; ends after ``covered_through``."""
    ELIGIBLE_ON_VISIT = "ELIGIBLE_ON_VISIT"
    """Not insured, but care on a visit is paid for (social level D or E)."""
    NOT_INSURED = "NOT_INSURED"
    UNKNOWN_CONSUMER = "UNKNOWN_CONSUMER"
    """Nothing is known about this IIN. Not "not insured": check the number first."""


class FundingSource(StrEnum):
    """What pays for care on the day. GOBMP is open to everyone, always."""

    GOBMP = "GOBMP"
    OSMS_AND_GOBMP = "OSMS_AND_GOBMP"
    OSMS_ON_VISIT = "OSMS_ON_VISIT"


class Ground(StrEnum):
    """A rule that holds on the day."""

    DECEASED = "DECEASED"
    UNIVERSAL = "UNIVERSAL"
    BUDGET_PAID = "BUDGET_PAID"
    """The state pays or the law exempts; which of the two, operators of the Fund alone are told."""
    EXEMPT = "EXEMPT"
    STATE_PAID = "STATE_PAID"
    SETTLED_MONTHS = "SETTLED_MONTHS"
    RETENTION = "RETENTION"
    PREPAID = "PREPAID"
    ON_VISIT = "ON_VISIT"
    NO_CONTRIBUTIONS = "NO_CONTRIBUTIONS"
    ARREARS = "ARREARS"
    UNRECOGNISED = "UNRECOGNISED"


class NextStepCode(StrEnum):
    """What the person can do next."""

    NONE = "NONE"
    PAY_ARREARS = "PAY_ARREARS"
    """Pay ``blocking_months`` when not insured, ``arrears_months`` to keep cover."""
    START_PAYING = "START_PAYING"
    REGISTER_VISIT = "REGISTER_VISIT"
    CHECK_IDENTITY = "CHECK_IDENTITY"
    ASK_FUND = "ASK_FUND"
    """A source is late, which may be the reason for the answer."""
    UNRECOGNISED = "UNRECOGNISED"


class IdentityMatch(StrEnum):
    """Whether the stated birth date and surname fit this IIN."""

    MATCH = "MATCH"
    MISMATCH = "MISMATCH"
    """Something does not fit: probably another person's IIN."""
    NOT_KNOWN = "NOT_KNOWN"
    UNRECOGNISED = "UNRECOGNISED"


class MonthSettlement(StrEnum):
    """What settled a month."""

    PAYMENT = "PAYMENT"
    NOT_BY_PAYMENT = "NOT_BY_PAYMENT"
    UNSETTLED = "UNSETTLED"
    UNRECOGNISED = "UNRECOGNISED"


class ReceiptVerdict(StrEnum):
    """What a receipt is worth."""

    GENUINE = "GENUINE"
    """About this person, and the same question is answered the same."""
    NOT_GENUINE = "NOT_GENUINE"
    """No receipt, changed, or not of this gateway."""
    OTHER_PERSON = "OTHER_PERSON"
    NOT_REPEATED = "NOT_REPEATED"
    """Genuine, but the gateway answers otherwise now: a defect, to be reported."""
    UNRECOGNISED = "UNRECOGNISED"


class RegisterOutcome(StrEnum):
    """What became of a register."""

    COMMITTED = "COMMITTED"
    ALREADY_COMMITTED = "ALREADY_COMMITTED"
    """Committed before with the same content; the first result again."""
    REFUSED = "REFUSED"
    """Nothing of it counts."""
    UNRECOGNISED = "UNRECOGNISED"


class RegisterRefusal(StrEnum):
    """Why a register was refused."""

    TOTALS_MISMATCH = "TOTALS_MISMATCH"
    CONFLICT = "CONFLICT"
    """This reference was committed with other content."""
    INVALID = "INVALID"
    DUPLICATE_LINE = "DUPLICATE_LINE"
    TOO_LARGE = "TOO_LARGE"
    EMPTY = "EMPTY"
    UNRECOGNISED = "UNRECOGNISED"


class LineIssue(StrEnum):
    """What is wrong, or only looks strange, with a row."""

    IIN_MALFORMED = "IIN_MALFORMED"
    IIN_CHECK_DIGIT = "IIN_CHECK_DIGIT"
    PERIOD_MALFORMED = "PERIOD_MALFORMED"
    PERIOD_OUT_OF_RANGE = "PERIOD_OUT_OF_RANGE"
    PURPOSE_CODE_UNKNOWN = "PURPOSE_CODE_UNKNOWN"
    AMOUNT_NOT_POSITIVE = "AMOUNT_NOT_POSITIVE"
    BIRTH_DATE = "BIRTH_DATE"
    IIN_SEVENTH_DIGIT = "IIN_SEVENTH_DIGIT"
    PAYER_BIN = "PAYER_BIN"
    UNRECOGNISED = "UNRECOGNISED"


class SuspenseState(StrEnum):
    """Where a line that went to suspense is now."""

    SUSPENDED = "SUSPENDED"
    CORRECTED = "CORRECTED"
    REFUNDED = "REFUNDED"
    UNRECOGNISED = "UNRECOGNISED"


class ResolutionOutcome(StrEnum):
    """What became of a suspended line that was to be resolved."""

    RESOLVED = "RESOLVED"
    ALREADY_RESOLVED = "ALREADY_RESOLVED"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    """Resolved before in another way; nothing changed."""
    STILL_INVALID = "STILL_INVALID"
    UNRECOGNISED = "UNRECOGNISED"


class ReversalOutcome(StrEnum):
    """What became of one reversal line."""

    REVERSED = "REVERSED"
    ALREADY_REVERSED = "ALREADY_REVERSED"
    CONFLICT = "CONFLICT"
    """This reversal line was used before with other content."""
    PAYMENT_NOT_FOUND = "PAYMENT_NOT_FOUND"
    EXCEEDS_PAYMENT = "EXCEEDS_PAYMENT"
    INVALID = "INVALID"
    UNRECOGNISED = "UNRECOGNISED"


class SyncKind(StrEnum):
    """What a sync of categories is."""

    DELTA = "DELTA"
    """Changes since the sender's last delta."""
    SNAPSHOT = "SNAPSHOT"
    """Everything in its scope; what it no longer contains is closed."""


class SyncOutcome(StrEnum):
    """What became of a sync."""

    APPLIED = "APPLIED"
    ALREADY_APPLIED = "ALREADY_APPLIED"
    HELD = "HELD"
    """A snapshot that would close too many spans: nothing changed, it waits for a release."""
    UNRECOGNISED = "UNRECOGNISED"


class RecordIssue(StrEnum):
    """Why a category record was rejected."""

    IIN = "IIN"
    SOURCE = "SOURCE"
    CATEGORY = "CATEGORY"
    ASSIGNED_ON = "ASSIGNED_ON"
    REMOVED_ON = "REMOVED_ON"
    SCOPE = "SCOPE"
    REMOVAL = "REMOVAL"
    UNRECOGNISED = "UNRECOGNISED"


class FeedKind(StrEnum):
    """What a feed of a source carries."""

    REGISTERS = "REGISTERS"
    CATEGORIES = "CATEGORIES"
    UNRECOGNISED = "UNRECOGNISED"


class CategoryKind(StrEnum):
    """What a category gives."""

    STATE_PAID = "STATE_PAID"
    EXEMPT = "EXEMPT"
    ON_VISIT = "ON_VISIT"
    DECEASED = "DECEASED"
    NONE = "NONE"
    UNRECOGNISED = "UNRECOGNISED"


class AssignmentKind(StrEnum):
    """What an assignment gives."""

    BUDGET_PAID = "BUDGET_PAID"
    """The state pays or the law exempts; which of the two, operators of the Fund alone are told."""
    STATE_PAID = "STATE_PAID"
    EXEMPT = "EXEMPT"
    ON_VISIT = "ON_VISIT"
    UNRECOGNISED = "UNRECOGNISED"


class AccessKind(StrEnum):
    """What a person's data was read by."""

    LOOKUP = "LOOKUP"
    BATCH = "BATCH"
    STREAM = "STREAM"
    EXPLAIN = "EXPLAIN"
    WATCH = "WATCH"
    RECEIPT = "RECEIPT"
    ROSTER_REPORT = "ROSTER_REPORT"
    ROSTER_LIST = "ROSTER_LIST"
    PAYMENTS = "PAYMENTS"
    ASSIGNMENTS = "ASSIGNMENTS"
    SUSPENSE = "SUSPENSE"
    ACCESSES = "ACCESSES"
    UNRECOGNISED = "UNRECOGNISED"


class MemberIssue(StrEnum):
    """Why a line of a roster's list was rejected."""

    IIN = "IIN"
    ATTACHED_ON = "ATTACHED_ON"
    LAST_VISIT_ON = "LAST_VISIT_ON"
    UNRECOGNISED = "UNRECOGNISED"


class NormGroup(StrEnum):
    """What members of a roster are to the financing of their clinic."""

    FULL = "FULL"
    UNINSURED = "UNINSURED"
    NOT_SEEN = "NOT_SEEN"
    UNINSURED_NOT_SEEN = "UNINSURED_NOT_SEEN"
    UNRECOGNISED = "UNRECOGNISED"


class ChangeKind(StrEnum):
    """What kind of change a watcher is told of."""

    STATE = "STATE"
    """The answer for today became another."""
    CORRECTED = "CORRECTED"
    """Only the status of other days did: check bills from the effective day on again."""
    UNRECOGNISED = "UNRECOGNISED"


class ChangeCause(StrEnum):
    """Why an answer changed."""

    PAYMENT = "PAYMENT"
    REVERSAL = "REVERSAL"
    CATEGORY = "CATEGORY"
    LAW = "LAW"
    PASSING_OF_TIME = "PASSING_OF_TIME"
    REPAIR = "REPAIR"
    UNRECOGNISED = "UNRECOGNISED"
