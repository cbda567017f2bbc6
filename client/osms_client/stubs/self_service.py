"""Stub: a citizen asks about the own status: what, why, and what to do.

python -m osms_client.stubs.self_service 127.0.0.1:50051 900101390002 --language ru
"""

import asyncio
from dataclasses import dataclass

from osms_client import (
    AsyncGateway,
    Language,
    MonthSettlement,
    NextStepCode,
    Purpose,
    Status,
    UnansweredError,
)
from osms_client.stubs.arguments import gateway_of, program
from osms_client.stubs.words import UNANSWERED

_MISSING = {
    Language.KK: "Жарна түспеген айлар",
    Language.RU: "Месяцы, за которые взносы не поступили",
    Language.EN: "Months for which no contribution has arrived",
}
_UNTIL = {
    Language.KK: "Сақтандыру әзірге мына күнге дейін жарамды: {day}.",
    Language.RU: "Страхование пока действует по {day}.",
    Language.EN: "As things stand you are insured through {day}.",
}


@dataclass(frozen=True)
class Page:
    """What the citizen reads."""

    status: Status | None
    """For the colour of the page; None: nobody answered, so no colour at all."""

    headline: str
    """The status in one sentence."""

    why: tuple[str, ...]
    """The rule that decided, and what it saw."""

    what_to_do: str
    """The next step; empty if there is none."""

    next_step: NextStepCode | None
    """The same for the program, e.g. to show a button to pay."""

    amount_tiyn: int
    """What the button would pay."""


async def run(gateway: AsyncGateway, iin: str, *, language: Language = Language.KK) -> Page:
    """Make the page for one citizen."""
    try:
        explanation = await gateway.explain(iin, purpose=Purpose.SELF_SERVICE, language=language)
    except UnansweredError:
        return Page(None, UNANSWERED[language], (), "", None, 0)
    answer, rule = explanation.eligibility, explanation.rule
    why = [rule.text]
    if rule.legal_reference:
        why.append(rule.legal_reference)
    missing = [
        month.month
        for month in explanation.months
        if month.in_window and month.overdue and month.settlement is MonthSettlement.UNSETTLED
    ]
    if missing:
        why.append(f"{_MISSING[language]}: {', '.join(missing)}")
    if answer.insured and answer.covered_through is not None:
        why.append(_UNTIL[language].format(day=answer.covered_through))
    step = answer.next_step
    return Page(
        status=answer.status,
        headline=answer.text,
        why=tuple(why),
        what_to_do="" if step.code is NextStepCode.NONE else step.text,
        next_step=step.code,
        amount_tiyn=answer.restore_amount_tiyn,
    )


async def main() -> None:
    """Print the page of one citizen."""
    parser = program("Show a citizen the own status.")
    arguments = parser.parse_args()
    async with gateway_of(arguments) as gateway:
        page = await run(gateway, arguments.iin, language=arguments.language)
    print(page.headline)
    for line in page.why:
        print(f"- {line}")
    if page.what_to_do:
        print(f"> {page.what_to_do}")


if __name__ == "__main__":
    asyncio.run(main())
