"""Stub: the portal through which planned admissions go, weeks ahead.

    python -m osms_client.stubs.hospitalisation_portal 127.0.0.1:50051 900101390002 2027-02-10

Cover may lapse between the referral and the bed. What the gateway says of a future day holds if no
new fact arrives; so the portal says until when the person is covered and what would change it.
"""

import asyncio
from dataclasses import dataclass
from datetime import date

from osms_client import AsyncGateway, Eligibility, Language, Purpose, UnansweredError
from osms_client.stubs.arguments import day, gateway_of, program
from osms_client.stubs.words import UNANSWERED

_LAPSES = {
    Language.KK: "Сақтандыру {until} күні аяқталады, жоспарланған күн: {planned}.",
    Language.RU: "Страхование действует по {until}, а госпитализация назначена на {planned}.",
    Language.EN: "Cover lasts through {until}, but the admission is planned for {planned}.",
}

_OPENING = {
    Language.KK: "Төленсе, пакетті ашатын айлар",
    Language.RU: "Месяцы, оплата которых откроет пакет",
    Language.EN: "Months that open the package once they are paid",
}


@dataclass(frozen=True)
class PlannedAdmission:
    """What the portal shows and keeps."""

    planned_on: date
    """The day of the bed."""

    today: Eligibility | None
    """How the person stands now; None if nobody answered."""

    on_the_day: Eligibility | None
    """How the person will stand if no new fact arrives; None if nobody answered."""

    covered: bool | None
    """Whether the insurance package is open on the day; None: not known, never "no"."""

    warnings: tuple[str, ...]
    """What the referring doctor tells the patient."""


async def run(
    gateway: AsyncGateway,
    iin: str,
    planned_on: date,
    *,
    case_reference: str = "",
    language: Language = Language.KK,
) -> PlannedAdmission:
    """Ask about today and about the planned day."""

    async def ask(service_date: date | None) -> Eligibility:
        return await gateway.lookup(
            iin,
            purpose=Purpose.PLANNED_ADMISSION,
            service_date=service_date,
            case_reference=case_reference,
            language=language,
        )

    try:
        today, on_the_day = await asyncio.gather(ask(None), ask(planned_on))
    except UnansweredError:
        return PlannedAdmission(planned_on, None, None, None, (UNANSWERED[language],))
    warnings = []
    if today.insured and not on_the_day.insured and today.covered_through is not None:
        text = _LAPSES[language]
        warnings.append(text.format(until=today.covered_through, planned=planned_on))
    if not on_the_day.insured:
        warnings += [on_the_day.text, on_the_day.next_step.text]
        if on_the_day.blocking_months:
            warnings.append(f"{_OPENING[language]}: {', '.join(on_the_day.blocking_months)}")
    covered = on_the_day.insured
    return PlannedAdmission(planned_on, today, on_the_day, covered, tuple(warnings))


async def main() -> None:
    """Check one planned admission and print what the portal would show."""
    parser = program("Check a planned admission.")
    parser.add_argument("planned_on", type=day, help="the day of the bed: YYYY-MM-DD")
    arguments = parser.parse_args()
    async with gateway_of(arguments) as gateway:
        admission = await run(
            gateway, arguments.iin, arguments.planned_on, language=arguments.language
        )
    if admission.on_the_day is not None:
        print(f"{admission.planned_on}: {admission.on_the_day.status}")
        print(f"covered through: {admission.on_the_day.covered_through or '-'}")
    for warning in admission.warnings:
        print(f"! {warning}")


if __name__ == "__main__":
    asyncio.run(main())
