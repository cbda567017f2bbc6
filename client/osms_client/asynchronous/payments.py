"""Calls of PaymentService: registers, suspense, reversals."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from datetime import date

from osms_client.asynchronous.connection import Connection
from osms_client.asynchronous.stream import converse, each
from osms_client.registers import Payment, Register, RegisterResult, RegisterSummary
from osms_client.remedies import (
    Resolution,
    ResolutionResults,
    Reversal,
    ReversalResults,
    SuspendedRow,
)
from osms_client.talks import RegisterTalk
from osms_client.vocabulary import LineIssue, SuspenseState
from osms_client.wire import payments, remedies


class PaymentCalls(Connection):
    """Money in, and what became of it."""

    def ingest(
        self,
        registers: Iterable[Register] | AsyncIterable[Register],
        *,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[RegisterResult, None]:
        """Send registers and yield what became of each, in their order, once it is durable.

        Registers and their rows are read as they are sent, so memory stays constant. A refused
        register does not end the stream. After an error send the unanswered ones again: what was
        committed is then ALREADY_COMMITTED. What the iterable itself raises is raised here, and
        nothing of the register it was in counts.
        """
        return converse(
            self._open.payments.IngestRegisters,
            RegisterTalk(),
            each(registers),
            silence_s=self._deadlines.stream_silence_s,
            timeout_s=timeout_s,
        )

    async def get_register(
        self, source: str, reference: str, *, timeout_s: float | None = None
    ) -> RegisterSummary:
        """Return one register as it stands now; NotFoundError if there is none."""
        return await self._call(
            self._open.payments.GetRegister,
            payments.register_key(source, reference),
            payments.register,
            timeout_s or self._deadlines.call_s,
        )

    def list_registers(
        self,
        *,
        source: str = "",
        received_from: date | None = None,
        received_to: date | None = None,
        page_size: int = 0,
        timeout_s: float | None = None,
    ) -> AsyncIterator[RegisterSummary]:
        """Yield registers, newest first, page by page; both days are included."""
        return self._pages(
            self._open.payments.ListRegisters,
            payments.registers_request(
                source=source,
                received_from=received_from,
                received_to=received_to,
                page_size=page_size,
            ),
            payments.registers,
            timeout_s or self._deadlines.call_s,
        )

    def list_suspense(
        self,
        *,
        source: str = "",
        reference: str = "",
        issue: LineIssue | None = None,
        state: SuspenseState | None = None,
        received_from: date | None = None,
        received_to: date | None = None,
        page_size: int = 0,
        timeout_s: float | None = None,
    ) -> AsyncIterator[SuspendedRow]:
        """Yield lines that went to suspense, oldest first, page by page.

        ``reference`` needs ``source``; ``state`` None is any state.
        """
        return self._pages(
            self._open.payments.ListSuspense,
            remedies.suspense_request(
                source=source,
                reference=reference,
                issue=issue,
                state=state,
                received_from=received_from,
                received_to=received_to,
                page_size=page_size,
            ),
            remedies.suspended_rows,
            timeout_s or self._deadlines.call_s,
        )

    async def resolve_suspense(
        self,
        resolutions: Iterable[Resolution],
        *,
        operator_reason: str,
        timeout_s: float | None = None,
    ) -> ResolutionResults:
        """Correct or refund up to 10,000 suspended lines; what can be resolved is.

        The same call again is harmless: its lines are ALREADY_RESOLVED.
        """
        return await self._call(
            self._open.payments.ResolveSuspense,
            remedies.resolve_request(resolutions, operator_reason=operator_reason),
            remedies.resolution_results,
            timeout_s or self._deadlines.batch_s,
        )

    async def reverse_payments(
        self, reversal: Reversal, *, timeout_s: float | None = None
    ) -> ReversalResults:
        """Reverse up to 10,000 accepted payments, whole or in part; what can be reversed is.

        The same call again is harmless: its lines are ALREADY_REVERSED.
        """
        return await self._call(
            self._open.payments.ReversePayments,
            remedies.reverse_request(reversal),
            remedies.reversal_results,
            timeout_s or self._deadlines.batch_s,
        )

    def list_payments(
        self,
        iin: str,
        *,
        first_period: str = "",
        last_period: str = "",
        page_size: int = 0,
        timeout_s: float | None = None,
    ) -> AsyncIterator[Payment]:
        """Yield the payments for one person by period and day received, page by page.

        Periods are ``YYYY-MM`` and included.
        """
        return self._pages(
            self._open.payments.ListPayments,
            payments.payments_request(
                iin, first_period=first_period, last_period=last_period, page_size=page_size
            ),
            payments.payments,
            timeout_s or self._deadlines.call_s,
        )
