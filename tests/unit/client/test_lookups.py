"""Questions about people, through either gateway over a real socket."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import grpc
import pytest

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2, error_reason_pb2
from osms_client import (
    Deadlines,
    Eligibility,
    FundingSource,
    Gateway,
    Ground,
    IdentityMatch,
    InvalidAnswerError,
    Language,
    LookupFailure,
    LookupItem,
    MonthSettlement,
    NextStepCode,
    Purpose,
    Reason,
    Status,
)
from tests.unit.client.fake import IIN, OTHER_IIN, FakeGateway, Sdk, eligibility


def test_lookup_returns_a_typed_answer(fake: FakeGateway, sdk: Sdk) -> None:
    """Every field of an answer arrives in its own type."""
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=eligibility()))
    answer = sdk.call("lookup", IIN, purpose=Purpose.RECEPTION)
    assert answer.status is Status.INSURED
    assert answer.insured
    assert answer.funding_source is FundingSource.OSMS_AND_GOBMP
    assert answer.grounds == (Ground.SETTLED_MONTHS,)
    assert answer.service_date == date(2025, 8, 10)
    assert answer.valid_through == date(2025, 8, 25)
    assert answer.covered_through == date(2025, 9, 30)
    assert answer.next_step.code is NextStepCode.NONE
    assert answer.identity_match is IdentityMatch.MATCH
    assert answer.stale_sources == ("labour",)
    assert answer.decided_at == datetime(2025, 8, 10, 4, tzinfo=UTC)
    assert (answer.ruleset, answer.revision, answer.decision_id) == ("2026.1", 7, "d-1")


def test_lookup_sends_what_was_asked(fake: FakeGateway, sdk: Sdk) -> None:
    """Every argument of a question reaches the gateway."""
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=eligibility()))
    sdk.call(
        "lookup",
        IIN,
        purpose=Purpose.BILLING,
        service_date=date(2025, 8, 10),
        case_reference="case 5",
        birth_date=date(1990, 1, 1),
        surname="Ахметова",
        at_least_revision=7,
        language=Language.RU,
    )
    (request,) = fake.asked
    assert request == pb.LookupConsumerRequest(
        iin=IIN,
        service_date="2025-08-10",
        purpose=core_pb2.PURPOSE_BILLING,
        case_reference="case 5",
        birth_date="1990-01-01",
        surname="Ахметова",
        at_least_revision=7,
        language=core_pb2.LANGUAGE_RU,
    )


@pytest.mark.parametrize(
    ("known", "sent"),
    [
        (date(2025, 11, 9), {"on": "2025-11-09"}),
        (1041, {"revision": 1041}),
        (0, {"revision": 0}),
    ],
)
def test_known_is_a_day_or_a_revision(
    fake: FakeGateway, sdk: Sdk, known: Any, sent: dict[str, Any]
) -> None:
    """A knowledge time is sent as what it is; revision 0 is the empty store, not "now"."""
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=eligibility()))
    sdk.call("lookup", IIN, purpose=Purpose.AUDIT, known=known)
    assert fake.asked[0].known == core_pb2.KnowledgeTime(**sent)


def test_known_instant_keeps_its_zone(fake: FakeGateway, sdk: Sdk) -> None:
    """An aware instant of any zone is the same instant on the wire; a naive one is refused."""
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=eligibility()))
    almaty = datetime(2025, 3, 5, 9, tzinfo=timezone(timedelta(hours=5)))
    sdk.call("lookup", IIN, purpose=Purpose.AUDIT, known=almaty)
    assert fake.asked[0].known.at.ToDatetime(tzinfo=UTC) == almaty
    with pytest.raises(ValueError, match="time zone"):
        sdk.call("lookup", IIN, purpose=Purpose.AUDIT, known=datetime(2025, 3, 5))  # noqa: DTZ001


@pytest.mark.parametrize(
    "answer",
    [
        pb.LookupConsumerResponse(),
        pb.LookupConsumerResponse(
            eligibility=core_pb2.Eligibility(
                iin=IIN, service_date="2025-01-01", funding_source=core_pb2.FUNDING_SOURCE_GOBMP
            )
        ),
    ],
)
def test_answer_without_a_status_is_no_answer(
    fake: FakeGateway, sdk: Sdk, answer: pb.LookupConsumerResponse
) -> None:
    """An empty or half-empty reply raises: it must never look like "not insured"."""
    fake.answers("LookupConsumer", answer)
    with pytest.raises(InvalidAnswerError):
        sdk.call("lookup", IIN, purpose=Purpose.RECEPTION)


def test_words_newer_than_the_client_are_told_apart(fake: FakeGateway, sdk: Sdk) -> None:
    """A new ground or step is UNRECOGNISED; a new status cannot be read at all."""
    newer = eligibility(grounds=[99])
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=newer))
    answer = sdk.call("lookup", IIN, purpose=Purpose.RECEPTION)
    assert answer.grounds == (Ground.SETTLED_MONTHS, Ground.UNRECOGNISED)
    newer.status = 77  # type: ignore[assignment]
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=newer))
    with pytest.raises(InvalidAnswerError):
        sdk.call("lookup", IIN, purpose=Purpose.RECEPTION)


def _batch(request: Any, _: Any = None) -> Any:
    response = (
        pb.BatchLookupConsumersResponse()
        if isinstance(request, pb.BatchLookupConsumersRequest)
        else pb.StreamLookupConsumersResponse()
    )
    response.context.revision = 9
    response.context.decision_id = "b"
    response.context.stale_sources.append("health")
    for item in request.items:
        result = response.results.add()
        if item.iin == "1":
            result.error.reason = error_reason_pb2.ERROR_REASON_IIN_INVALID
            result.error.field = "iin"
        else:
            result.eligibility.CopyFrom(eligibility(item.iin))
    return response


def test_batch_answers_every_item_in_order(fake: FakeGateway, sdk: Sdk) -> None:
    """A batch holds an answer or a failure for each item, and each answer is complete."""
    fake.on("BatchLookupConsumers", _batch)
    items = [IIN, LookupItem(iin="1"), LookupItem(iin=OTHER_IIN, service_date=date(2025, 8, 10))]
    first, failed, last = sdk.call("lookup_many", items, purpose=Purpose.ROSTER)
    assert isinstance(first, Eligibility)
    assert (first.iin, last.iin) == (IIN, OTHER_IIN)
    assert (first.revision, first.stale_sources) == (9, ("health",))
    assert failed == LookupFailure(iin="1", reason=Reason.IIN_INVALID, field="iin", message="")
    assert fake.asked[0].items[2].service_date == "2025-08-10"


def test_batch_with_a_missing_result_is_no_answer(fake: FakeGateway, sdk: Sdk) -> None:
    """Fewer results than items raise: they could not be told apart."""
    fake.answers("BatchLookupConsumers", pb.BatchLookupConsumersResponse())
    with pytest.raises(InvalidAnswerError):
        sdk.call("lookup_many", [IIN], purpose=Purpose.ROSTER)


def test_stream_sends_chunks_and_yields_in_order(fake: FakeGateway, sdk: Sdk) -> None:
    """A stream takes any iterable, sends it in chunks, and answers in its order."""
    fake.on("StreamLookupConsumers", lambda requests, context: map(_batch, requests))
    iins = [str(number) for number in range(25)]
    results = sdk.call("lookup_stream", iter(iins), purpose=Purpose.ROSTER, chunk_items=10)
    assert [result.iin for result in results] == iins
    assert isinstance(results[1], LookupFailure)
    assert [len(request.items) for request in fake.asked] == [10, 10, 5]
    assert [request.HasField("options") for request in fake.asked] == [True, False, False]


def test_empty_stream_is_asked_all_the_same(fake: FakeGateway, sdk: Sdk) -> None:
    """Without items the shared options are still sent, so that they are checked."""
    fake.on("StreamLookupConsumers", lambda requests, context: map(_batch, requests))
    assert sdk.call("lookup_stream", [], purpose=Purpose.ROSTER) == []
    assert fake.asked[0].options.purpose == core_pb2.PURPOSE_ROSTER


def test_stream_reads_on_only_as_answers_are_taken(fake: FakeGateway) -> None:
    """A stream over an endless iterable needs constant memory: few chunks are in flight."""
    fake.on("StreamLookupConsumers", lambda requests, context: map(_batch, requests))
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield IIN

    with Gateway(fake.target) as gateway:
        results = gateway.lookup_stream(endless(), purpose=Purpose.ROSTER, chunk_items=10)
        for _ in range(100):
            next(results)
        results.close()
    assert taken <= 100 + 6 * 10


def test_stream_that_ends_early_is_no_answer(fake: FakeGateway, sdk: Sdk) -> None:
    """A stream that ends in good order but leaves a chunk unanswered raises."""

    def half(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        yield _batch(next(requests))
        next(requests)

    fake.on("StreamLookupConsumers", half)
    with pytest.raises(InvalidAnswerError):
        sdk.call("lookup_stream", [IIN] * 3, purpose=Purpose.ROSTER, chunk_items=1)


def test_what_the_callers_iterable_raises_is_raised(fake: FakeGateway, sdk: Sdk) -> None:
    """An error of the caller's own iterable comes back as it is, not as a gRPC status."""
    fake.on("StreamLookupConsumers", lambda requests, context: map(_batch, requests))

    def broken() -> Iterator[str]:
        yield IIN
        raise LookupError("roster file")

    with pytest.raises(LookupError, match="roster file"):
        sdk.call("lookup_stream", broken(), purpose=Purpose.ROSTER, chunk_items=1)


def test_explain_returns_the_month_ledger(fake: FakeGateway, sdk: Sdk) -> None:
    """The month ledger arrives with its payments, days and marks."""
    response = pb.ExplainConsumerResponse(eligibility=eligibility(), retention_months=3)
    response.rule.number = 7
    response.months.add(
        month="2025-07",
        settlement=pb.MONTH_SETTLEMENT_PAYMENT,
        paid_tiyn=425_000,
        due_on="2025-08-25",
        in_window=True,
        payments=[
            pb.MonthPayment(
                reference="GCVP-1",
                line_no=1,
                received_on="2025-08-20",
                purpose_code="122",
                amount_tiyn=425_000,
                gives_cover=True,
            )
        ],
    )
    fake.answers("ExplainConsumer", response)
    found = sdk.call(
        "explain", IIN, purpose=Purpose.AUDIT, first_month="2025-01", last_month="2025-12"
    )
    assert (found.rule.number, found.retention_months) == (7, 3)
    (month,) = found.months
    assert (month.month, month.settlement) == ("2025-07", MonthSettlement.PAYMENT)
    assert month.due_on == date(2025, 8, 25)
    assert month.payments[0].received_on == date(2025, 8, 20)
    assert (fake.asked[0].first_month, fake.asked[0].last_month) == ("2025-01", "2025-12")


def test_every_call_has_a_deadline(fake: FakeGateway, sdk: Sdk) -> None:
    """A call takes its own deadline, else the one of the gateway's settings."""
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=eligibility()))
    sdk.deadlines = Deadlines(call_s=7)
    sdk.call("lookup", IIN, purpose=Purpose.RECEPTION)
    sdk.call("lookup", IIN, purpose=Purpose.RECEPTION, timeout_s=3)
    default_s, own_s = fake.deadlines_s
    assert default_s == pytest.approx(7, abs=1.5)
    assert own_s == pytest.approx(3, abs=1.5)


@pytest.mark.parametrize("method", ["lookup", "explain"])
def test_a_text_is_no_day(sdk: Sdk, method: str) -> None:
    """A day given as text is a mistake of the program, which names the parameter."""
    with pytest.raises(TypeError, match=r"service_date is a datetime\.date or None, not str"):
        sdk.call(method, IIN, purpose=Purpose.RECEPTION, service_date="2025-08-10")
