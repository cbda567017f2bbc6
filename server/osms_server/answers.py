"""Turns decisions into the answers of the contract. Every caller sees redacted grounds."""

from datetime import date

from osms.v1 import core_pb2
from osms.values import format_iin, format_month
from osms_server import rules
from osms_server.fields import timestamp
from osms_server.inquiry import View
from osms_server.rules.texts import Language
from osms_storage.records import PersonName

_STATUS = {
    status: core_pb2.EligibilityStatus.Value(f"ELIGIBILITY_STATUS_{status}")
    for status in rules.Status
}
_FUNDING = {
    source: core_pb2.FundingSource.Value(f"FUNDING_SOURCE_{source}")
    for source in rules.FundingSource
}
_GROUND = {
    ground: core_pb2.Ground.Value(f"GROUND_{ground}") for ground in rules.redact(rules.Ground)
}
_STEP = {step: core_pb2.NextStepCode.Value(f"NEXT_STEP_CODE_{step}") for step in rules.NextStep}


def decide(view: View, iin: int, day: date) -> rules.Decision:
    """Return the decision for one person of a view on a day."""
    return rules.decide(view.law.ledger(view.ledgers.get(iin)), day, view.law.parameters)


def brief(
    view: View, iin: int, day: date, decision: rules.Decision, decision_id: str
) -> core_pb2.Eligibility:
    """Return an answer without texts and without what a whole batch shares."""
    step = rules.next_step(decision, stale=bool(view.stale_sources))
    answer = core_pb2.Eligibility(
        iin=format_iin(iin),
        service_date=day.isoformat(),
        status=_STATUS[decision.status],
        funding_source=_FUNDING[decision.funding_source],
        grounds=[_GROUND[ground] for ground in rules.redact(decision.grounds)],
        next_step=core_pb2.NextStep(code=_STEP[step]),
        decision_id=decision_id,
    )
    if decision.valid_through is not None:
        answer.valid_through = decision.valid_through.isoformat()
    if decision.covered_through is not None:
        answer.covered_through = decision.covered_through.isoformat()
    if decision.arrears_months:
        answer.arrears_months.extend(map(format_month, decision.arrears_months))
        answer.blocking_months.extend(map(format_month, decision.blocking_months))
        answer.restore_amount_tiyn = decision.restore_amount_tiyn
    return answer


def whole(
    view: View, iin: int, day: date, decision: rules.Decision, decision_id: str, language: Language
) -> core_pb2.Eligibility:
    """Return an answer with all its fields, texts in one of kk, ru, en."""
    answer = brief(view, iin, day, decision, decision_id)
    shown = rules.redact(decision.grounds)
    step = rules.next_step(decision, stale=bool(view.stale_sources))
    answer.next_step.text = rules.texts.next_step(step, language)
    answer.text = rules.texts.sentence(decision.status, shown[0] if shown else None, language)
    answer.stale_sources.extend(view.stale_sources)
    answer.ruleset = view.law.parameters.version
    answer.revision = view.moment.revision
    answer.decided_at.CopyFrom(timestamp(view.decided_at))
    return answer


def context(view: View, decision_id: str) -> core_pb2.AnswerContext:
    """Return what all answers of a batch share."""
    return core_pb2.AnswerContext(
        stale_sources=view.stale_sources,
        ruleset=view.law.parameters.version,
        revision=view.moment.revision,
        decision_id=decision_id,
        decided_at=timestamp(view.decided_at),
    )


def identity_match(
    names: list[PersonName], surname: str, birth_date: date | None
) -> "core_pb2.IdentityMatch.ValueType":
    """Compare a stated identity with what payments said; letters compare without case and yo."""
    if not surname and birth_date is None:
        return core_pb2.IDENTITY_MATCH_UNSPECIFIED
    verdicts = []
    known_surnames = {_folded(name.surname) for name in names if name.surname}
    if surname and known_surnames:
        verdicts.append(_folded(surname) in known_surnames)
    known_dates = {name.birth_date for name in names if name.birth_date is not None}
    if birth_date is not None and known_dates:
        verdicts.append(birth_date in known_dates)
    if not verdicts:
        return core_pb2.IDENTITY_MATCH_NOT_KNOWN
    return core_pb2.IDENTITY_MATCH_MATCH if all(verdicts) else core_pb2.IDENTITY_MATCH_MISMATCH


def _folded(surname: str) -> str:
    return surname.casefold().replace("ё", "е").replace("-", " ")
