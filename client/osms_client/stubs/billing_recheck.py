"""Stub: a bill is checked again, months after the care was given.

    python -m osms_client.stubs.billing_recheck 127.0.0.1:50051 900101390002 2025-07-01 2025-07-02

Two dates matter: the day of care, and the day on which the hospital asked. Late payments and
reversals change what is known of a past day; a hospital that trusted the answer of then shows what
it was told by the receipt that came with the bill (`--receipt`).
"""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime

from osms_client import AsyncGateway, Eligibility, Language, Purpose, ReceiptCheck
from osms_client.stubs.arguments import day, gateway_of, program


@dataclass(frozen=True)
class Recheck:
    """One day of care, as it looked then and as it looks now."""

    then: Eligibility
    """What the gateway said, or would have said, at that time."""

    now: Eligibility
    """What it says now about the same day of care."""

    changed: bool
    """Whether the package that pays is another one."""

    reason: str
    """Why it looks as it does now: the rule that decides, with its place in the law."""

    receipt: ReceiptCheck | None
    """What the bill's receipt is worth; None if it has none."""


async def run(
    gateway: AsyncGateway,
    iin: str,
    service_date: date,
    asked_at: datetime | date,
    *,
    receipt: str = "",
    case_reference: str = "",
    language: Language = Language.KK,
) -> Recheck:
    """Ask about a past day twice: with the knowledge of then, and with that of now.

    ``asked_at`` is an aware instant, or a day, which means its end. Nothing is caught here: a
    recheck runs at night and is simply run again.
    """
    then = await gateway.lookup(
        iin,
        purpose=Purpose.BILLING,
        service_date=service_date,
        known=asked_at,
        case_reference=case_reference,
        language=language,
    )
    explanation = await gateway.explain(
        iin,
        purpose=Purpose.BILLING,
        service_date=service_date,
        case_reference=case_reference,
        language=language,
    )
    now = explanation.eligibility
    rule = explanation.rule
    return Recheck(
        then=then,
        now=now,
        changed=then.funding_source is not now.funding_source,
        reason=f"{rule.text} ({rule.legal_reference})" if rule.legal_reference else rule.text,
        receipt=await gateway.verify_receipt(receipt, iin) if receipt else None,
    )


async def main() -> None:
    """Check one bill and print both answers."""
    parser = program("Check a bill again.")
    parser.add_argument("service_date", type=day, help="the day of care: YYYY-MM-DD")
    parser.add_argument("asked_on", type=day, help="the day the hospital asked on: YYYY-MM-DD")
    parser.add_argument("--receipt", default="", help="the receipt that came with the bill")
    arguments = parser.parse_args()
    async with gateway_of(arguments) as gateway:
        recheck = await run(
            gateway,
            arguments.iin,
            arguments.service_date,
            arguments.asked_on,
            receipt=arguments.receipt,
            language=arguments.language,
        )
    for label, answer in (("then", recheck.then), ("now", recheck.now)):
        print(f"{label}: {answer.status}, {answer.funding_source} [{answer.decision_id}]")
        print(f"  {answer.text}")
    if recheck.receipt is not None:
        said = recheck.receipt.statement
        told = f", {said.status} on {said.service_date} [{said.decision_id}]" if said else ""
        print(f"receipt: {recheck.receipt.verdict}{told}")
    print("CHANGED" if recheck.changed else "the same")
    print(recheck.reason)


if __name__ == "__main__":
    asyncio.run(main())
