"""What people read: a status and its ground, the next step, and the rule that decided."""

import tomllib
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

from osms_server.rules.decision import Ground, NextStep, Status

Language = Literal["kk", "ru", "en"]
"""Kazakh, Russian, English."""


def _load(language: Language) -> MappingProxyType[str, Any]:
    folder = resources.files(__package__).joinpath("texts")
    return MappingProxyType(tomllib.loads(folder.joinpath(f"{language}.toml").read_text("utf-8")))


_TEXTS = {language: _load(language) for language in ("kk", "ru", "en")}


def sentence(status: Status, ground: Ground | None, language: Language) -> str:
    """Return a status and the ground that decided, in one sentence; None: no ground is named."""
    text: str = _TEXTS[language]["sentence"][status]["ANY" if ground is None else ground]
    return text


def next_step(step: NextStep, language: Language) -> str:
    """Return what the person can do next."""
    text: str = _TEXTS[language]["next_step"][step]
    return text


def rule(name: str, language: Language) -> str:
    """Return what a rule says, by its number; BUDGET_PAID: by either of 5 and 6."""
    text: str = _TEXTS[language]["rule"][name]
    return text


def legal_reference(name: str, language: Language = "kk") -> str:
    """Return the act, article and paragraph of a rule; BUDGET_PAID: of both 5 and 6."""
    text: str = _TEXTS[language]["legal_reference"][name]
    return text
