"""Days, instants and enum words on the wire."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Generic, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from osms.v1 import core_pb2
from osms.values import parse_date
from osms_client.eligibility import KnownAt
from osms_client.errors import InvalidAnswerError

Word = TypeVar("Word", bound=StrEnum)
Number = TypeVar("Number", bound=int)


class Words(Generic[Word, Number]):
    """Reads and writes one enum of the contract as an enum of this package, by name."""

    def __init__(self, words: type[Word], value: Callable[[str], Number], *, prefix: str) -> None:
        self._words = words
        self._numbers = {word: value(f"{prefix}_{word.name}") for word in _sent(words)}
        self._by_number: dict[int, Word] = {number: word for word, number in self._numbers.items()}

    def number(self, word: Word) -> Number:
        """Return the number to send; raise ValueError for what is not one of the words."""
        return self._numbers[self._words(word)]

    def word(self, number: int) -> Word:
        """Return the word, UNRECOGNISED if this client does not know it."""
        found = self._by_number.get(number)
        return self._words("UNRECOGNISED") if found is None else found

    def word_or_none(self, number: int) -> Word | None:
        """Return the word, None for zero: not said."""
        return self.word(number) if number else None

    def word_required(self, number: int) -> Word:
        """Return the word; raise InvalidAnswerError if this client does not know it."""
        found = self._by_number.get(number)
        if found is None:
            raise InvalidAnswerError(f"unreadable {self._words.__name__}: {number}")
        return found


def _sent(words: type[Word]) -> list[Word]:
    return [word for word in words if word.name != "UNRECOGNISED"]


def day_text(day: date | None, name: str) -> str:
    """Return a day as it is sent, empty for None; raise TypeError with its name if it is none."""
    if isinstance(day, datetime):
        raise TypeError(f"{name} is a date, not a datetime: take its date in Almaty first")
    if day is not None and not isinstance(day, date):
        raise TypeError(f"{name} is a datetime.date or None, not {type(day).__name__}")
    return day.isoformat() if day else ""


def day(text: str) -> date:
    """Return a day that an answer must have."""
    try:
        return parse_date(text)
    except ValueError as error:
        raise InvalidAnswerError(f"not a date: {text!r}") from error


def day_or_none(text: str) -> date | None:
    """Return a day; None if it is empty."""
    return day(text) if text else None


def instant(timestamp: Timestamp) -> datetime:
    """Return an instant as an aware UTC datetime."""
    return timestamp.ToDatetime(tzinfo=UTC)


def knowledge(known: KnownAt) -> core_pb2.KnowledgeTime | None:
    """Return a knowledge time as it is sent; None for now."""
    if known is None:
        return None
    if isinstance(known, datetime):
        if known.tzinfo is None:
            raise ValueError("known: a datetime needs a time zone")
        at = Timestamp()
        at.FromDatetime(known)
        return core_pb2.KnowledgeTime(at=at)
    if isinstance(known, date):
        return core_pb2.KnowledgeTime(on=known.isoformat())
    return core_pb2.KnowledgeTime(revision=known)
