"""Sets of months as bits, ended or endless."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osms_server.rules.months import (
    FIRST_MONTH,
    NEVER,
    first_missing,
    first_ordinal,
    members,
    runs,
    spread,
)

bits = st.integers(min_value=-(1 << 80), max_value=1 << 80)
lengths = st.integers(min_value=1, max_value=70)


@given(bits, lengths)
def test_a_run_begins_where_all_its_months_are_in_the_set(months: int, length: int) -> None:
    """Runs are found at exactly the months from which enough consecutive ones follow."""
    found = runs(months, length)
    for bit in range(90):
        assert found >> bit & 1 == all(months >> bit + i & 1 for i in range(length))


@given(bits, lengths)
def test_spreading_reaches_as_far_as_told(months: int, length: int) -> None:
    """A month is in the spread set if one of the last months up to it was in the set."""
    wide = spread(months, length)
    for bit in range(160):
        near = range(max(bit - length + 1, 0), bit + 1)
        assert wide >> bit & 1 == any(months >> i & 1 for i in near)


@given(bits)
def test_the_first_missing_month_is_found(months: int) -> None:
    """The first missing month is the lowest clear bit, also of sets without end."""
    expected = next((bit for bit in range(90) if not months >> bit & 1), -1)
    assert first_missing(months) == expected


@given(st.integers(min_value=0, max_value=1 << 80))
def test_members_come_ascending(months: int) -> None:
    """A finite set lists its months in order."""
    listed = list(members(months, FIRST_MONTH))
    assert listed == sorted(listed)
    assert sum(1 << month - FIRST_MONTH for month in listed) == months


@pytest.mark.parametrize(
    ("month", "ordinal"),
    [
        (FIRST_MONTH, date(2017, 7, 1).toordinal()),
        (9999 * 12 + 11, date(9999, 12, 1).toordinal()),
        (10_000 * 12, NEVER),
    ],
)
def test_months_beyond_the_calendar_never_come(month: int, ordinal: int) -> None:
    """The first day of a month is known up to the calendar's end."""
    assert first_ordinal(month) == ordinal
