"""ConsumerService: is this person insured on this day, and why."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Any

import grpc

from osms.v1 import access_record_pb2, consumer_service_pb2_grpc, core_pb2
from osms.v1 import consumer_service_pb2 as pb
from osms_server import answers, explanation
from osms_server.access.recorder import Recorder
from osms_server.admission import Lanes
from osms_server.errors import Reason, RequestError, limit_exceeded
from osms_server.fields import Fields, clean
from osms_server.identity.rights import check_purpose
from osms_server.inquiry import Inquiry, View
from osms_server.law import Laws
from osms_server.questions import (
    Question,
    Shared,
    check_revision,
    read_question,
    read_questions,
)
from osms_server.receipts import Receipts
from osms_server.rules import Status
from osms_server.settings import Settings
from osms_server.watching import Watching
from osms_storage.payments import list_names
from osms_storage.records import PersonName
from osms_storage.store import Store

CHECKED_AT_A_TIME = 500
"""How many items of a batch are checked before other calls get their turn."""
DECIDED_AT_A_TIME = 100
"""How many items of a batch are decided before other calls get their turn."""

_URGENT = {
    core_pb2.PURPOSE_RECEPTION,
    core_pb2.PURPOSE_ADMISSION,
    core_pb2.PURPOSE_PLANNED_ADMISSION,
}
"""Somebody stands at a desk and waits."""
_UNKNOWN = answers.STATUS[Status.UNKNOWN_CONSUMER]
PATIENCE_S = 10.0
"""How long a caller without a deadline waits for a revision that it asked for."""
ANSWERED_BEFORE_DEADLINE_S = 0.1
"""So that a caller reads why it got no answer, instead of timing out."""

Context = grpc.aio.ServicerContext[Any, Any]


class ConsumerServicer(consumer_service_pb2_grpc.ConsumerServiceServicer):
    """Answers one, many, or a stream of questions."""

    def __init__(
        self,
        store: Store,
        laws: Laws,
        inquiry: Inquiry,
        lanes: Lanes,
        settings: Settings,
        receipts: Receipts,
        recorder: Recorder,
    ) -> None:
        self._store = store
        self._receipts = receipts
        self._recorder = recorder
        self._lanes = lanes
        self._meter = lanes.meter
        self._inquiry = inquiry
        self._laws = laws
        self._settings = settings
        self._ids = answers.DecisionIds()
        self._watching = Watching(store, settings, recorder, lanes.meter)

    async def WatchConsumers(
        self, request: pb.WatchConsumersRequest, context: Context
    ) -> AsyncIterator[pb.WatchConsumersResponse]:
        """Tell of changes."""
        async for response in self._watching.watch(request):
            yield response

    async def LookupConsumer(
        self, request: pb.LookupConsumerRequest, context: Context
    ) -> pb.LookupConsumerResponse:
        """Answer for one person and one day."""
        check_purpose(request.purpose)
        self._meter.single(request.purpose)
        now = self._store.clock()
        fields = Fields()
        window = await self._laws.window(now)
        question = read_question(fields, request, request.service_date, window)
        known = fields.known(request.known, now)
        check_revision(fields, request.at_least_revision, known)
        fields.purpose(request.purpose)
        language = fields.language(request.language)
        if request.issue_receipt and known is not None:
            # It would look like one of today: only the revision in it tells.
            fields.violate("issue_receipt", "cannot be combined with a knowledge time")
        self._check(fields)
        ring = self._receipts.ring() if request.issue_receipt else None
        if request.at_least_revision:
            # Not in the lane: who waits for facts does not work.
            await self._inquiry.reach(request.at_least_revision, _patience_s(context))
        desk = self._lanes.desk
        if not desk.enter_at_once():
            await desk.enter(context.peer(), urgent=request.purpose in _URGENT)
        try:
            view = await self._inquiry.view(
                [question.iin], known, now, at_least_revision=request.at_least_revision
            )
            response = pb.LookupConsumerResponse()
            answer = response.eligibility
            decision = answers.decide(view, question.iin, question.day)
            self._meter.note(decision.status is Status.UNKNOWN_CONSUMER, 1)
            answers.write_whole(
                answer, view, question.iin, question.day, decision, self._ids.next(), language
            )
            if question.states_identity:
                names = await self._names([question], view)
                answer.identity_match = _identity_match(question, names)
            if ring is not None:
                self._receipts.issue(answer, request.purpose, ring)
        finally:
            desk.leave()
        await self._record_one(
            access_record_pb2.ACCESS_KIND_LOOKUP,
            question.iin,
            request.purpose,
            answer,
            question.case_reference,
        )
        return response

    async def BatchLookupConsumers(
        self, request: pb.BatchLookupConsumersRequest, context: Context
    ) -> pb.BatchLookupConsumersResponse:
        """Answer for many people at one revision."""
        shared = await self._shared(request.options, context)
        if not request.items:
            fields = Fields()
            fields.violate("items", "must have at least one")
            fields.check()
        self._let_ask(request.items, shared)
        response = pb.BatchLookupConsumersResponse()
        async with self._lanes.bulk.turn(context.peer()):
            await self._answer(access_record_pb2.ACCESS_KIND_BATCH, request.items, shared, response)
        return response

    async def StreamLookupConsumers(
        self, request_iterator: AsyncIterator[pb.StreamLookupConsumersRequest], context: Context
    ) -> AsyncIterator[pb.StreamLookupConsumersResponse]:
        """Answer chunk by chunk; the next chunk is read when the last answer was taken."""
        shared: Shared | None = None
        async for request in request_iterator:
            if (shared is None) != request.HasField("options"):
                raise RequestError(
                    Reason.ERROR_REASON_STREAM_OUT_OF_ORDER,
                    "Options belong in the first message, and only there.",
                    {"expected": "options" if shared is None else "items"},
                )
            if shared is None:
                shared = await self._shared(request.options, context)
            self._let_ask(request.items, shared)
            response = pb.StreamLookupConsumersResponse()
            async with self._lanes.bulk.turn(context.peer()):
                kind = access_record_pb2.ACCESS_KIND_STREAM
                await self._answer(kind, request.items, shared, response)
            yield response

    async def ExplainConsumer(
        self, request: pb.ExplainConsumerRequest, context: Context
    ) -> pb.ExplainConsumerResponse:
        """Show how an answer came about."""
        check_purpose(request.purpose)
        self._meter.single(request.purpose)
        async with self._lanes.desk.turn(context.peer()):
            iin, response = await self._explain(request)
        await self._record_one(
            access_record_pb2.ACCESS_KIND_EXPLAIN,
            iin,
            request.purpose,
            response.eligibility,
            clean(request.case_reference),
        )
        return response

    async def VerifyReceipt(
        self, request: pb.VerifyReceiptRequest, context: Context
    ) -> pb.VerifyReceiptResponse:
        """Tell what a receipt is worth."""
        self._meter.single(core_pb2.PURPOSE_BILLING)
        async with self._lanes.desk.turn(context.peer()):
            response = await self._receipts.verify(request)
        # Else one who has a receipt could try out whom it is about.
        self._meter.note(response.verdict == pb.RECEIPT_VERDICT_OTHER_PERSON, 1)
        if response.HasField("statement"):
            statement = response.statement
            await self._recorder.one(
                access_record_pb2.ACCESS_KIND_RECEIPT,
                int(request.iin),
                status=statement.status,
                revision=statement.revision,
                service_date=statement.service_date,
                decision_id=statement.decision_id,
            )
        return response

    async def ListReceiptKeys(
        self, request: pb.ListReceiptKeysRequest, context: Context
    ) -> pb.ListReceiptKeysResponse:
        """Publish the keys that receipts are verified with."""
        return self._receipts.published()

    async def _explain(
        self, request: pb.ExplainConsumerRequest
    ) -> tuple[int, pb.ExplainConsumerResponse]:
        now = self._store.clock()
        fields = Fields()
        window = await self._laws.window(now)
        iin = fields.iin(request.iin)
        day = fields.service_date(request.service_date, "service_date", window)
        known = fields.known(request.known, now)
        fields.purpose(request.purpose)
        fields.case_reference(request.case_reference)
        language = fields.language(request.language)
        months = explanation.shown_months(fields, request, day)
        self._check(fields)
        view = await self._inquiry.view([iin], known, now)
        response = await explanation.explain(
            self._store, view, iin, day, months, language, self._ids.next()
        )
        self._meter.note(response.eligibility.status == _UNKNOWN, 1)
        return iin, response

    def _check(self, fields: Fields) -> None:
        """Raise RequestError if anything is wrong with a question about one person."""
        if fields.wrong_check_digits:
            self._meter.note(1, 1)
        fields.check()

    async def _shared(self, options: pb.LookupOptions, context: Context) -> Shared:
        """Return what all questions share, once the revision that they ask for is there."""
        check_purpose(options.purpose)
        now = self._store.clock()
        fields = Fields()
        window = await self._laws.window(now)
        fields.service_date(options.service_date, "options.service_date", window)
        known = fields.known(options.known, now, "options.known")
        check_revision(fields, options.at_least_revision, known, "options.")
        fields.purpose(options.purpose, "options.purpose")
        fields.check()
        if options.at_least_revision:
            await self._inquiry.reach(options.at_least_revision, _patience_s(context))
        return Shared(options.service_date, known, options.at_least_revision, options.purpose)

    def _let_ask(self, items: Sequence[pb.LookupItem], shared: Shared) -> None:
        """Raise RequestError if these are too many at once, or more than the caller may ask.

        Amid a stream, too: by then its client may have lost the purpose.
        """
        check_purpose(shared.purpose)
        limit = self._settings.batch_items_max
        if len(items) > limit:
            raise limit_exceeded("batch_items_max", limit, "items")
        self._meter.bulk(shared.purpose, len(items))

    async def _answer(
        self,
        kind: "access_record_pb2.AccessKind.ValueType",
        items: Sequence[pb.LookupItem],
        shared: Shared,
        response: pb.BatchLookupConsumersResponse | pb.StreamLookupConsumersResponse,
    ) -> None:
        """Write the answers to items into a response, with what they share."""
        now = self._store.clock()
        window = await self._laws.window(now)
        questions: list[Question | pb.LookupError] = []
        misses = 0
        for start in range(0, len(items), CHECKED_AT_A_TIME):
            if start:
                await self._lanes.give_way()
            some = items[start : start + CHECKED_AT_A_TIME]
            checked_some, wrong_check_digits = read_questions(some, shared, window)
            questions += checked_some
            misses += wrong_check_digits
        asked = [q for q in questions if isinstance(q, Question)]
        view = await self._inquiry.view(
            [q.iin for q in asked],
            shared.known,
            now,
            bulk=True,
            at_least_revision=shared.at_least_revision,
        )
        names = await self._names([q for q in asked if q.states_identity], view)
        decision_id = self._ids.next()
        response.context.CopyFrom(answers.context(view, decision_id))
        add = response.results.add
        for position, checked in enumerate(questions):
            if position % DECIDED_AT_A_TIME == DECIDED_AT_A_TIME - 1:
                await self._lanes.give_way()
            if isinstance(checked, pb.LookupError):
                add().error.CopyFrom(checked)
                continue
            decision = answers.decide(view, checked.iin, checked.day)
            misses += decision.status is Status.UNKNOWN_CONSUMER
            answer = add().eligibility
            answers.write_brief(
                answer, view, checked.iin, checked.day, decision, f"{decision_id}-{position}"
            )
            if checked.states_identity:
                answer.identity_match = _identity_match(checked, names)
        self._meter.note(misses, len(items))
        day = Fields().service_date(shared.service_date, "service_date", window)
        await self._record_many(kind, questions, day, shared.purpose, response)

    async def _record_one(
        self,
        kind: "access_record_pb2.AccessKind.ValueType",
        iin: int,
        purpose: "core_pb2.Purpose.ValueType",
        answer: core_pb2.Eligibility,
        case_reference: str,
    ) -> None:
        """Write down whom an answer was about."""
        await self._recorder.one(
            kind,
            iin,
            purpose=purpose,
            status=answer.status,
            revision=answer.revision,
            service_date=answer.service_date,
            decision_id=answer.decision_id,
            case_reference=case_reference,
        )

    async def _record_many(
        self,
        kind: "access_record_pb2.AccessKind.ValueType",
        questions: Sequence[Question | pb.LookupError],
        day: date,
        purpose: "core_pb2.Purpose.ValueType",
        response: pb.BatchLookupConsumersResponse | pb.StreamLookupConsumersResponse,
    ) -> None:
        """Write down whom a batch was about, most of them on one day, and what was answered."""
        # An item that was not answered has no eligibility, and so no status.
        statuses = [result.eligibility.status for result in response.results]
        iins, items = [], []
        for position, question in enumerate(questions):
            if isinstance(question, pb.LookupError):
                iins.append(0)
                continue
            iins.append(question.iin)
            if question.day != day or question.case_reference:
                own = question.day.isoformat() if question.day != day else ""
                items.append((position, own, question.case_reference))
        await self._recorder.many(
            kind,
            iins,
            statuses,
            purpose=purpose,
            revision=response.context.revision,
            service_date=day.isoformat(),
            decision_id=response.context.decision_id,
            items=items,
        )

    async def _names(
        self, questions: Sequence[Question], view: View
    ) -> Mapping[int, list[PersonName]]:
        """Return what is known of the identity of these people."""
        iins = [q.iin for q in questions]
        if not iins:
            return {}
        async with self._store.reading(at_least=view.moment.revision) as connection:
            return await list_names(connection, iins, view.moment.revision)


def _identity_match(
    question: Question, names: Mapping[int, list[PersonName]]
) -> "core_pb2.IdentityMatch.ValueType":
    known = names.get(question.iin, [])
    return answers.identity_match(known, question.surname, question.birth_date)


def _patience_s(context: Context) -> float:
    """Return how long a call may wait for a revision: nearly until its caller stops waiting."""
    left_s: float | None = context.time_remaining()
    return PATIENCE_S if left_s is None else left_s - ANSWERED_BEFORE_DEADLINE_S
