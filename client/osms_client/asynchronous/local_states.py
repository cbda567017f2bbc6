"""The states of watched people, kept in this program through an outage of the gateway."""

from __future__ import annotations  # grpc's own classes take no type arguments

import asyncio
from collections.abc import Iterable
from datetime import date
from types import TracebackType
from typing import Self

import grpc

from osms_client.asynchronous.gateway import AsyncGateway
from osms_client.eligibility import Eligibility
from osms_client.errors import InvalidAnswerError, OsmsError, UnansweredError
from osms_client.local_states import AGE_MAX_S, ANSWER_S, LocalCopy, LocalState
from osms_client.vocabulary import Language, Purpose
from osms_client.wire.failures import error_from
from osms_client.wire.watching import ended


class AsyncLocalStates:
    """The last told states of people: ``async with AsyncLocalStates(gateway, ...) as states:``.

    Of up to 10,000 ``iins`` or of the members of a ``roster``, read again every hour. Inside, a
    task follows the gateway's watch through every outage. It is all in memory: nothing of a person
    is ever written to a disk. ``age_max_s`` after the gateway was last heard, nothing is told any
    more. Leave it before its gateway.
    """

    def __init__(
        self,
        gateway: AsyncGateway,
        *,
        iins: Iterable[str] | None = None,
        roster: str = "",
        age_max_s: float = AGE_MAX_S,
    ) -> None:
        self._gateway = gateway
        self._copy = LocalCopy(iins, roster, age_max_s)
        self._settled = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._watching = self._gateway._open.consumers.WatchConsumers
        self._task = asyncio.create_task(self._follow(), name="osms-local-states")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()  # a defect of this client is not passed over

    async def wait_until_ready(self, timeout_s: float) -> None:
        """Wait until the states of all are here.

        Raises NothingKnownError if they are not in time, and a RefusedError, e.g. for a roster that
        is not known, as soon as the gateway says so.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        except TimeoutError:
            pass
        self._copy.require_ready()

    def get(self, iin: str) -> LocalState:
        """Return the state of a person as it was last told.

        Its ``status`` is None once ``valid_through`` has passed without word from the gateway.
        Raises NothingKnownError, never "not insured", for somebody who is not watched, before the
        states are here, and once they are too old.
        """
        return self._copy.get(iin)

    async def lookup(
        self,
        iin: str,
        *,
        purpose: Purpose,
        case_reference: str = "",
        birth_date: date | None = None,
        surname: str = "",
        language: Language = Language.KK,
        timeout_s: float = ANSWER_S,
    ) -> Eligibility | LocalState:
        """Ask the gateway about today; if nobody answers, return the state that was last told.

        Eligibility is the gateway's answer, LocalState is what is kept here: say its ``as_of``, and
        that no identity was compared. Its status is known; where it is not, the gateway's
        UnansweredError is raised.
        """
        try:
            return await self._gateway.lookup(
                iin,
                purpose=purpose,
                case_reference=case_reference,
                birth_date=birth_date,
                surname=surname,
                language=language,
                timeout_s=timeout_s,
            )
        except UnansweredError:
            state = self._copy.present(iin)
            if state is None:
                raise
            return state

    async def _follow(self) -> None:
        while True:
            call = self._watching(self._copy.begin(), wait_for_ready=True)
            error: OsmsError = ended()
            try:
                async for response in call:
                    if self._copy.take(response):
                        break
                    self._note()
            except grpc.RpcError as failure:
                error = error_from(failure)
            except InvalidAnswerError as unreadable:
                error = unreadable
            finally:
                call.cancel()
            pause_s = self._copy.broken(error)
            self._note()
            await asyncio.sleep(pause_s)

    def _note(self) -> None:
        if self._copy.settled:
            self._settled.set()
