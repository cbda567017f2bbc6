"""PaymentService: registers in, every tiyn accounted for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import grpc

from osms.v1 import access_record_pb2, core_pb2, payment_service_pb2_grpc
from osms.v1 import payment_service_pb2 as pb
from osms.values import almaty_date, parse_iins
from osms_server import messages
from osms_server.access.recorder import Recorder
from osms_server.errors import Reason, RequestError, limit_exceeded
from osms_server.fields import REFERENCE_MAX, Fields, clean
from osms_server.grouping import Commit, RegisterWriter
from osms_server.identity.rights import check_mended, check_sender, check_sources
from osms_server.intake import Room, in_order
from osms_server.law import Laws
from osms_server.meter import Meter
from osms_server.payment_lists import PaymentLists
from osms_server.registers import Checked, Refusal, check_register
from osms_server.remedies import resolve, reverse
from osms_server.settings import Settings
from osms_storage.differences import differing_line
from osms_storage.records import CommittedRegister
from osms_storage.registers import find_registers, register_states
from osms_storage.store import Store
from osms_storage.suspense import SuspenseFilter, list_suspense

OPERATOR_REASON_MAX = 500
GROUPS_AHEAD = 2
"""While a group of registers is written, the next one is checked; streams read no further."""
REGISTER_BYTES_MAX = 128 * 1024 * 1024
"""The largest register, as it is held in memory whole: rows of 100,000 people need a fifth."""

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(slots=True)
class _Received:
    """A register as its messages came."""

    header: pb.Register
    rows: list[pb.PaymentRow] = field(default_factory=list)
    row_count: int = 0
    byte_count: int = 0
    checked: Checked | Refusal | None = None


def _weight(received: _Received) -> int:
    """Return how many rows are to be written."""
    return 0 if isinstance(received.checked, Refusal) else received.row_count


class PaymentServicer(payment_service_pb2_grpc.PaymentServiceServicer):
    """Takes registers, and shows and resolves what became of their lines."""

    def __init__(
        self, store: Store, laws: Laws, settings: Settings, recorder: Recorder, meter: Meter
    ) -> None:
        self._store = store
        self._laws = laws
        self._lists = PaymentLists(store, laws)
        self._recorder = recorder
        self._meter = meter
        self._settings = settings
        # One register at a time is checked, so that lookups wait for no more than a part of one,
        # and the first is written while the next is checked.
        self._checking = asyncio.Lock()
        self._room = Room(GROUPS_AHEAD * settings.group_rows_max)
        self._writer = RegisterWriter(store, laws, group_rows_max=settings.group_rows_max)

    # --- registers -------------------------------------------------------------------------------

    async def IngestRegisters(
        self, request_iterator: AsyncIterator[pb.IngestRegistersRequest], context: Context
    ) -> AsyncIterator[pb.IngestRegistersResponse]:
        """Commit register after register; those that wait together share a commit."""
        results = in_order(
            self._checked(request_iterator),
            self._commit,
            weigh=_weight,
            room=self._room,
        )
        async with aclosing(results):
            async for result in results:
                yield pb.IngestRegistersResponse(result=result)

    async def _registers(
        self, requests: AsyncIterator[pb.IngestRegistersRequest]
    ) -> AsyncIterator[_Received]:
        """Put registers together from their messages; rows above the limit are only counted."""
        register: _Received | None = None
        async for request in requests:
            part = request.register
            if register is None:
                check_sender(part.source)
                register = _Received(part)
            elif any(field.name != "rows" for field, _ in part.ListFields()):
                raise RequestError(
                    Reason.ERROR_REASON_STREAM_OUT_OF_ORDER,
                    "A message that continues a register may hold only rows.",
                    {"expected": "rows"},
                )
            register.row_count += len(part.rows)
            register.byte_count += part.ByteSize()
            too_many = register.row_count > self._settings.register_rows_max
            if not too_many and register.byte_count <= REGISTER_BYTES_MAX:
                register.rows.extend(part.rows)
            if not request.more_follows:
                yield register
                register = None
        if register is not None:
            raise RequestError(
                Reason.ERROR_REASON_STREAM_OUT_OF_ORDER,
                "The stream ended inside a register; nothing of that register counts.",
                {"expected": "rows"},
            )

    async def _checked(
        self, requests: AsyncIterator[pb.IngestRegistersRequest]
    ) -> AsyncIterator[_Received]:
        """Check registers one after the other, so that they are committed in their order."""
        limit = self._settings.register_rows_max
        async for received in self._registers(requests):
            if received.row_count > limit or received.byte_count > REGISTER_BYTES_MAX:
                counted = str(received.row_count)
                received.checked = Refusal(
                    pb.REGISTER_REFUSAL_TOO_LARGE, "rows", counted=counted, declared=str(limit)
                )
            else:
                law = await self._laws.newest()
                today = almaty_date(self._store.clock())
                header, rows = received.header, received.rows
                async with self._checking:
                    received.checked = await check_register(header, rows, law, today)
                received.rows = []
                header.ClearField("rows")
            yield received

    async def _commit(self, received: _Received) -> pb.RegisterResult:
        header, checked = received.header, received.checked
        assert checked is not None
        if isinstance(checked, Refusal):
            return messages.refused(header, checked)
        outcome = await self._writer.commit(checked.register)
        if isinstance(outcome, Commit):
            return messages.committed(header, checked, outcome)
        if outcome.content == checked.register.content:
            return await self._committed_before(header, outcome)
        return messages.refused(header, await self._conflict(checked, outcome))

    async def _committed_before(
        self, header: pb.Register, committed: CommittedRegister
    ) -> pb.RegisterResult:
        result = messages.committed_before(header, committed)
        if committed.suspended.rows:
            wanted = SuspenseFilter(committed.source_id, committed.reference)
            async with self._store.deciding() as connection:
                entries = await list_suspense(
                    connection, wanted, after=None, limit=committed.suspended.rows
                )
            result.suspended_lines.extend(messages.notice(entry.suspension) for entry in entries)
        return result

    async def _conflict(self, checked: Checked, committed: CommittedRegister) -> Refusal:
        new = checked.register
        for name, before, now in (
            ("received_on", committed.received_on, new.received_on),
            ("payer", committed.payer, new.payer),
            ("purpose_code", committed.purpose_code, new.purpose_code),
            ("declared.people", committed.people, new.people),
            ("declared.documents", committed.documents, new.documents),
            ("declared.amount_tiyn", committed.total.amount_tiyn, new.amount_tiyn),
            ("rows", committed.total.rows, len(new.accepted) + len(new.suspended)),
        ):
            if before != now:
                shown = ("", "") if name == "payer" else (str(before), str(now))
                return Refusal(pb.REGISTER_REFUSAL_CONFLICT, name, *shown)
        async with self._store.deciding() as connection:
            difference = await differing_line(connection, committed.register_id, new)
        if difference is None:
            return Refusal(pb.REGISTER_REFUSAL_CONFLICT, "rows")
        path = f"rows[{difference.line_no}].{difference.field}"
        # Values are told only where they are no personal data.
        if difference.field != "amount_tiyn":
            return Refusal(pb.REGISTER_REFUSAL_CONFLICT, path)
        values = (str(difference.before), str(difference.now))
        return Refusal(pb.REGISTER_REFUSAL_CONFLICT, path, *values)

    async def GetRegister(
        self, request: pb.GetRegisterRequest, context: Context
    ) -> pb.GetRegisterResponse:
        """Show one register as it stands now."""
        check_sources([request.source])
        law = await self._laws.newest()
        source = law.data.sources.get(request.source)
        key = (source.id if source else -1, clean(request.reference))
        async with self._store.reading(newest=True) as connection:
            found = await find_registers(connection, [key])
            states = await register_states(connection, list(found.values()))
        if not states:
            raise RequestError(
                Reason.ERROR_REASON_REGISTER_NOT_FOUND,
                "No register with this source and reference.",
                {"source": request.source[:64], "reference": request.reference[:64]},
            )
        return pb.GetRegisterResponse(register=messages.summary(states[0], law))

    async def ListRegisters(
        self, request: pb.ListRegistersRequest, context: Context
    ) -> pb.ListRegistersResponse:
        """List registers, newest first."""
        check_sources([request.source])
        return await self._lists.registers(request)

    # --- suspense --------------------------------------------------------------------------------

    async def ListSuspense(
        self, request: pb.ListSuspenseRequest, context: Context
    ) -> pb.ListSuspenseResponse:
        """List lines that went to suspense, oldest first."""
        check_sources([request.source])
        response = await self._lists.suspense(request)
        # Those whose number can be read: of the others nobody knows who they are.
        people = [iin for iin in parse_iins([row.row.iin for row in response.rows]) if iin]
        await self._recorder.many(
            access_record_pb2.ACCESS_KIND_SUSPENSE, people, bytes(len(people))
        )
        return response

    async def ResolveSuspense(
        self, request: pb.ResolveSuspenseRequest, context: Context
    ) -> pb.ResolveSuspenseResponse:
        """Correct or refund suspended lines."""
        check_mended(item.source for item in request.resolutions)
        fields = Fields()
        operator_reason = fields.text(
            request.operator_reason, "operator_reason", most=OPERATOR_REASON_MAX, required=True
        )
        self._check_lines(fields, len(request.resolutions), "resolutions")
        for position, item in enumerate(request.resolutions):
            path = f"resolutions[{position}]"
            if not item.source:
                fields.violate(f"{path}.source", "is required")
            if not item.reference:
                fields.violate(f"{path}.reference", "is required")
            if item.line_no <= 0:
                fields.violate(f"{path}.line_no", "must be positive")
            if item.WhichOneof("action") is None or (
                item.WhichOneof("action") == "refund" and not item.refund
            ):
                fields.violate(f"{path}.action", "is required")
        fields.check()
        law = await self._laws.newest()

        async def work() -> pb.ResolveSuspenseResponse:
            async with self._store.writing("RESOLUTION") as unit:
                results = await resolve(unit, request.resolutions, operator_reason, law)
            return pb.ResolveSuspenseResponse(results=results, revision=unit.revision)

        return await self._store.finish(work())

    # --- payments --------------------------------------------------------------------------------

    async def ReversePayments(
        self, request: pb.ReversePaymentsRequest, context: Context
    ) -> pb.ReversePaymentsResponse:
        """Reverse payments, whole or in part."""
        check_mended([request.source, *(line.payment.source for line in request.lines)])
        law = await self._laws.newest()
        today = almaty_date(self._store.clock())
        fields = Fields()
        source = law.data.sources.get(request.source)
        if source is None or "REGISTERS" not in source.feeds:
            fields.violate(
                "source",
                "is not a source of payments",
                Reason.ERROR_REASON_SOURCE_UNKNOWN,
                {"source": request.source[:64]},
            )
        reference = fields.text(
            request.reversal_reference, "reversal_reference", most=REFERENCE_MAX, required=True
        )
        reversed_on = fields.day(request.reversed_on, "reversed_on", required=True)
        if reversed_on is not None and reversed_on > today:
            fields.violate("reversed_on", "must not be after today")
        self._check_lines(fields, len(request.lines), "lines")
        line_nos = [line.line_no for line in request.lines]
        if len(set(line_nos)) != len(line_nos):
            fields.violate("lines", "must have unique line numbers")
        fields.check()
        assert source is not None
        assert reversed_on is not None
        source_id, day = source.id, reversed_on

        async def work() -> pb.ReversePaymentsResponse:
            async with self._store.writing("REVERSAL") as unit:
                results = await reverse(unit, source_id, reference, day, request.lines, law)
            return pb.ReversePaymentsResponse(results=results, revision=unit.revision)

        return await self._store.finish(work())

    async def ListPayments(
        self, request: pb.ListPaymentsRequest, context: Context
    ) -> pb.ListPaymentsResponse:
        """List the payments for one person."""
        self._meter.single(core_pb2.PURPOSE_UNSPECIFIED)
        response = await self._lists.payments(request)
        await self._recorder.one(access_record_pb2.ACCESS_KIND_PAYMENTS, int(request.iin))
        return response

    def _check_lines(self, fields: Fields, count: int, field: str) -> None:
        limit = self._settings.lines_max
        if count > limit:
            raise limit_exceeded("lines_max", limit, "lines")
        if count == 0:
            fields.violate(field, "must have at least one")
