"""Who is asked about in the answers, and what happened to them from 2024 to 2026."""

from dataclasses import dataclass
from datetime import date

from osms_client import CategoryRecord, PaymentKey
from tests.integration.history import History, months
from tests.integration.people import new_iin

ALL_DELIVERED_ON = date(2026, 6, 1)
SENDERS = (
    "education",
    "health",
    "internal_affairs",
    "justice",
    "labour",
    "legal_statistics",
    "science_higher_education",
    "services",
    "state_corporation",
)
SPAN = {"assigned_on": "2024-03-01", "removed_on": "2026-09-01"}


@dataclass
class People:
    """Who is asked about, each named after the own history."""

    late: str
    late_payment: PaymentKey
    ahead: str
    nearly_ahead: str
    taken_back: str
    twice_paid: str
    repaid: str
    serviceman: str
    pensioner: str
    in_service_and_paying: str
    in_pension_and_paying: str


def live(history: History) -> People:
    """Let everybody's life happen in a history that is yet to be played."""
    iins = [new_iin() for _ in range(10)]
    late, ahead, nearly, taken_back, twice, repaid, service, pension, service_2, pension_2 = iins

    history.pays(late, months("2024-01", "2025-03"))
    history.pays(late, months("2025-05", "2025-12"), surname="Ёлкина", birth_date="1990-01-01")
    (late_payment,) = history.pays(late, ["2025-04"], date(2025, 11, 10))

    history.pays(ahead, months("2026-12", "2027-11"), date(2026, 11, 20))
    history.pays(nearly, months("2026-12", "2027-10"), date(2026, 11, 20))
    history.pays(nearly, ["2027-11"], date(2026, 12, 2))

    (november,) = history.pays(taken_back, ["2025-11"])
    history.takes_back(november, date(2026, 2, 1))

    first, _ = history.pays(twice, ["2026-03", "2026-03"])
    history.takes_back(first, date(2026, 5, 4))

    year = history.pays(repaid, months("2026-01", "2026-12"), date(2025, 12, 20))
    history.takes_back(year[5], date(2026, 1, 10))
    history.pays(repaid, ["2026-06"], date(2026, 7, 20))

    for iin, other in ((service, pension), (service_2, pension_2)):
        soldier = CategoryRecord(iin=iin, category="serviceman", **SPAN)
        retired = CategoryRecord(iin=other, category="pension", **SPAN)
        history.reports("services", date(2024, 3, 2), soldier)
        history.reports("labour", date(2024, 3, 2), retired)
    for iin in (service_2, pension_2):
        history.pays(iin, ["2026-09"])

    for sender in SENDERS:
        history.reports(sender, ALL_DELIVERED_ON)
    history.pays(new_iin(), ["2026-05"], ALL_DELIVERED_ON)
    return People(
        late=late,
        late_payment=late_payment,
        ahead=ahead,
        nearly_ahead=nearly,
        taken_back=taken_back,
        twice_paid=twice,
        repaid=repaid,
        serviceman=service,
        pensioner=pension,
        in_service_and_paying=service_2,
        in_pension_and_paying=pension_2,
    )
