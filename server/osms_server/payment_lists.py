"""Pages of registers, of suspended lines, and of one person's payments."""

from osms.v1 import payment_service_pb2 as pb
from osms_server import messages
from osms_server.errors import Reason
from osms_server.fields import Fields, clean
from osms_server.law import Law, Laws
from osms_server.pages import page_size, page_token, position_of
from osms_storage.payments import list_payments
from osms_storage.records import SuspenseState
from osms_storage.registers import list_registers
from osms_storage.store import Store, newest_revision
from osms_storage.suspense import SuspenseFilter, list_suspense

_STATES: dict[int, SuspenseState] = {state.value: state for state in SuspenseState}


class PaymentLists:
    """Reads pages; every violation of a request is reported at once."""

    def __init__(self, store: Store, laws: Laws) -> None:
        self._store = store
        self._laws = laws

    async def registers(self, request: pb.ListRegistersRequest) -> pb.ListRegistersResponse:
        """Return registers, newest first."""
        law = await self._laws.newest()
        fields = Fields()
        source_id = _source_filter(fields, law, request.source)
        received_from = fields.day(request.received_from, "received_from")
        received_to = fields.day(request.received_to, "received_to")
        size = page_size(fields, request.page_size)
        fields.check()
        position = position_of(request, request.page_token, 1)
        async with self._store.reading() as connection:
            states = await list_registers(
                connection,
                source_id=source_id,
                received_from=received_from,
                received_to=received_to,
                before_id=position[0] if position else None,
                limit=size + 1,
            )
        response = pb.ListRegistersResponse(
            registers=[messages.summary(state, law) for state in states[:size]]
        )
        if len(states) > size:
            last = states[size - 1].committed.register_id
            response.next_page_token = page_token(request, [last])
        return response

    async def suspense(self, request: pb.ListSuspenseRequest) -> pb.ListSuspenseResponse:
        """Return lines that went to suspense, oldest first."""
        law = await self._laws.newest()
        fields = Fields()
        if request.reference and not request.source:
            fields.violate("source", "is required with a reference")
        if request.state not in pb.SuspenseState.values():
            fields.violate("state", "is not a state of the contract")
        if request.issue not in pb.LineIssue.values():
            fields.violate("issue", "is not an issue of the contract")
        wanted = SuspenseFilter(
            source_id=_source_filter(fields, law, request.source),
            reference=clean(request.reference) or None,
            issue=request.issue or None,
            state=_STATES.get(request.state),
            received_from=fields.day(request.received_from, "received_from"),
            received_to=fields.day(request.received_to, "received_to"),
        )
        size = page_size(fields, request.page_size)
        fields.check()
        position = position_of(request, request.page_token, 2)
        after = (position[0], position[1]) if position else None
        async with self._store.reading(newest=True) as connection:
            entries = await list_suspense(connection, wanted, after=after, limit=size + 1)
        response = pb.ListSuspenseResponse(
            rows=[messages.suspended_row(entry, law) for entry in entries[:size]]
        )
        if len(entries) > size:
            last = entries[size - 1]
            response.next_page_token = page_token(
                request, [last.register_id, last.suspension.raw.line_no]
            )
        return response

    async def payments(self, request: pb.ListPaymentsRequest) -> pb.ListPaymentsResponse:
        """Return the payments for one person."""
        fields = Fields()
        iin = fields.iin(request.iin)
        first = fields.month(request.first_period, "first_period")
        last = fields.month(request.last_period, "last_period")
        size = page_size(fields, request.page_size)
        fields.check()
        position = position_of(request, request.page_token, 2)
        law = await self._laws.newest()
        async with self._store.reading(at_least=position[0] if position else 0) as connection:
            # All pages show the revision of the first, whatever is committed meanwhile.
            revision = position[0] if position else (await newest_revision(connection))[0]
            offset = position[1] if position else 0
            facts = await list_payments(
                connection,
                iin,
                first_period=first,
                last_period=last,
                known_revision=revision,
                offset=offset,
                limit=size + 1,
            )
        response = pb.ListPaymentsResponse(
            payments=[messages.payment(fact, law) for fact in facts[:size]]
        )
        if len(facts) > size:
            response.next_page_token = page_token(request, [revision, offset + size])
        return response


def _source_filter(fields: Fields, law: Law, code: str) -> int | None:
    if not code:
        return None
    source = law.data.sources.get(code)
    if source is None:
        fields.violate(
            "source", "is not known", Reason.ERROR_REASON_SOURCE_UNKNOWN, {"source": code[:64]}
        )
        return None
    return source.id
