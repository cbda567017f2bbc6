"""Questions of ConsumerService as they are read from messages, each checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms.values import parse_iins
from osms_server.errors import RequestError
from osms_server.fields import NAME_MAX, Fields, Window


class Question(NamedTuple):
    """What is asked about one person."""

    iin: int
    day: date
    states_identity: bool = False
    surname: str = ""
    birth_date: date | None = None
    case_reference: str = ""
    """The caller's own number of the case."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all items of a batch or stream share."""

    service_date: str
    """The day of items that name none; empty: today."""
    known: datetime | int | None
    """The knowledge time; None: now."""
    at_least_revision: int
    purpose: "core_pb2.Purpose.ValueType"


def read_question(
    fields: Fields, item: pb.LookupItem | pb.LookupConsumerRequest, day: str, window: Window
) -> Question:
    """Return the question about one person, for a day as it stands in a message."""
    case = fields.case_reference(item.case_reference) if item.case_reference else ""
    iin, on = fields.iin(item.iin), fields.service_date(day, "service_date", window)
    if not (item.surname or item.birth_date):
        return Question(iin, on, case_reference=case)
    surname = fields.text(item.surname, "surname", most=NAME_MAX)
    birth_date = fields.day(item.birth_date, "birth_date")
    return Question(iin, on, bool(surname or birth_date), surname, birth_date, case)


def read_questions(
    items: Sequence[pb.LookupItem], shared: Shared, window: Window
) -> tuple[list[Question | pb.LookupError], int]:
    """Return each item checked, or why it cannot be answered; and how many fail the check digit."""
    questions: list[Question | pb.LookupError] = []
    wrong_check_digits = 0
    fields = Fields()
    shared_day = fields.service_date(shared.service_date, "service_date", window)
    plain = not fields.violations
    for item, iin in zip(items, parse_iins([item.iin for item in items]), strict=True):
        if plain and iin is not None and not _says_more(item):
            # Nearly every item; the long way costs more than the decision.
            questions.append(Question(iin, shared_day))
            continue
        fields = Fields()
        question = read_question(fields, item, item.service_date or shared.service_date, window)
        error = fields.error()
        questions.append(question if error is None else _item_error(error))
        wrong_check_digits += fields.wrong_check_digits
    return questions, wrong_check_digits


def check_revision(
    fields: Fields, at_least_revision: int, known: datetime | int | None, path: str = ""
) -> None:
    """Check what `at_least_revision` a question states beside its knowledge time."""
    if at_least_revision < 0:
        fields.violate(f"{path}at_least_revision", "must not be negative")
    if at_least_revision and known is not None:
        fields.violate(f"{path}at_least_revision", "cannot be combined with a knowledge time")


def _says_more(item: pb.LookupItem) -> bool:
    """Tell whether an item holds anything beside an IIN."""
    return bool(item.service_date or item.case_reference or item.surname or item.birth_date)


def _item_error(error: RequestError) -> pb.LookupError:
    return pb.LookupError(reason=error.reason, field=error.violations[0].field, message=str(error))
