"""One channel, opened with the gateway and used by all its calls."""

from __future__ import annotations  # grpc's own classes take no type arguments

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

import grpc

from osms.v1.access_service_pb2_grpc import AccessServiceStub
from osms.v1.category_service_pb2_grpc import CategoryServiceStub
from osms.v1.consumer_service_pb2_grpc import ConsumerServiceStub
from osms.v1.payment_service_pb2_grpc import PaymentServiceStub
from osms.v1.roster_service_pb2_grpc import RosterServiceStub
from osms_client.channel import Credentials, Deadlines, channel_options
from osms_client.paging import PageAnswer, PageQuestion
from osms_client.wire.failures import error_from

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Opened:
    """A channel and the services reached over it."""

    channel: grpc.Channel
    consumers: ConsumerServiceStub
    payments: PaymentServiceStub
    categories: CategoryServiceStub
    rosters: RosterServiceStub
    accesses: AccessServiceStub


class Connection:
    """The gateway at one address. Connects at the first call, and again when the link broke."""

    def __init__(
        self,
        target: str,
        *,
        credentials: Credentials = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        """Keep where to connect: ``host:port``; without credentials only on this machine."""
        self.target = target
        self._deadlines = deadlines or Deadlines()
        self._credentials = credentials
        self._options = channel_options(target, secure=credentials is not None)
        self._opened: Opened | None = None

    def __enter__(self) -> Self:
        if self._credentials is None:
            channel = grpc.insecure_channel(self.target, self._options)
        else:
            channel = grpc.secure_channel(self.target, self._credentials, self._options)
        self._opened = Opened(
            channel,
            ConsumerServiceStub(channel),
            PaymentServiceStub(channel),
            CategoryServiceStub(channel),
            RosterServiceStub(channel),
            AccessServiceStub(channel),
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            self._opened.channel.close()
            self._opened = None

    @property
    def _open(self) -> Opened:
        if self._opened is None:
            raise RuntimeError("the gateway is not open: use 'with Gateway(...) as gateway'")
        return self._opened

    def _call(
        self,
        method: grpc.UnaryUnaryMultiCallable[Question, Answer],
        question: Question,
        read: Callable[[Answer], Result],
        timeout_s: float,
    ) -> Result:
        try:
            answer = method(question, timeout=timeout_s)
        except grpc.RpcError as failure:
            raise error_from(failure) from failure
        return read(answer)

    def _pages(
        self,
        method: grpc.UnaryUnaryMultiCallable[PageQuestion, PageAnswer],
        question: PageQuestion,
        read: Callable[[PageAnswer], Iterable[Result]],
        timeout_s: float,
    ) -> Iterator[Result]:
        while True:
            page = self._call(method, question, lambda answer: answer, timeout_s)
            yield from read(page)
            if not page.next_page_token:
                return
            question.page_token = page.next_page_token
