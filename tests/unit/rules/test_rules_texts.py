"""The sentences for people, in three languages."""

import tomllib
from importlib import resources
from typing import Any, get_args

import pytest

from osms_server.rules import Ground, NextStep, Status, redact, redact_rule, texts
from osms_server.rules.outcomes import OUTCOMES

LANGUAGES: tuple[texts.Language, ...] = get_args(texts.Language)
ANSWERS = sorted(
    {
        (outcome.status, grounds[0] if grounds else None)
        for outcome in OUTCOMES
        for grounds in (outcome.grounds, redact(outcome.grounds))
    }
    | {(status, None) for status in Status},
    key=str,
)


def shape(document: dict[str, Any]) -> Any:
    """Return the keys of a document, at every depth."""
    return {
        key: shape(value) if isinstance(value, dict) else None for key, value in document.items()
    }


def document(language: str) -> dict[str, Any]:
    """Return the texts of one language."""
    folder = resources.files("osms_server.rules").joinpath("texts")
    return tomllib.loads(folder.joinpath(f"{language}.toml").read_text("utf-8"))


def test_the_languages_say_the_same_things() -> None:
    """Every text exists in every language."""
    assert shape(document("kk")) == shape(document("ru")) == shape(document("en"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("status", "ground"), ANSWERS)
def test_every_answer_has_a_sentence(
    status: Status, ground: Ground | None, language: texts.Language
) -> None:
    """Whatever is answered can be told in one sentence."""
    text = texts.sentence(status, ground, language)
    assert text.endswith(".")
    assert ". " not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_most_callers_read_of_a_budget_ground_is_one_text(language: texts.Language) -> None:
    """Exempt and state-paid people are told of in the same words, which are neither's own."""
    for text in (texts.rule, texts.legal_reference):
        shown = {text(redact_rule(number)[1], language) for number in (5, 6)}
        assert len(shown) == 1
        assert not shown & {text("5", language), text("6", language)}
    grounds = (Ground.EXEMPT, Ground.STATE_PAID, Ground.BUDGET_PAID)
    assert len({texts.sentence(Status.INSURED, ground, language) for ground in grounds}) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_and_rule_has_a_text(language: texts.Language) -> None:
    """Every next step and every rule that can decide has a text, and every rule its basis."""
    for step in NextStep:
        assert texts.next_step(step, language)
    for number in range(2, 11):
        for name in (str(number), redact_rule(number)[1]):
            assert texts.rule(name, language)
            assert texts.legal_reference(name, language)
