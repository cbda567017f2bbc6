"""From raw facts to the rules' public door, and from its decisions back to plain answers."""

from datetime import date, datetime

from osms_server import rules
from tests.unit.rules.facts import Assignment, Facts, Kind
from tests.unit.rules.naive import Answer

PARAMETERS = rules.Parameters.from_documents(rules.Parameters.bundled_documents())


def parameters_with(code: str, value: bool, start: date) -> rules.Parameters:
    """Return the bundled parameters with one switch set from a day on."""
    documents = rules.Parameters.bundled_documents()
    values = [{"from": start.isoformat(), "value": value}]
    documents[code] = {**documents[code], "values": values}
    return rules.Parameters.from_documents(documents)


_SPAN_KINDS = {
    Kind.STATE_PAID: rules.SpanKind.STATE_PAID,
    Kind.EXEMPT: rules.SpanKind.EXEMPT,
    Kind.ON_VISIT: rules.SpanKind.ON_VISIT,
}


def ledger_at(facts: Facts, known_at: datetime) -> rules.Ledger | None:
    """Return the ledger that the store would keep of the facts recorded by that moment."""
    left = {
        number: payment.amount_tiyn
        for number, payment in enumerate(facts.payments)
        if payment.recorded_at <= known_at
    }
    for reversal in facts.reversals:
        if reversal.recorded_at <= known_at:
            left[reversal.payment_no] -= reversal.amount_tiyn
    net: dict[int, int] = {}
    received: dict[int, int] = {}
    for number, left_tiyn in left.items():
        payment = facts.payments[number]
        if not payment.gives_cover:
            continue
        month, receipt = month_number(payment.period), month_number(payment.received_on)
        net[month] = net.get(month, 0) + left_tiyn
        if left_tiyn > 0 and receipt < month:
            received[month] = min(receipt, received.get(month, receipt))
    records = {a.key: a for a in facts.assignments if a.recorded_at <= known_at}
    if not left and not records:
        return None
    return rules.Ledger(
        paid=sum(
            1 << (month - rules.FIRST_MONTH)
            for month, net_tiyn in net.items()
            if net_tiyn >= PARAMETERS.minimum_tiyn(month)
        ),
        advance=tuple(sorted(received.items())),
        spans=tuple(
            rules.Span(_SPAN_KINDS[record.kind], record.assigned_on, record.removed_on)
            for record in records.values()
            if record.kind in _SPAN_KINDS
        ),
        died_on=_died_on(facts.assignments, records),
    )


def _died_on(
    assignments: tuple[Assignment, ...], records: dict[tuple[str, str, date], Assignment]
) -> date | None:
    for record in reversed(assignments):
        valid = record.kind is Kind.DECEASED and record.removed_on is None
        if valid and records.get(record.key) is record:
            return record.assigned_on
    return None


def decide(facts: Facts, known_at: datetime, day: date) -> Answer:
    """Return the rules' decision in the words of the naive one."""
    return plain(rules.decide(ledger_at(facts, known_at), day, PARAMETERS))


def plain(decision: rules.Decision) -> Answer:
    """Return a decision with its codes as text and its months as dates."""
    return Answer(
        status=decision.status.value,
        funding_source=decision.funding_source.value,
        grounds=tuple(ground.value for ground in decision.grounds),
        valid_through=decision.valid_through,
        covered_through=decision.covered_through,
        arrears_months=tuple(map(month_date, decision.arrears_months)),
        blocking_months=tuple(map(month_date, decision.blocking_months)),
        restore_amount_tiyn=decision.restore_amount_tiyn,
        rule=decision.rule,
        retention_months=decision.retention_months,
    )


def month_number(day: date) -> int:
    """Return the month of a day as the rules count months."""
    return day.year * 12 + day.month - 1


def month_date(month: int) -> date:
    """Return the first day of a month that is counted as the rules count them."""
    return date(month // 12, month % 12 + 1, 1)
