"""What can go wrong with the rules themselves.

RulesError
├── ParametersError     the documents of a rule set cannot be used
└── DayNotCoveredError  no rules are in force on the day
"""

from datetime import date


class RulesError(Exception):
    """The rules cannot be applied."""


class ParametersError(RulesError):
    """A document of the rule set cannot be used."""

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"parameter {parameter}: {problem}")
        self.parameter = parameter
        """Its code."""
        self.problem = problem
        """What is wrong with it."""


class DayNotCoveredError(RulesError):
    """No rules are in force on the day."""

    def __init__(self, day: date, first_day: date) -> None:
        super().__init__(f"no rules are in force on {day}: the first day is {first_day}")
        self.day = day
        """The day asked about."""
        self.first_day = first_day
        """The first day that has rules."""
