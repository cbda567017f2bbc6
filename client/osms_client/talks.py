"""What is said on each stream, without saying how it is sent: one class for both gateways.

A talk takes units from the caller (a chunk of people, a register, a chunk of records), turns each
into messages, and turns answers into results. ``messages`` and ``results`` may run in two threads.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from osms.v1 import (
    category_service_pb2,
    consumer_service_pb2,
    payment_service_pb2,
    roster_service_pb2,
)
from osms_client.categories import CategoryRecord, RejectedRecord, SyncHeader, SyncResult
from osms_client.eligibility import LookupItem, LookupResult
from osms_client.errors import InvalidAnswerError
from osms_client.registers import Register, RegisterResult
from osms_client.rosters import RosterHeader, RosterMember, RosterSyncResult
from osms_client.wire import categories, lookups, payments, rosters

LOOKUP_CHUNK_ITEMS = 1_000
"""People asked about in one message of a stream, unless the caller says otherwise."""

LOOKUP_CHUNKS_IN_FLIGHT = 4
"""Chunks sent and not answered: enough to keep the server busy."""

REGISTERS_IN_FLIGHT = 32
"""Registers sent and not answered: the server may commit several together."""

SYNC_CHUNK_RECORDS = 5_000
"""Category records in one message."""

ROSTER_CHUNK_MEMBERS = 5_000
"""Members of a roster in one message."""

REJECTED_KEPT_MAX = 1_000
"""Rejected records kept in the result of a sync; a callback sees all."""

Unit = TypeVar("Unit", contravariant=True)
Question = TypeVar("Question", covariant=True)
Answer = TypeVar("Answer", contravariant=True)
Result = TypeVar("Result", covariant=True)


class Talk(Protocol[Unit, Question, Answer, Result]):
    """One conversation on a stream."""

    @property
    def in_flight_max(self) -> int | None:
        """Units that may be unanswered; None where answers do not come one for each unit."""

    def messages(self, unit: Unit) -> Iterator[Question]:
        """Return the messages that say one unit."""

    def last_messages(self) -> Iterator[Question]:
        """Return the messages that say that no more units follow."""

    def results(self, answer: Answer) -> Iterable[Result]:
        """Return what one answer says."""

    def end(self) -> None:
        """Raise InvalidAnswerError if the stream ended in good order with something unanswered."""


class LookupTalk:
    """Asks about chunks of people; each chunk gets one answer."""

    in_flight_max: int | None = LOOKUP_CHUNKS_IN_FLIGHT

    def __init__(self, options: lookups.Options) -> None:
        self._options: consumer_service_pb2.LookupOptions | None = options.message()
        self._asked: deque[list[str]] = deque()

    def messages(
        self, unit: list[LookupItem | str]
    ) -> Iterator[consumer_service_pb2.StreamLookupConsumersRequest]:
        """Return one message; the first one carries what all share."""
        self._asked.append([lookups.as_item(item).iin for item in unit])
        yield consumer_service_pb2.StreamLookupConsumersRequest(
            options=self._options, items=lookups.item_messages(unit)
        )
        self._options = None

    def last_messages(self) -> Iterator[consumer_service_pb2.StreamLookupConsumersRequest]:
        """Return the shared options if nobody was asked about, so that they are checked anyway."""
        if self._options is not None:
            yield from self.messages([])

    def results(
        self, answer: consumer_service_pb2.StreamLookupConsumersResponse
    ) -> Iterable[LookupResult]:
        """Return the results of one chunk."""
        if not self._asked:
            raise InvalidAnswerError("an answer to a chunk that was not sent")
        return lookups.results(answer, self._asked.popleft())

    def end(self) -> None:
        """Raise InvalidAnswerError if a chunk is unanswered."""
        if self._asked:
            raise InvalidAnswerError(f"the stream ended with {len(self._asked)} chunks unanswered")


class RegisterTalk:
    """Sends registers; each gets one answer, in their order."""

    in_flight_max: int | None = REGISTERS_IN_FLIGHT

    def __init__(self) -> None:
        self._sent: deque[tuple[str, str]] = deque()

    def messages(self, unit: Register) -> Iterator[payment_service_pb2.IngestRegistersRequest]:
        """Return the parts of one register."""
        self._sent.append((unit.source, unit.reference))
        yield from payments.register_messages(unit)

    def last_messages(self) -> Iterator[payment_service_pb2.IngestRegistersRequest]:
        """Return nothing: the last register ended itself."""
        yield from ()

    def results(
        self, answer: payment_service_pb2.IngestRegistersResponse
    ) -> Iterable[RegisterResult]:
        """Return what became of the next register."""
        result = payments.register_result(answer)
        if not self._sent or self._sent.popleft() != (result.source, result.reference):
            raise InvalidAnswerError("a result for another register than the next one")
        return (result,)

    def end(self) -> None:
        """Raise InvalidAnswerError if a register is unanswered."""
        if self._sent:
            raise InvalidAnswerError(f"the stream ended with {len(self._sent)} unanswered")


class SyncTalk:
    """Sends one sync of categories; rejected records come meanwhile, the result at the end."""

    in_flight_max: int | None = None

    def __init__(
        self, header: SyncHeader, on_rejected: Callable[[RejectedRecord], object] | None
    ) -> None:
        self._header: category_service_pb2.SyncCategoriesRequest | None
        self._header = categories.header_message(header)
        self._on_rejected = on_rejected
        self._rejected: list[RejectedRecord] = []
        self._ended = False

    def messages(
        self, unit: list[CategoryRecord]
    ) -> Iterator[category_service_pb2.SyncCategoriesRequest]:
        """Return a chunk, before the first one the header."""
        yield from self._opening()
        yield categories.chunk_message(unit)

    def last_messages(self) -> Iterator[category_service_pb2.SyncCategoriesRequest]:
        """Return the commit; an empty delta still has its header."""
        yield from self._opening()
        yield categories.commit_message()

    def _opening(self) -> Iterator[category_service_pb2.SyncCategoriesRequest]:
        if self._header is not None:
            yield self._header
            self._header = None

    def results(self, answer: category_service_pb2.SyncCategoriesResponse) -> Iterable[SyncResult]:
        """Pass on rejected records; return the result when it has come."""
        for record in categories.rejected_records(answer):
            if len(self._rejected) < REJECTED_KEPT_MAX:
                self._rejected.append(record)
            if self._on_rejected is not None:
                self._on_rejected(record)
        if not answer.HasField("result"):
            return ()
        self._ended = True
        return (categories.sync_result(answer.result, self._rejected),)

    def end(self) -> None:
        """Raise InvalidAnswerError if no result came."""
        if not self._ended:
            raise InvalidAnswerError("the stream ended without a result of the sync")


class RosterTalk:
    """Sends one list of a roster; the result comes at the end."""

    in_flight_max: int | None = None

    def __init__(self, header: RosterHeader) -> None:
        self._header: roster_service_pb2.SyncRosterRequest | None
        self._header = rosters.header_message(header)
        self._ended = False

    def messages(self, unit: list[RosterMember]) -> Iterator[roster_service_pb2.SyncRosterRequest]:
        """Return a chunk, before the first one the header."""
        yield from self._opening()
        yield rosters.chunk_message(unit)

    def last_messages(self) -> Iterator[roster_service_pb2.SyncRosterRequest]:
        """Return the commit; an empty list still has its header."""
        yield from self._opening()
        yield rosters.commit_message()

    def _opening(self) -> Iterator[roster_service_pb2.SyncRosterRequest]:
        if self._header is not None:
            yield self._header
            self._header = None

    def results(self, answer: roster_service_pb2.SyncRosterResponse) -> Iterable[RosterSyncResult]:
        """Return what became of the list."""
        result = rosters.sync_result(answer)
        self._ended = True
        return (result,)

    def end(self) -> None:
        """Raise InvalidAnswerError if no result came."""
        if not self._ended:
            raise InvalidAnswerError("the stream ended without a result of the list")
