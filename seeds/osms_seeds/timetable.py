"""The days on which files arrive: two years of history that end at a given day.

Money arrives on the 20th (in time) and on the 26th (one day late) of each month, and once more on
the eve of the last day. Categories arrive on the first day, on each 15th, and on the last day;
a full snapshot follows the deltas of each quarter's last 15th.
"""

from bisect import bisect_left
from datetime import date, datetime, time

from osms.values import ALMATY, first_day, month_of
from osms_seeds.days import day_before, years_before

HISTORY_MONTHS = 24
TODAY_MIN = date(2026, 7, 1)
"""Earlier last days would put the rules of 2026 into the middle of made-up lives."""

IN_TIME, LATE, FEED = 20, 26, 15
_SNAPSHOT_MONTHS = (3, 6, 9, 12)
_FIRST_ANSWERED_DAY = date(2020, 7, 1)
"""The day after the universal period, which this history does not tell."""


class TodayTooEarlyError(ValueError):
    """The last day lies before TODAY_MIN."""


class Timetable:
    """The arrival days of one data set, and the months that follow from them."""

    def __init__(self, today: date) -> None:
        """Lay out the two years that end on `today`; raises TodayTooEarlyError."""
        if today < TODAY_MIN:
            raise TodayTooEarlyError(today)
        self.today = today
        self.month = month_of(today)
        self.opening_month = self.month - HISTORY_MONTHS + 1
        self.opening = first_day(self.opening_month)
        self.register_days = self._register_days()
        self.feed_days = self._feed_days()
        self.snapshot_days = tuple(
            day for day in self.feed_days if day.day == FEED and day.month in _SNAPSHOT_MONTHS
        )
        self.last_paid = self.month - (1 if today.day >= IN_TIME else 2)
        """The last month that someone who always pays in time has paid by today."""
        self.last_paid_late = self.month - (1 if today.day >= LATE else 2)
        """The same for someone who always pays on the 26th."""
        self.first_paid = self.opening_month - 1
        """The first month whose payment arrives in the two years."""

    def in_time(self, period: int) -> date:
        """Return the 20th on which a month is paid in time."""
        return first_day(period + 1).replace(day=IN_TIME)

    def late(self, period: int) -> date:
        """Return the 26th on which a month is paid one day late."""
        return first_day(period + 1).replace(day=LATE)

    def eve(self) -> date:
        """Return the last day on which money arrives."""
        return day_before(self.today)

    def feed_day(self, day: date) -> date:
        """Return the first feed day on or after a day that is not after today."""
        return self.feed_days[bisect_left(self.feed_days, day)]

    def answers_on(self, day: date) -> bool:
        """Say whether a question for this service date is expected to be answered."""
        return _FIRST_ANSWERED_DAY <= day <= years_before(self.today, -1)

    def instant(self, day: date, hour: int, minute: int) -> datetime:
        """Return an instant of a day in Almaty."""
        return datetime.combine(day, time(hour, minute), tzinfo=ALMATY)

    def _register_days(self) -> frozenset[date]:
        days = {
            first_day(month).replace(day=day)
            for month in range(self.opening_month, self.month + 1)
            for day in (IN_TIME, LATE)
        }
        return frozenset({day for day in days if day <= self.today} | {self.eve()})

    def _feed_days(self) -> tuple[date, ...]:
        fifteenths = {
            first_day(month).replace(day=FEED)
            for month in range(self.opening_month, self.month + 1)
        }
        return tuple(
            sorted({self.opening, self.today} | {day for day in fifteenths if day <= self.today})
        )
