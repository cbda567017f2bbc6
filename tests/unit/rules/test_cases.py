"""Worked cases, answered by the rules and by the naive decision alike."""

import pytest

from tests.unit.rules import ledgers
from tests.unit.rules.casefile import Case, cases, spoken
from tests.unit.rules.facts import end_of_day
from tests.unit.rules.naive import Life

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_case(case: Case) -> None:
    """Both decisions say what the case says, and agree on what it does not say."""
    for question in case.questions:
        known_at = end_of_day(question.known)
        naive = Life(case.facts, known_at).answer(question.on)
        decided = ledgers.decide(case.facts, known_at, question.on)
        for side, answer in (("naive", naive), ("rules", decided)):
            said = spoken(answer)
            said = {name: said[name] for name in question.expected}
            assert (side, question.on, said) == (side, question.on, question.expected)
        assert decided == naive, question.on


def test_every_case_has_its_own_title() -> None:
    """A title names one case, and each case asks something."""
    titles = [case.title for case in CASES]
    assert len(set(titles)) == len(titles)
    assert all(case.questions for case in CASES)
