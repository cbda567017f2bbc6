"""Requests and answers of ConsumerService."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2, error_reason_pb2
from osms_client.eligibility import (
    DecidingRule,
    Eligibility,
    Explanation,
    KnownAt,
    LedgerMonth,
    LookupFailure,
    LookupItem,
    LookupResult,
    MonthPayment,
    NextStep,
)
from osms_client.errors import InvalidAnswerError, reason_of
from osms_client.vocabulary import (
    FundingSource,
    Ground,
    IdentityMatch,
    Language,
    MonthSettlement,
    NextStepCode,
    Purpose,
    Status,
)
from osms_client.wire.scalars import Words, day, day_or_none, day_text, instant, knowledge

_purposes = Words(Purpose, core_pb2.Purpose.Value, prefix="PURPOSE")
_languages = Words(Language, core_pb2.Language.Value, prefix="LANGUAGE")
_statuses = Words(Status, core_pb2.EligibilityStatus.Value, prefix="ELIGIBILITY_STATUS")
_fundings = Words(FundingSource, core_pb2.FundingSource.Value, prefix="FUNDING_SOURCE")
_grounds = Words(Ground, core_pb2.Ground.Value, prefix="GROUND")
_steps = Words(NextStepCode, core_pb2.NextStepCode.Value, prefix="NEXT_STEP_CODE")
_matches = Words(IdentityMatch, core_pb2.IdentityMatch.Value, prefix="IDENTITY_MATCH")
_settlements = Words(MonthSettlement, pb.MonthSettlement.Value, prefix="MONTH_SETTLEMENT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What all questions of a batch or stream share."""

    purpose: Purpose
    """Why you ask."""

    service_date: date | None
    """The day of care of items that name none."""

    known: KnownAt
    """As of when."""

    at_least_revision: int
    """Answer only from a store that has reached it."""

    def message(self) -> pb.LookupOptions:
        """Return the options as they are sent."""
        return pb.LookupOptions(
            service_date=day_text(self.service_date, "service_date"),
            known=knowledge(self.known),
            purpose=_purposes.number(self.purpose),
            at_least_revision=self.at_least_revision,
        )


def lookup_request(
    item: LookupItem,
    *,
    purpose: Purpose,
    known: KnownAt,
    at_least_revision: int,
    language: Language,
    issue_receipt: bool,
) -> pb.LookupConsumerRequest:
    """Return one question as it is sent."""
    return pb.LookupConsumerRequest(
        iin=item.iin,
        service_date=day_text(item.service_date, "service_date"),
        known=knowledge(known),
        purpose=_purposes.number(purpose),
        case_reference=item.case_reference,
        birth_date=day_text(item.birth_date, "birth_date"),
        surname=item.surname,
        at_least_revision=at_least_revision,
        language=_languages.number(language),
        issue_receipt=issue_receipt,
    )


def explain_request(
    iin: str,
    *,
    purpose: Purpose,
    service_date: date | None,
    known: KnownAt,
    case_reference: str,
    language: Language,
    first_month: str,
    last_month: str,
) -> pb.ExplainConsumerRequest:
    """Return a question for the month ledger as it is sent."""
    return pb.ExplainConsumerRequest(
        iin=iin,
        service_date=day_text(service_date, "service_date"),
        known=knowledge(known),
        purpose=_purposes.number(purpose),
        case_reference=case_reference,
        language=_languages.number(language),
        first_month=first_month,
        last_month=last_month,
    )


def as_item(item: LookupItem | str) -> LookupItem:
    """Return the item; a bare IIN asks for the shared day."""
    return LookupItem(iin=item) if isinstance(item, str) else item


def item_messages(items: Iterable[LookupItem | str]) -> Iterator[pb.LookupItem]:
    """Return the items of a batch or chunk as they are sent."""
    for item in map(as_item, items):
        yield pb.LookupItem(
            iin=item.iin,
            service_date=day_text(item.service_date, "service_date"),
            case_reference=item.case_reference,
            birth_date=day_text(item.birth_date, "birth_date"),
            surname=item.surname,
        )


def batch_request(
    items: Iterable[LookupItem | str], options: Options
) -> pb.BatchLookupConsumersRequest:
    """Return many questions as they are sent."""
    return pb.BatchLookupConsumersRequest(options=options.message(), items=item_messages(items))


def eligibility(
    answer: core_pb2.Eligibility, context: core_pb2.AnswerContext | None = None
) -> Eligibility:
    """Return an answer; what a batch sends once is taken from its context."""
    shared = context or answer
    return Eligibility(
        iin=answer.iin,
        service_date=day(answer.service_date),
        status=_statuses.word_required(answer.status),
        funding_source=_fundings.word_required(answer.funding_source),
        grounds=tuple(map(_grounds.word, answer.grounds)),
        valid_through=day_or_none(answer.valid_through),
        covered_through=day_or_none(answer.covered_through),
        arrears_months=tuple(answer.arrears_months),
        blocking_months=tuple(answer.blocking_months),
        restore_amount_tiyn=answer.restore_amount_tiyn,
        next_step=NextStep(
            code=_steps.word(answer.next_step.code),
            text=answer.next_step.text,
        ),
        identity_match=_matches.word_or_none(answer.identity_match),
        stale_sources=tuple(shared.stale_sources),
        ruleset=shared.ruleset,
        revision=shared.revision,
        decision_id=answer.decision_id,
        decided_at=instant(shared.decided_at),
        text=answer.text,
        receipt=answer.receipt,
    )


def lookup_answer(response: pb.LookupConsumerResponse) -> Eligibility:
    """Return the answer to one question."""
    return eligibility(response.eligibility)


def results(
    response: pb.BatchLookupConsumersResponse | pb.StreamLookupConsumersResponse,
    iins: Sequence[str],
) -> tuple[LookupResult, ...]:
    """Return the results for the IINs that were asked, in their order."""
    if len(response.results) != len(iins):
        raise InvalidAnswerError(f"{len(response.results)} results for {len(iins)} items")
    return tuple(
        _result(result, iin, response.context)
        for result, iin in zip(response.results, iins, strict=True)
    )


def _result(result: pb.LookupResult, iin: str, context: core_pb2.AnswerContext) -> LookupResult:
    if result.HasField("eligibility"):
        return eligibility(result.eligibility, context)
    if not result.HasField("error"):
        raise InvalidAnswerError("a result with neither answer nor error")
    return LookupFailure(
        iin=iin,
        reason=_reason(result.error.reason),
        field=result.error.field,
        message=result.error.message,
    )


def _reason(number: int) -> str:
    known = error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_number.get(number)
    return reason_of(known.name.removeprefix("ERROR_REASON_")) if known else str(number)


def explanation(response: pb.ExplainConsumerResponse) -> Explanation:
    """Return an answer and how it came about."""
    return Explanation(
        eligibility=eligibility(response.eligibility),
        rule=DecidingRule(
            number=response.rule.number,
            legal_reference=response.rule.legal_reference,
            text=response.rule.text,
        ),
        months=tuple(map(_month, response.months)),
        retention_months=response.retention_months,
    )


def _month(month: pb.LedgerMonth) -> LedgerMonth:
    return LedgerMonth(
        month=month.month,
        settlement=_settlements.word(month.settlement),
        paid_tiyn=month.paid_tiyn,
        payments=tuple(
            MonthPayment(
                reference=payment.reference,
                line_no=payment.line_no,
                received_on=day(payment.received_on),
                purpose_code=payment.purpose_code,
                amount_tiyn=payment.amount_tiyn,
                reversed_tiyn=payment.reversed_tiyn,
                gives_cover=payment.gives_cover,
                recorded_at=instant(payment.recorded_at),
            )
            for payment in month.payments
        ),
        due_on=day(month.due_on),
        overdue=month.overdue,
        blocking=month.blocking,
        in_window=month.in_window,
        owed_tiyn=month.owed_tiyn,
    )
