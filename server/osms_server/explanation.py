"""The month ledger behind an answer: what settled each month, and which rule decided."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from osms.v1 import consumer_service_pb2 as pb
from osms.values import first_day, format_month, month_of
from osms_server import answers, rules
from osms_server.fields import Fields, timestamp
from osms_server.inquiry import View
from osms_server.rules.texts import Language
from osms_storage.payments import list_payments
from osms_storage.records import PaymentFact
from osms_storage.store import Store

MONTHS_AHEAD_MAX = 36
"""How far after the service date an explanation looks: payments may come that long before."""
MONTHS_MAX = 120
"""The most months one explanation shows."""


def shown_months(
    fields: Fields, request: pb.ExplainConsumerRequest, day: date
) -> tuple[int | None, int | None]:
    """Return the months a caller asks for; None where the window of the decision decides."""
    first, last = (
        _shown_month(fields, request.first_month, "first_month", day),
        _shown_month(fields, request.last_month, "last_month", day),
    )
    lowest = month_of(day) if first is None else first
    highest = month_of(day) if last is None else last
    if first is not None and last is not None and last < first:
        fields.violate("last_month", "must not be before first_month")
    elif highest - lowest >= MONTHS_MAX:
        fields.violate("last_month", f"must be less than {MONTHS_MAX} months from first_month")
    return first, last


def _shown_month(fields: Fields, text: str, field: str, day: date) -> int | None:
    month = fields.month(text, field)
    latest = month_of(day) + MONTHS_AHEAD_MAX
    if month is not None and not rules.FIRST_MONTH <= month <= latest:
        first = format_month(rules.FIRST_MONTH)
        fields.violate(field, f"must be from {first} to {format_month(latest)}")
        return None
    return month


async def explain(
    store: Store,
    view: View,
    iin: int,
    day: date,
    months: tuple[int | None, int | None],
    language: Language,
    decision_id: str,
) -> pb.ExplainConsumerResponse:
    """Return an answer and how it came about."""
    decision = answers.decide(view, iin, day)
    response = pb.ExplainConsumerResponse(
        rule=_rule(view, decision, language), retention_months=decision.retention_months
    )
    answers.write_whole(response.eligibility, view, iin, day, decision, decision_id, language)
    ledger = view.ledger(iin)
    if ledger is None:
        return response
    window = _window(view, day)
    first, last = months
    if first is None:
        lowest = window[0] if window else month_of(day)
        first = lowest if last is None else min(lowest, last)
    if last is None:
        last = max(month_of(day), first)
    async with store.reading(at_least=view.moment.revision) as connection:
        payments = await list_payments(
            connection,
            iin,
            first_period=first,
            last_period=last,
            known_revision=view.moment.revision,
        )
    by_month: dict[int, list[PaymentFact]] = defaultdict(list)
    for payment in payments:
        by_month[payment.period].append(payment)
    for month in range(first, last + 1):
        response.months.append(_month(view, ledger, decision, day, month, by_month[month], window))
    return response


def _window(view: View, day: date) -> tuple[int, int] | None:
    """Return the months that rule 7 looks at; None on a day on which it is not in force."""
    length = view.law.parameters.at(day).arrears_window_months
    if length is None:
        return None
    start = month_of(view.law.parameters.first_day)
    return max(month_of(day) - length + 1, start), month_of(day)


def _rule(view: View, decision: rules.Decision, language: Language) -> pb.DecidingRule:
    # Exempt and state-paid people are one kind to most callers, in the rule's number too.
    number, told = decision.rule, str(decision.rule)
    if not view.shown_everything:
        number, told = rules.redact_rule(number)
    return pb.DecidingRule(
        number=number,
        legal_reference=rules.texts.legal_reference(told, language),
        text=rules.texts.rule(told, language),
    )


def _month(
    view: View,
    ledger: rules.Ledger,
    decision: rules.Decision,
    day: date,
    month: int,
    payments: Sequence[PaymentFact],
    window: tuple[int, int] | None,
) -> pb.LedgerMonth:
    data, parameters = view.law.data, view.law.parameters
    covering = data.covering
    net = sum(p.amount_tiyn - p.reversed_tiyn for p in payments if p.purpose in covering)
    paid = net >= parameters.minimum_tiyn(month)
    settled = paid or _state_settled(ledger, month)
    # Months before the system's start are not owed.
    owed = not settled and month >= month_of(parameters.first_day)
    due_on = first_day(month + 1).replace(day=parameters.at(day).payment_due_day)
    shown = pb.LedgerMonth(
        month=format_month(month),
        paid_tiyn=net,
        due_on=due_on.isoformat(),
        overdue=owed and day > due_on,
        blocking=month in decision.blocking_months,
        in_window=window is not None and window[0] <= month <= window[1],
        owed_tiyn=parameters.independent_payer_rate_tiyn(month) if owed else 0,
    )
    if paid:
        shown.settlement = pb.MONTH_SETTLEMENT_PAYMENT
    elif settled:
        shown.settlement = pb.MONTH_SETTLEMENT_NOT_BY_PAYMENT
    else:
        shown.settlement = pb.MONTH_SETTLEMENT_UNSETTLED
    for payment in sorted(payments, key=lambda p: p.received_on):
        shown.payments.append(
            pb.MonthPayment(
                reference=payment.reference,
                line_no=payment.line_no,
                received_on=payment.received_on.isoformat(),
                purpose_code=f"{payment.purpose:03d}",
                amount_tiyn=payment.amount_tiyn,
                reversed_tiyn=payment.reversed_tiyn,
                gives_cover=payment.purpose in covering,
                recorded_at=timestamp(payment.recorded_at),
            )
        )
    return shown


def _state_settled(ledger: rules.Ledger, month: int) -> bool:
    """Return whether a state-paid or exempt span touches any day of a month."""
    first, after = first_day(month), first_day(month + 1)
    return any(
        span.kind is not rules.SpanKind.ON_VISIT
        and span.start < after
        and (span.end is None or span.end > max(first, span.start))
        for span in ledger.spans
    )
