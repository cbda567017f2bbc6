"""AccessService: who looked at a person's data, and the proof that nothing of that was changed."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import grpc

from osms.v1 import access_service_pb2 as pb
from osms.v1 import access_service_pb2_grpc
from osms.v1.access_record_pb2 import AccessContext, AccessKind
from osms.v1.core_pb2 import EligibilityStatus, Purpose
from osms_server.access.recorder import Recorder
from osms_server.access.verification import verify_access_log
from osms_server.admission import Lanes
from osms_server.fields import Fields, set_timestamp
from osms_server.identity.callers import Role, current_caller
from osms_server.identity.rights import check_purpose
from osms_server.pages import page_size, page_token, position_of
from osms_storage.accesses import Access, Place, read_accesses
from osms_storage.clock import to_microseconds
from osms_storage.store import Store

_DAY_US = timedelta(days=1) // timedelta(microseconds=1)
Context = grpc.aio.ServicerContext[Any, Any]


class AccessServicer(access_service_pb2_grpc.AccessServiceServicer):
    """Lists accesses, and follows the log."""

    def __init__(self, store: Store, lanes: Lanes, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder
        self._lanes = lanes
        # It reads all there is: one at a time.
        self._verifying = asyncio.Lock()

    async def ListAccesses(
        self, request: pb.ListAccessesRequest, context: Context
    ) -> pb.ListAccessesResponse:
        """List who looked at one person's data, newest first."""
        check_purpose(request.purpose)
        self._lanes.meter.single(request.purpose)
        fields = Fields()
        iin = fields.iin(request.iin)
        fields.purpose(request.purpose)
        size = page_size(fields, request.page_size)
        fields.check()
        position = position_of(request, request.page_token, len(Place._fields))
        after = Place(*position) if position else None
        shown = shown_to_caller(to_microseconds(self._store.clock()))
        async with self._lanes.bulk.turn(context.peer()), self._store.reading() as connection:
            page = await read_accesses(connection, iin, limit=size, after=after, shown=shown)
        # Who looks at who looked is looked at, too.
        await self._recorder.one(AccessKind.ACCESS_KIND_ACCESSES, iin, purpose=request.purpose)
        response = pb.ListAccessesResponse(accesses=map(_message, page.accesses))
        if page.last is not None:
            response.next_page_token = page_token(request, page.last)
        return response

    async def VerifyAccessLog(
        self, request: pb.VerifyAccessLogRequest, context: Context
    ) -> pb.VerifyAccessLogResponse:
        """Follow every chain of the access log."""
        async with self._verifying:
            verdict = await verify_access_log(self._store)
        return pb.VerifyAccessLogResponse(
            chains=verdict.chains,
            records=verdict.records,
            findings=[
                pb.AccessLogFinding(writer=one.writer, number=one.number, fault=one.fault)
                for one in verdict.findings
            ],
        )


def shown_to_caller(now_us: int) -> Callable[[AccessContext], bool]:
    """Return what tells which accesses the caller is told of now, in microseconds since 1970 UTC.

    Those of investigations only after their delay, unless it is an auditor.
    """
    if Role.AUDITOR in current_caller().roles:
        return lambda _: True
    # Others at once, even those of a gateway whose clock is ahead.
    return lambda context: (
        not context.hidden_days or context.answered_at_us + context.hidden_days * _DAY_US <= now_us
    )


def _message(access: Access) -> pb.Access:
    message = pb.Access(
        client=access.client,
        kind=cast("AccessKind.ValueType", access.kind),
        purpose=cast("Purpose.ValueType", access.purpose),
        case_reference=access.case_reference,
        service_date=access.service_date,
        status=cast("EligibilityStatus.ValueType", access.status),
        decision_id=access.decision_id,
    )
    set_timestamp(message.answered_at, access.answered_at)
    return message
