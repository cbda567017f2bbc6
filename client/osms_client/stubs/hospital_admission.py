"""Stub: a hospital admits a patient; nothing here may ever stand in the way of care.

    python -m osms_client.stubs.hospital_admission 127.0.0.1:50051 900101390002 --emergency

Emergency care is paid for by GOBMP for everyone. For other direct admissions the question is only
who pays, and if nobody answers it stays open: the bill waits, the patient does not.
"""

import asyncio
from dataclasses import dataclass

from osms_client import (
    AsyncGateway,
    FundingSource,
    Language,
    Purpose,
    RefusedError,
    Status,
    UnansweredError,
)
from osms_client.stubs.arguments import gateway_of, program
from osms_client.stubs.words import UNANSWERED


@dataclass(frozen=True)
class Admission:
    """How a patient is admitted."""

    admitted: bool
    """Always true."""

    funding_source: FundingSource | None
    """Who pays; None: not known yet, to be asked before the bill is written."""

    status: Status | None
    """What the gateway said; None if it did not answer, or knows no such number."""

    ask_again: bool
    """Whether to ask again before billing."""

    decision_id: str
    """Names the answer; empty if there was none."""

    message: str
    """What the registrar reads."""


async def run(
    gateway: AsyncGateway,
    iin: str,
    *,
    emergency: bool,
    case_reference: str = "",
    language: Language = Language.KK,
) -> Admission:
    """Admit a patient and find out who pays."""
    known_payer = FundingSource.GOBMP if emergency else None
    try:
        answer = await gateway.lookup(
            iin,
            purpose=Purpose.ADMISSION,
            case_reference=case_reference,
            language=language,
            timeout_s=2.0,  # the registrar writes on meanwhile
        )
    except UnansweredError:
        # An outage. Not "not insured": whoever stored that would send a bill to an insured person.
        return Admission(True, known_payer, None, True, "", UNANSWERED[language])
    except RefusedError as error:
        # A mistyped or missing number: the patient may be unconscious and without documents.
        return Admission(True, known_payer, None, True, "", str(error))
    return Admission(
        admitted=True,
        funding_source=known_payer or answer.funding_source,
        status=answer.status,
        # An unknown consumer is mostly a wrong number, and late data may change an answer.
        ask_again=answer.status is Status.UNKNOWN_CONSUMER or bool(answer.stale_sources),
        decision_id=answer.decision_id,
        message=answer.text,
    )


async def main() -> None:
    """Admit one patient and print how."""
    parser = program("Admit a patient.")
    parser.add_argument("--emergency", action="store_true", help="emergency care: GOBMP pays")
    arguments = parser.parse_args()
    async with gateway_of(arguments) as gateway:
        admission = await run(
            gateway,
            arguments.iin,
            emergency=arguments.emergency,
            language=arguments.language,
        )
    print(f"ADMITTED, paid by {admission.funding_source or 'to be found out'}")
    print(admission.message)
    if admission.ask_again:
        print("Ask again before the bill is written.")


if __name__ == "__main__":
    asyncio.run(main())
