"""The dated parameters: what is in force when, and what a rule set refuses."""

import copy
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from osms_server.rules import (
    DayNotCoveredError,
    Ledger,
    Parameters,
    ParametersError,
    Status,
    decide,
    month_of,
)

Documents = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    """The rule set of the package."""
    return Parameters.from_documents(Parameters.bundled_documents())


@pytest.fixture
def documents() -> Documents:
    """The documents of the package, to be changed by a test."""
    return copy.deepcopy(Parameters.bundled_documents())


def test_every_document_names_its_unit_and_basis(documents: Documents) -> None:
    """Every parameter says what it is, in which unit, and on what it rests."""
    for code, document in documents.items():
        assert document.keys() == {"description", "unit", "reference", "values"}, code
        assert document["reference"]["text"], code
        url = document["reference"].get("url", "https://adilet.zan.kz/")
        assert url.startswith("https://adilet.zan.kz/"), code


def test_documents_survive_json(documents: Documents) -> None:
    """A rule set kept as JSON is the same rule set."""
    kept = json.loads(json.dumps(documents))
    assert kept == documents
    original = Parameters.from_documents(documents)
    assert Parameters.from_documents(kept).version == original.version


@pytest.mark.parametrize(
    ("code", "day", "value"),
    [
        ("universal_cover", date(2020, 6, 30), True),
        ("universal_cover", date(2020, 7, 1), False),
        ("arrears_window_months", date(2020, 6, 30), None),
        ("arrears_window_months", date(2020, 7, 1), 12),
        ("retention_months", date(2020, 7, 1), 3),
        ("prepaid_run_months", date(2022, 9, 4), None),
        ("prepaid_run_months", date(2022, 9, 5), 12),
        ("long_payer_months", date(2025, 12, 31), None),
        ("long_payer_months", date(2026, 1, 1), 60),
        ("long_payer_retention_months", date(2026, 1, 1), 6),
        ("long_payer_counts_state_months", date(2026, 1, 1), False),
        ("payment_due_day", date(2020, 1, 1), 25),
        ("independent_payer_rate", date(2021, 12, 31), 212_500),
        ("independent_payer_rate", date(2022, 1, 1), 300_000),
        ("minimum_payment", date(2026, 1, 1), False),
        ("stale_after_hours_categories", date(2026, 1, 1), 36),
        ("stale_after_hours_registers", date(2026, 1, 1), 72),
        ("roster_uninsured_coefficient", date(2026, 1, 1), Decimal("0.90")),
        ("roster_inactive_coefficient", date(2025, 12, 31), None),
    ],
)
def test_a_value_holds_from_its_day(
    parameters: Parameters, code: str, day: date, value: object
) -> None:
    """A parameter has the value in force on the day, on both sides of each change."""
    assert getattr(parameters.at(day), code) == value


def test_values_are_one_object_between_changes(parameters: Parameters) -> None:
    """Days between two changes share their values, and the values know their days."""
    values = parameters.at(date(2024, 1, 1))
    assert values is parameters.at(date(2025, 12, 31))
    assert (values.start, values.end) == (date(2024, 1, 1), date(2026, 1, 1))
    assert parameters.at(date.max).end is None


def test_days_without_rules_are_refused(parameters: Parameters) -> None:
    """There is no answer for days before the rules, and the error says which day is the first."""
    with pytest.raises(DayNotCoveredError) as before_all:
        parameters.at(date(2017, 6, 30))
    assert before_all.value.first_day == date(2017, 7, 1)
    with pytest.raises(DayNotCoveredError) as before_start:
        decide(Ledger(0, (), (), None), date(2019, 12, 31), parameters)
    assert before_start.value.first_day == date(2020, 1, 1)
    assert before_start.value.day == date(2019, 12, 31)


@pytest.mark.parametrize(
    ("today", "last"),
    [
        (date(2026, 12, 31), date(2027, 12, 31)),
        (date(2025, 3, 5), date(2026, 3, 5)),
        (date(2024, 2, 29), date(2025, 2, 28)),
        (date(2023, 2, 28), date(2024, 2, 28)),
        (date(2018, 5, 1), date(2019, 5, 1)),
    ],
)
def test_questions_reach_to_the_same_day_a_year_ahead(
    parameters: Parameters, today: date, last: date
) -> None:
    """A question may be about any day from the system's start to that day."""
    assert parameters.window(today) == (date(2020, 1, 1), last)


def test_owed_months_are_priced_by_their_period(parameters: Parameters) -> None:
    """A month costs the rate of its own period, whenever it is asked about."""
    rates = [
        parameters.independent_payer_rate_tiyn(month_of(date(year, 12, 1)))
        for year in range(2019, 2027)
    ]
    assert rates == [0, 212_500, 212_500, 300_000, 350_000, 425_000, 425_000, 425_000]


def test_any_amount_counts_until_the_minimum_is_switched_on(documents: Documents) -> None:
    """The minimum is one tiyn while the switch is off, and the rate of the period once it is on."""
    december, january = month_of(date(2025, 12, 1)), month_of(date(2026, 1, 1))
    assert Parameters.from_documents(documents).minimum_tiyn(january) == 1
    documents["minimum_payment"]["values"].append({"from": "2026-01-01", "value": True})
    switched = Parameters.from_documents(documents)
    assert (switched.minimum_tiyn(december), switched.minimum_tiyn(january)) == (1, 425_000)


def test_the_version_names_values_and_nothing_else(documents: Documents) -> None:
    """Another description is the same rule set; another value is another one."""
    version = Parameters.from_documents(documents).version
    documents["retention_months"]["description"] = "Reworded."
    assert Parameters.from_documents(documents).version == version
    documents["retention_months"]["values"][0]["value"] = 4
    assert Parameters.from_documents(documents).version != version


@pytest.mark.parametrize(
    ("code", "values", "problem"),
    [
        ("retention_months", [{"from": "2020-07-01", "value": 0}], "whole number"),
        ("retention_months", [{"from": "2020-07-01", "value": True}], "whole number"),
        ("retention_months", [{"from": "soon", "value": 3}], "value 1"),
        ("retention_months", [{"value": 3}], "value 1"),
        ("retention_months", [{"from": "2020-07-01"}], "value 1"),
        ("retention_months", [], "no values"),
        ("retention_months", [{"from": "2020-07-01", "value": 12}], "must be shorter"),
        ("retention_months", [{"from": "2020-08-01", "value": 3}], "not in force on 2020-07-01"),
        ("long_payer_retention_months", [{"from": "2026-01-01", "value": 2}], "must lie"),
        ("payment_due_day", [{"from": "2017-07-01", "value": 29}], "from 1 to 28"),
        (
            "payment_due_day",
            [{"from": "2017-07-01", "value": 25}, {"from": "2021-01-01", "abolished": True}],
            "not in force on 2021-01-01",
        ),
        (
            "payment_due_day",
            [{"from": "2017-07-01", "value": 25}, {"from": "2017-07-01", "value": 20}],
            "not after",
        ),
        ("universal_cover", [{"from": "2020-01-01", "value": 1}], "true or false"),
        ("roster_uninsured_coefficient", [{"from": "2026-01-01", "value": 0.9}], "decimal"),
        ("roster_uninsured_coefficient", [{"from": "2026-01-01", "value": "much"}], "decimal"),
    ],
)
def test_unusable_values_are_refused(
    documents: Documents, code: str, values: list[dict[str, Any]], problem: str
) -> None:
    """A document that cannot be used is refused by name, with what is wrong."""
    documents[code]["values"] = values
    with pytest.raises(ParametersError, match=problem) as refused:
        Parameters.from_documents(documents)
    assert refused.value.parameter == code


def test_missing_and_unknown_documents_are_refused(documents: Documents) -> None:
    """A rule set has exactly the parameters that the rules know."""
    del documents["payment_due_day"]
    with pytest.raises(ParametersError, match="missing"):
        Parameters.from_documents(documents)
    documents["payment_due_day"] = documents["retention_months"]
    documents["tea_breaks"] = documents["retention_months"]
    with pytest.raises(ParametersError, match="not known"):
        Parameters.from_documents(documents)


def test_a_due_day_may_change_by_law(documents: Documents) -> None:
    """From the day a new due day is in force, months become overdue by it."""
    documents["payment_due_day"]["values"].append({"from": "2025-08-20", "value": 10})
    changed = Parameters.from_documents(documents)
    paid = (1 << 18) - 1 << month_of(date(2024, 1, 1)) - month_of(date(2017, 7, 1))
    ledger = Ledger(paid, (), (), None)
    eve = decide(ledger, date(2025, 8, 11), changed)
    assert (eve.status, eve.valid_through) == (Status.INSURED, date(2025, 8, 19))
    day_after = decide(ledger, date(2025, 8, 20), changed)
    assert day_after.status is Status.INSURED_RETENTION
