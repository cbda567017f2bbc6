"""Where wire values become domain values; every violation of a request is reported at once."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from osms.v1 import core_pb2
from osms.values import (
    ALMATY,
    IinCheckDigitError,
    IinMalformedError,
    almaty_date,
    parse_date,
    parse_iin,
    parse_iins,
    parse_month,
)
from osms_server.errors import Reason, RequestError, Violation
from osms_server.rules.texts import Language
from osms_storage.clock import to_microseconds

CASE_REFERENCE_MAX = 64
NAME_MAX = 200
REFERENCE_MAX = 64
DATES_MAX = 4_096


FIELD_SEPARATOR, ROW_START = "\x1f", "\x1e"
"""What stands between the texts of a canonical form: no cleaned text holds either."""
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), " ")
_TWELVE_DIGITS = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_PURPOSES = frozenset(core_pb2.Purpose.values()) - {core_pb2.PURPOSE_UNSPECIFIED}
_LANGUAGES: dict[int, Language] = {
    core_pb2.LANGUAGE_UNSPECIFIED: "kk",
    core_pb2.LANGUAGE_KK: "kk",
    core_pb2.LANGUAGE_RU: "ru",
    core_pb2.LANGUAGE_EN: "en",
}


_date = lru_cache(maxsize=DATES_MAX)(parse_date)
"""Most requests of a day name one of few dates."""


class Window(NamedTuple):
    """The days that may be asked about, as they stand on one day."""

    today: date
    """In Almaty; what is meant where no day is named."""
    first: date
    last: date


class Fields:
    """Reads the fields of one request and remembers what is wrong with them."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.wrong_check_digits = 0
        """Of IINs: a typing error, or somebody who tries out numbers."""
        self._reasons: list[tuple[Reason.ValueType, Mapping[str, str]]] = []

    def violate(
        self,
        field: str,
        description: str,
        reason: Reason.ValueType = Reason.ERROR_REASON_INVALID_REQUEST,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Remember that a field breaks a rule."""
        self.violations.append(Violation(field, description))
        self._reasons.append((reason, metadata or {}))

    def error(self) -> RequestError | None:
        """Return the error of all violations, with their own reason if they have one in common."""
        if not self.violations:
            return None
        reasons = {reason for reason, _ in self._reasons}
        if len(reasons) == 1 and (reason := reasons.pop()) != Reason.ERROR_REASON_INVALID_REQUEST:
            metadata = dict(self._reasons[0][1])
        else:
            reason = Reason.ERROR_REASON_INVALID_REQUEST
            metadata = {"field_violations": str(len(self.violations))}
        message = "; ".join(f"{v.field}: {v.description}" for v in self.violations[:5])
        return RequestError(reason, message, metadata, self.violations)

    def check(self) -> None:
        """Raise RequestError if anything is wrong."""
        if error := self.error():
            raise error

    def iin(self, text: str, field: str = "iin") -> int:
        """Return a valid IIN; 0 if it is not."""
        if (number := parse_iins((text,))[0]) is not None:
            return number
        try:
            parse_iin(text)
        except IinMalformedError:
            description = "must be 12 ASCII digits"
        except IinCheckDigitError:
            description = "has a wrong check digit"
            self.wrong_check_digits += 1
        self.violate(field, description, Reason.ERROR_REASON_IIN_INVALID, {"field": field})
        return 0

    def day(self, text: str, field: str, *, required: bool = False) -> date | None:
        """Return a calendar date, or None if it is absent or wrong."""
        if not text:
            if required:
                self.violate(field, "is required")
            return None
        try:
            return _date(text)
        except ValueError:
            self.violate(field, "must be a date YYYY-MM-DD that exists")
            return None

    def month(self, text: str, field: str) -> int | None:
        """Return a month, or None if it is absent or wrong."""
        if not text:
            return None
        try:
            return parse_month(text)
        except ValueError:
            self.violate(field, "must be a month YYYY-MM")
            return None

    def text(self, value: str, field: str, *, most: int, required: bool = False) -> str:
        """Return a clean text."""
        value = clean(value)
        if required and not value:
            self.violate(field, "is required")
        if len(value) > most:
            self.violate(field, f"must have at most {most} characters")
        return value

    def service_date(self, text: str, field: str, window: Window) -> date:
        """Return the day a question is about, inside the window of days that may be asked."""
        day = self.day(text, field) if text else window.today
        if day is not None and not window.first <= day <= window.last:
            self.violate(
                field,
                f"must be from {window.first} to {window.last}",
                Reason.ERROR_REASON_SERVICE_DATE_OUT_OF_RANGE,
                {"first_date": str(window.first), "last_date": str(window.last)},
            )
        return day or window.today

    def purpose(self, value: "core_pb2.Purpose.ValueType", field: str = "purpose") -> None:
        """Require a purpose that the contract names."""
        if value not in _PURPOSES:
            self.violate(field, "is required")

    def language(self, value: "core_pb2.Language.ValueType") -> Language:
        """Return kk, ru or en; Kazakh unless another is asked for."""
        if value not in _LANGUAGES:
            self.violate("language", "is not a language of the contract")
        return _LANGUAGES.get(value, "kk")

    def known(
        self, known: core_pb2.KnowledgeTime, now: datetime, field: str = "known"
    ) -> datetime | int | None:
        """Return a knowledge time as an instant or a revision; None: the newest."""
        which = known.WhichOneof("known")
        if which is None:
            return None
        if which == "revision":
            if known.revision < 0:
                self.violate(f"{field}.revision", "must not be negative")
            return known.revision
        if which == "at":
            instant = self.instant(known.at, f"{field}.at")
        else:
            return self._end_of_day(known.on, f"{field}.on", now)
        if instant is not None and instant > now:
            self._in_future(f"{field}.at", now)
        return instant

    def _in_future(self, field: str, now: datetime) -> None:
        self.violate(
            field,
            "must not lie in the future",
            Reason.ERROR_REASON_KNOWN_AT_IN_FUTURE,
            {"now": now.isoformat()},
        )

    def _end_of_day(self, text: str, field: str, now: datetime) -> datetime | None:
        """Return the end of a day in Almaty, not after today's."""
        day = self.day(text, field, required=True)
        if day is None:
            return None
        if day <= almaty_date(now):
            return end_of_day(day)
        self._in_future(field, now)
        return None

    def case_reference(self, value: str) -> str:
        """Return a case reference, which names a case, not a person."""
        value = self.text(value, "case_reference", most=CASE_REFERENCE_MAX)
        if any(_valid_iin(digits) for digits in _TWELVE_DIGITS.findall(value)):
            self.violate("case_reference", "must not hold an IIN")
        return value

    def instant(self, value: Timestamp, field: str) -> datetime | None:
        """Return an instant, or None if it is none."""
        try:
            return value.ToDatetime(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.violate(field, "is not an instant")
            return None


def _valid_iin(digits: str) -> bool:
    try:
        parse_iin(digits)
    except ValueError:
        return False
    return True


def clean(value: str) -> str:
    """Return a text trimmed and in Unicode form NFC; control characters become spaces."""
    if not value.isprintable():
        value = value.translate(_CONTROLS)
    value = value.strip()
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def clean_all(values: list[str]) -> list[str]:
    """Return each text as clean does."""
    joined = "".join(values)
    if joined.isprintable() and (
        # Apart: marks at the beginning of a text do not combine with the one before.
        joined.isascii() or unicodedata.is_normalized("NFC", FIELD_SEPARATOR.join(values))
    ):
        return list(map(str.strip, values))
    return list(map(clean, values))


def end_of_day(day: date) -> datetime:
    """Return the last instant of a day in Almaty."""
    midnight = datetime.combine(day, time.min, ALMATY) + timedelta(days=1)
    return midnight.astimezone(UTC) - timedelta(microseconds=1)


def timestamp(instant: datetime) -> Timestamp:
    """Return an instant as it goes on the wire."""
    value = Timestamp()
    set_timestamp(value, instant)
    return value


def set_timestamp(value: Timestamp, instant: datetime) -> None:
    """Write an instant into a message; by whole numbers, at a tenth of FromDatetime's cost."""
    seconds, microseconds = divmod(to_microseconds(instant), 1_000_000)
    value.seconds = seconds
    value.nanos = microseconds * 1_000
