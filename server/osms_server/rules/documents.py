"""The documents of a rule set: one per parameter, its values by the day they come into force.

A document holds ``description``, ``unit``, ``reference`` (``text`` and, where the act is
published under a known number, ``url``) and ``values``: a list, ascending by ``from``, of a
``value`` each, or ``abolished = true`` where the parameter ends. Old values are never overwritten.
"""

import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib import resources
from typing import Any

from osms_server.rules.errors import ParametersError

Series = tuple[tuple[date, Any], ...]
"""The values of one parameter by first day, ascending; None: not in force from that day on."""


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _whole(low: int, high: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return check


def _share(value: object) -> Decimal:
    try:
        share = Decimal(value) if isinstance(value, str) else Decimal(-1)
    except InvalidOperation:
        share = Decimal(-1)
    if not 0 <= share <= 1:
        raise ValueError('must be a decimal number from 0 to 1 in quotes, such as "0.90"')
    return share


# A window of at most 30 months never reaches back beyond the first bit of a set of months, and
# a due day of at most 28 exists in every month.
_CHECKS: dict[str, Callable[[object], Any]] = {
    "system_start": _switch,
    "universal_cover": _switch,
    "arrears_window_months": _whole(3, 30),
    "retention_months": _whole(1, 29),
    "long_payer_months": _whole(1, 600),
    "long_payer_retention_months": _whole(1, 29),
    "long_payer_counts_state_months": _switch,
    "payment_due_day": _whole(1, 28),
    "prepaid_run_months": _whole(1, 600),
    "service_date_window": _whole(0, 120),
    "independent_payer_rate": _whole(1, 10**12),
    "minimum_payment": _switch,
    "stale_after_hours_categories": _whole(1, 10_000),
    "stale_after_hours_registers": _whole(1, 10_000),
    "roster_uninsured_coefficient": _share,
    "roster_inactive_coefficient": _share,
    "roster_inactive_months": _whole(1, 600),
}

SWITCHES = frozenset(code for code, check in _CHECKS.items() if check is _switch)
"""The parameters that are off where they are not in force."""

NEEDED = frozenset(
    {
        "payment_due_day",
        "service_date_window",
        "stale_after_hours_categories",
        "stale_after_hours_registers",
    }
)
"""The parameters that must be in force on every day that has rules."""


def bundled() -> dict[str, dict[str, Any]]:
    """Return the documents that come with the package, by code, with dates as ISO strings."""
    folder = resources.files(__package__).joinpath("parameters")
    return {
        entry.name.removesuffix(".toml"): _plain(tomllib.loads(entry.read_text("utf-8")))
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }


def read(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Series]:
    """Return the values of every parameter.

    Raises ParametersError if a parameter is missing, not known, or not well formed.
    """
    for code in sorted(_CHECKS.keys() ^ documents.keys()):
        raise ParametersError(code, "missing" if code in _CHECKS else "not known")
    return {code: _series(code, documents[code]) for code in _CHECKS}


def _series(code: str, document: Mapping[str, Any]) -> Series:
    """Return the values of one parameter, checked."""
    series: list[tuple[date, Any]] = []
    for entry in document.get("values", ()):
        try:
            start = date.fromisoformat(entry["from"])
            abolished = entry.keys() == {"from", "abolished"} and entry["abolished"] is True
            value = None if abolished else _CHECKS[code](entry["value"])
        except (KeyError, TypeError, ValueError) as exc:
            raise ParametersError(code, f"value {len(series) + 1}: {exc}") from exc
        if series and start <= series[-1][0]:
            raise ParametersError(code, f"the value from {start} is not after the one before it")
        series.append((start, value))
    if not series:
        raise ParametersError(code, "has no values")
    return tuple(series)


def _plain(value: Any) -> Any:
    """Return a parsed document as JSON keeps it: every date as an ISO string."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
