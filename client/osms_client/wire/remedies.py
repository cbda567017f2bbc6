"""Requests and answers of PaymentService about suspense and reversals."""

from collections.abc import Iterable
from datetime import date

from osms.v1 import payment_service_pb2 as pb
from osms_client.remedies import (
    Correction,
    Resolution,
    ResolutionResult,
    ResolutionResults,
    Reversal,
    ReversalResult,
    ReversalResults,
    SuspendedRow,
)
from osms_client.vocabulary import LineIssue, ResolutionOutcome, ReversalOutcome, SuspenseState
from osms_client.wire.payments import line_issues, payment_row, row_message
from osms_client.wire.scalars import Words, day, day_text, instant

_states = Words(SuspenseState, pb.SuspenseState.Value, prefix="SUSPENSE_STATE")
_resolutions = Words(ResolutionOutcome, pb.ResolutionOutcome.Value, prefix="RESOLUTION_OUTCOME")
_reversals = Words(ReversalOutcome, pb.ReversalOutcome.Value, prefix="REVERSAL_OUTCOME")


def suspense_request(
    *,
    source: str,
    reference: str,
    issue: LineIssue | None,
    state: SuspenseState | None,
    received_from: date | None,
    received_to: date | None,
    page_size: int,
) -> pb.ListSuspenseRequest:
    """Return the question for the first page of suspended lines."""
    request = pb.ListSuspenseRequest(
        source=source,
        reference=reference,
        received_from=day_text(received_from, "received_from"),
        received_to=day_text(received_to, "received_to"),
        page_size=page_size,
    )
    if issue is not None:
        request.issue = line_issues.number(issue)
    if state is not None:
        request.state = _states.number(state)
    return request


def suspended_rows(response: pb.ListSuspenseResponse) -> list[SuspendedRow]:
    """Return a page of suspended lines."""
    return [
        SuspendedRow(
            source=line.source,
            reference=line.reference,
            row=payment_row(line.row),
            issue=line_issues.word(line.issue),
            field=line.field,
            state=_states.word(line.state),
            received_on=day(line.received_on),
            operator_reason=line.operator_reason,
            resolved_at=instant(line.resolved_at) if line.HasField("resolved_at") else None,
        )
        for line in response.rows
    ]


def resolve_request(
    resolutions: Iterable[Resolution], *, operator_reason: str
) -> pb.ResolveSuspenseRequest:
    """Return lines to resolve as they are sent."""
    return pb.ResolveSuspenseRequest(
        resolutions=map(_resolution, resolutions), operator_reason=operator_reason
    )


def _resolution(resolution: Resolution) -> pb.SuspenseResolution:
    message = pb.SuspenseResolution(
        source=resolution.source, reference=resolution.reference, line_no=resolution.line_no
    )
    if isinstance(resolution, Correction):
        message.correction.CopyFrom(row_message(resolution.row))
    else:
        message.refund = True
    return message


def resolution_results(response: pb.ResolveSuspenseResponse) -> ResolutionResults:
    """Return what became of lines to resolve."""
    return ResolutionResults(
        results=tuple(
            ResolutionResult(
                outcome=_resolutions.word(result.outcome),
                issue=line_issues.word_or_none(result.issue),
                field=result.field,
            )
            for result in response.results
        ),
        revision=response.revision,
    )


def reverse_request(reversal: Reversal) -> pb.ReversePaymentsRequest:
    """Return payments to reverse as they are sent."""
    return pb.ReversePaymentsRequest(
        source=reversal.source,
        reversal_reference=reversal.reversal_reference,
        reversed_on=day_text(reversal.reversed_on, "reversed_on"),
        lines=[
            pb.ReversalLine(
                line_no=line.line_no,
                payment=pb.PaymentKey(
                    source=line.payment.source,
                    reference=line.payment.reference,
                    line_no=line.payment.line_no,
                    iin=line.payment.iin,
                ),
                amount_tiyn=line.amount_tiyn,
                reason_code=line.reason_code,
            )
            for line in reversal.lines
        ],
    )


def reversal_results(response: pb.ReversePaymentsResponse) -> ReversalResults:
    """Return what became of payments to reverse."""
    return ReversalResults(
        results=tuple(
            ReversalResult(
                outcome=_reversals.word(result.outcome),
                left_tiyn=result.left_tiyn,
                late=result.late,
                field=result.field,
            )
            for result in response.results
        ),
        revision=response.revision,
    )
