"""Turns decisions into the answers of the contract, as who asks may see them."""

import secrets
from datetime import date
from itertools import count

from osms.v1 import core_pb2
from osms.values import format_iin, format_month
from osms_server import rules
from osms_server.fields import set_timestamp, timestamp
from osms_server.inquiry import View
from osms_server.rules.texts import Language
from osms_storage.records import PersonName

STATUS = {
    status: core_pb2.EligibilityStatus.Value(f"ELIGIBILITY_STATUS_{status}")
    for status in rules.Status
}
"""The contract's numbers of statuses."""
_FUNDING = {
    source: core_pb2.FundingSource.Value(f"FUNDING_SOURCE_{source}")
    for source in rules.FundingSource
}
_GROUND = {ground: core_pb2.Ground.Value(f"GROUND_{ground}") for ground in rules.Ground}
_STEP = {step: core_pb2.NextStepCode.Value(f"NEXT_STEP_CODE_{step}") for step in rules.NextStep}

KEPT_MAX = 16_384
"""How many answers are kept to be copied: as many as decisions are kept to be shared."""


def decide(view: View, iin: int, day: date) -> rules.Decision:
    """Return the decision for one person of a view on a day."""
    return rules.decide(view.ledger(iin), day, view.law.parameters)


def write_brief(
    answer: core_pb2.Eligibility,
    view: View,
    iin: int,
    day: date,
    decision: rules.Decision,
    decision_id: str,
) -> None:
    """Write an answer without texts and without what a whole batch shares into a message."""
    answer.CopyFrom(_common(decision, view, None))
    answer.iin = format_iin(iin)
    answer.service_date = day.isoformat()
    answer.decision_id = decision_id


def write_whole(
    answer: core_pb2.Eligibility,
    view: View,
    iin: int,
    day: date,
    decision: rules.Decision,
    decision_id: str,
    language: Language,
) -> None:
    """Write an answer with all its fields, texts in one of kk, ru, en, into a message."""
    answer.CopyFrom(_common(decision, view, language))
    answer.iin = format_iin(iin)
    answer.service_date = day.isoformat()
    answer.decision_id = decision_id
    answer.ruleset = view.law.parameters.version
    answer.revision = view.moment.revision
    set_timestamp(answer.decided_at, view.decided_at)


_kept: dict[
    tuple[int, tuple[str, ...], Language | None, bool],
    tuple[rules.Decision, core_pb2.Eligibility],
] = {}


def _common(
    decision: rules.Decision, view: View, language: Language | None
) -> core_pb2.Eligibility:
    """Return what an answer says whoever it is about; without a language no texts.

    Most people of a day share a few decisions, so these are kept. By identity, as decisions are
    shared objects and comparing them costs more than a copy; each is kept with its answer, so that
    its identity stays its own. By who asks, too: a decision may be shared by callers who see
    different things of it.
    """
    key = (id(decision), view.stale_sources, language, view.shown_everything)
    if (kept := _kept.get(key)) is not None:
        return kept[1]
    if len(_kept) >= KEPT_MAX:
        _kept.clear()
    answer = _said(decision, view, language)
    _kept[key] = (decision, answer)
    return answer


def _said(decision: rules.Decision, view: View, language: Language | None) -> core_pb2.Eligibility:
    step = rules.next_step(decision, stale=bool(view.stale_sources))
    shown = decision.grounds if view.shown_everything else rules.redact(decision.grounds)
    answer = core_pb2.Eligibility(
        status=STATUS[decision.status],
        funding_source=_FUNDING[decision.funding_source],
        grounds=[_GROUND[ground] for ground in shown],
        next_step=core_pb2.NextStep(code=_STEP[step]),
    )
    if decision.valid_through is not None:
        answer.valid_through = decision.valid_through.isoformat()
    if decision.covered_through is not None:
        answer.covered_through = decision.covered_through.isoformat()
    if decision.arrears_months:
        answer.arrears_months.extend(map(format_month, decision.arrears_months))
        answer.blocking_months.extend(map(format_month, decision.blocking_months))
        answer.restore_amount_tiyn = decision.restore_amount_tiyn
    if language is not None:
        answer.stale_sources.extend(view.stale_sources)
        answer.next_step.text = rules.texts.next_step(step, language)
        answer.text = rules.texts.sentence(decision.status, shown[0] if shown else None, language)
    return answer


class DecisionIds:
    """Numbers the answers of one process; no other process has the same."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(6)
        self._numbers = count(1)

    def next(self) -> str:
        """Return the id of one more answer, or of one more batch."""
        return f"{self._process}{next(self._numbers):08x}"


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
