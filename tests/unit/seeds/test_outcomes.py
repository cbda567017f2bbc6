"""The closed-form statements, against the worked cases of the law's reading."""

from datetime import date

import pytest

from osms.values import parse_month
from osms_seeds.facts import Status
from osms_seeds.outcomes import after_last_settled, insured_through, settled_through


@pytest.mark.parametrize(
    ("last", "day", "kept_months", "status"),
    [
        ("2025-06", date(2025, 8, 10), 3, Status.INSURED),
        ("2025-06", date(2025, 8, 25), 3, Status.INSURED),
        ("2025-06", date(2025, 8, 26), 3, Status.INSURED_RETENTION),
        ("2025-06", date(2025, 9, 30), 3, Status.INSURED_RETENTION),
        ("2025-06", date(2025, 10, 1), 3, Status.NOT_INSURED),
        ("2025-12", date(2026, 6, 30), 6, Status.INSURED_RETENTION),
        ("2025-12", date(2026, 7, 1), 6, Status.NOT_INSURED),
    ],
)
def test_cover_after_the_last_settled_month(
    last: str, day: date, kept_months: int, status: Status
) -> None:
    """Cover lasts to the due day of the next month, is kept for three or six months, and ends."""
    assert after_last_settled(parse_month(last), day, kept_months) is status


def test_insured_through_the_due_day() -> None:
    """Nothing is overdue through the 25th of the second month after the last settled one."""
    assert insured_through(parse_month("2025-11")) == date(2026, 1, 25)


@pytest.mark.parametrize(
    ("removed_on", "last"), [(date(2026, 5, 1), "2026-04"), (date(2026, 5, 2), "2026-05")]
)
def test_a_removed_span_touches_the_month_before_its_end(removed_on: date, last: str) -> None:
    """On the day of removal the category no longer counts."""
    assert settled_through(removed_on) == parse_month(last)
