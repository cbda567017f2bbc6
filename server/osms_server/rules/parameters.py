"""The parameters of the law and of the gateway, by the day they are in force."""

import json
from bisect import bisect_right
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Any, Self

from osms_server.rules import documents as rule_documents
from osms_server.rules.documents import NEEDED, SWITCHES, Series
from osms_server.rules.eras import Era, Moment, moment_of
from osms_server.rules.errors import DayNotCoveredError, ParametersError
from osms_server.rules.months import NEVER, first_day, month_of
from osms_server.rules.values import Values

MOMENTS_MAX = 8192
"""How many service dates are kept prepared: more than the days a question may be about."""

PRICES_MAX = 4096
"""How many prices of lists of months are kept."""


class Parameters:
    """A rule set: everything dated that a decision needs."""

    def __init__(self, series: Mapping[str, Series]) -> None:
        self._values = _timeline(series)
        self._starts = [values.start for values in self._values]
        self._rates = series["independent_payer_rate"]
        self._minimum = series["minimum_payment"]
        self.version = _version(series)
        """Names the rule set: the last day on which it changes, and a digest of all its values."""
        self.first_day = next(
            (values.start for values in self._values if values.system_start), date.max
        )
        """The first day a question may be about."""
        eras = _eras(self._values)
        self._era_starts = [start for start, _ in eras]
        self._eras = [era for _, era in eras]
        self.moment = lru_cache(maxsize=MOMENTS_MAX)(self._moment)
        """Return a service date as the rules see it; raise DayNotCoveredError before the first."""
        self.price_tiyn = lru_cache(maxsize=PRICES_MAX)(self._price_tiyn)
        """Return what months cost an independent payer together."""

    @classmethod
    def from_documents(cls, documents: Mapping[str, Mapping[str, Any]]) -> Self:
        """Return the rule set that documents describe, by code, with dates as ISO strings.

        Raises ParametersError if they cannot be used.
        """
        return cls(rule_documents.read(documents))

    @staticmethod
    def bundled_documents() -> dict[str, dict[str, Any]]:
        """Return the documents that come with the package, with dates as ISO strings."""
        return rule_documents.bundled()

    def at(self, day: date) -> Values:
        """Return the values in force on a day; raise DayNotCoveredError if it has none."""
        index = bisect_right(self._starts, day)
        if not index:
            raise DayNotCoveredError(day, self._starts[0])
        return self._values[index - 1]

    def window(self, today: date) -> tuple[date, date]:
        """Return the first and the last day a question may be about, seen from today.

        The last day is the same day so many months ahead, or the last of a month that is shorter.
        Before the system's start, the rules of its start tell how many.
        """
        ahead = self.at(max(today, self.first_day)).service_date_window
        month = month_of(today) + ahead
        last_of_month = first_day(month + 1) - timedelta(days=1)
        return self.first_day, last_of_month.replace(day=min(today.day, last_of_month.day))

    def independent_payer_rate_tiyn(self, month: int) -> int:
        """Return what an independent payer owes for a month; 0 where no rate is in force."""
        return _in_force(self._rates, first_day(month)) or 0

    def _price_tiyn(self, months: tuple[int, ...]) -> int:
        return sum(map(self.independent_payer_rate_tiyn, months))

    def minimum_tiyn(self, month: int) -> int:
        """Return the net amount from which on a month counts as paid."""
        if not _in_force(self._minimum, first_day(month)):
            return 1
        return self.independent_payer_rate_tiyn(month) or 1

    def _moment(self, day: date) -> Moment:
        index = bisect_right(self._era_starts, day)
        if day < self.first_day:
            raise DayNotCoveredError(day, self.first_day)
        return moment_of(day, self._eras[index - 1], start=month_of(self.first_day))


def _in_force(series: Series, day: date) -> Any:
    """Return the value of a parameter on a day; None if it has none."""
    index = bisect_right(series, day, key=lambda entry: entry[0])
    return series[index - 1][1] if index else None


def _timeline(series: Mapping[str, Series]) -> list[Values]:
    """Return the values of all parameters, one entry for each day on which any of them changes.

    The first entry starts when every parameter that is needed at all times has a value.
    """
    needed = [entries for code, entries in series.items() if code in NEEDED]
    first = max(entries[0][0] for entries in needed)
    changes = {start for entries in series.values() for start, _ in entries if start > first}
    days: list[date | None] = [first, *sorted(changes), None]
    timeline = []
    for start, end in pairwise(days):
        assert start is not None
        found = {code: _in_force(entries, start) for code, entries in series.items()}
        for code in found:
            if found[code] is None and code in SWITCHES:
                found[code] = False
            elif found[code] is None and code in NEEDED:
                raise ParametersError(code, f"not in force on {start}")
        timeline.append(Values(start=start, end=end, **found))
    return timeline


def _eras(timeline: list[Values]) -> list[tuple[date, Era]]:
    """Return the eras of cover with their first days: neighbours with the same rules are one."""
    eras: list[tuple[date, Era]] = []
    for values in reversed(timeline):
        rules = values.cover_rules()
        following = eras[-1] if eras else None
        if following and following[1].rules == rules:
            eras[-1] = (values.start, following[1])
        elif following:
            eras.append((values.start, Era(following[0].toordinal(), rules, following[1])))
        else:
            eras.append((values.start, Era(NEVER, rules, None)))
    return eras[::-1]


def _version(series: Mapping[str, Series]) -> str:
    """Return a name that changes with any value or day of any parameter, and with nothing else."""
    content = json.dumps(series, sort_keys=True, default=str)
    last_change = max(start for entries in series.values() for start, _ in entries)
    return f"{last_change}-{sha256(content.encode()).hexdigest()[:12]}"
