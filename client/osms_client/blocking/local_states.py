"""The states of watched people, kept in this program through an outage of the gateway."""

from __future__ import annotations  # grpc's own classes take no type arguments

import threading
from collections.abc import Iterable
from datetime import date
from types import TracebackType
from typing import Self

import grpc

from osms_client.blocking.gateway import Gateway
from osms_client.eligibility import Eligibility
from osms_client.errors import InvalidAnswerError, OsmsError, UnansweredError
from osms_client.local_states import AGE_MAX_S, ANSWER_S, LocalCopy, LocalState
from osms_client.vocabulary import Language, Purpose
from osms_client.wire.failures import error_from
from osms_client.wire.watching import ended


class LocalStates:
    """The last told states of people: ``with LocalStates(gateway, roster="...") as states:``.

    Of up to 10,000 ``iins`` or of the members of a ``roster``, read again every hour. Inside, a
    thread follows the gateway's watch through every outage. It is all in memory: nothing of a
    person is ever written to a disk. ``age_max_s`` after the gateway was last heard, nothing is
    told any more. May be used from many threads; leave it before its gateway.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        iins: Iterable[str] | None = None,
        roster: str = "",
        age_max_s: float = AGE_MAX_S,
    ) -> None:
        self._gateway = gateway
        self._copy = LocalCopy(iins, roster, age_max_s)
        self._settled = threading.Event()
        self._left = threading.Event()
        self._call: grpc.RpcContext | None = None
        self._thread = threading.Thread(target=self._follow, name="osms-local-states", daemon=True)

    def __enter__(self) -> Self:
        self._watching = self._gateway._open.consumers.WatchConsumers
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._left.set()
        if self._call is not None:
            self._call.cancel()
        self._thread.join()

    def wait_until_ready(self, timeout_s: float) -> None:
        """Wait until the states of all are here.

        Raises NothingKnownError if they are not in time, and a RefusedError, e.g. for a roster that
        is not known, as soon as the gateway says so.
        """
        self._settled.wait(timeout_s)
        self._copy.require_ready()

    def get(self, iin: str) -> LocalState:
        """Return the state of a person as it was last told.

        Its ``status`` is None once ``valid_through`` has passed without word from the gateway.
        Raises NothingKnownError, never "not insured", for somebody who is not watched, before the
        states are here, and once they are too old.
        """
        return self._copy.get(iin)

    def lookup(
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
            return self._gateway.lookup(
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

    def _follow(self) -> None:
        while not self._left.is_set():
            self._call = call = self._watching(self._copy.begin(), wait_for_ready=True)
            if self._left.is_set():  # just before there was a call to cancel
                call.cancel()
            error: OsmsError = ended()
            try:
                for response in call:
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
            self._left.wait(pause_s)

    def _note(self) -> None:
        if self._copy.settled:
            self._settled.set()
