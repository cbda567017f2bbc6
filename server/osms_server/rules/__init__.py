"""The rules: who is insured on a day, and why. Pure functions and dated data, no I/O.

>>> from datetime import date
>>> parameters = Parameters.from_documents(Parameters.bundled_documents())
>>> paid = 0b111111 << month_of(date(2026, 1, 1)) - FIRST_MONTH
>>> ledger = Ledger(paid=paid, advance=(), spans=(), died_on=None)
>>> str(decide(ledger, date(2026, 8, 1), parameters).status)
'NOT_INSURED'
"""

from osms_server.rules import texts
from osms_server.rules.decide import decide
from osms_server.rules.decision import (
    Decision,
    FundingSource,
    Ground,
    NextStep,
    Status,
    next_step,
    redact,
    redact_rule,
)
from osms_server.rules.errors import DayNotCoveredError, ParametersError, RulesError
from osms_server.rules.ledger import Ledger, Span, SpanKind
from osms_server.rules.months import FIRST_MONTH, first_day, month_of
from osms_server.rules.parameters import Parameters
from osms_server.rules.values import Values

__all__ = [
    "FIRST_MONTH",
    "DayNotCoveredError",
    "Decision",
    "FundingSource",
    "Ground",
    "Ledger",
    "NextStep",
    "Parameters",
    "ParametersError",
    "RulesError",
    "Span",
    "SpanKind",
    "Status",
    "Values",
    "decide",
    "first_day",
    "month_of",
    "next_step",
    "redact",
    "redact_rule",
    "texts",
]
