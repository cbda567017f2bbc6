"""The values of all parameters that are in force together."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from osms_server.rules.eras import CoverRules
from osms_server.rules.errors import ParametersError


@dataclass(frozen=True, slots=True)
class Values:
    """The parameters in force from `start` until the eve of `end`; None: not in force.

    Each field is named as the code of its parameter.
    """

    start: date
    """The first day on which these values hold together."""
    end: date | None
    """The first day on which one of them changes; None: no change is known."""
    system_start: bool
    """Whether the insurance system works."""
    universal_cover: bool
    """Whether everybody is insured."""
    arrears_window_months: int | None
    """How many months are looked at, the current one included."""
    retention_months: int | None
    """How many months after a settled month cover lasts."""
    long_payer_months: int | None
    """How many consecutive paid months make a long payer."""
    long_payer_retention_months: int | None
    """How many months after a settled month cover lasts for a long payer."""
    long_payer_counts_state_months: bool
    """Whether state-settled months count as paid for a long payer."""
    payment_due_day: int
    """The last day to pay for a month, in the month after it."""
    prepaid_run_months: int | None
    """How many months paid in advance open cover."""
    service_date_window: int
    """How many months ahead of today a question may be about."""
    independent_payer_rate: int | None
    """What an independent payer owes for a month, in tiyn."""
    minimum_payment: bool
    """Whether a month counts as paid only from the independent payer's rate on."""
    stale_after_hours_categories: int
    """After how many hours a feed of categories is late."""
    stale_after_hours_registers: int
    """After how many hours a feed of registers is late."""
    roster_uninsured_coefficient: Decimal | None
    """The share of the norm paid for an attached person who is not insured."""
    roster_inactive_coefficient: Decimal | None
    """The share of the norm paid for an attached person who has not been seen for long."""
    roster_inactive_months: int | None
    """After how many months without a visit an attached person counts as not seen."""

    def cover_rules(self) -> CoverRules:
        """Return what of this decides about cover.

        Raises ParametersError where two parameters contradict each other.
        """
        window, retention = self.arrears_window_months or 0, self.retention_months or 0
        long_run = self.long_payer_months or 0
        long_retention = self.long_payer_retention_months or 0
        for code, value, other, needed in (
            ("retention_months", retention, "arrears_window_months", window),
            ("arrears_window_months", window, "retention_months", retention),
            ("long_payer_months", long_run, "long_payer_retention_months", long_retention),
            ("long_payer_retention_months", long_retention, "long_payer_months", long_run),
            ("retention_months", retention, "long_payer_months", long_run),
        ):
            if needed and not value:
                raise ParametersError(code, f"not in force on {self.start}, but {other} is")
        if retention and retention >= window:
            raise ParametersError(
                "retention_months", f"must be shorter than the window on {self.start}"
            )
        if long_run and not retention <= long_retention < window:
            raise ParametersError(
                "long_payer_retention_months",
                f"must lie between the retention and the window on {self.start}",
            )
        return CoverRules(
            universal=self.universal_cover,
            window=window,
            retention=retention,
            long_run=long_run,
            long_retention=long_retention,
            long_counts_state=self.long_payer_counts_state_months,
            due_day=self.payment_due_day,
            prepaid_run=self.prepaid_run_months or 0,
        )
