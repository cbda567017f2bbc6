"""Stub: a clinic's reception desk asks before an outpatient visit.

    python -m osms_client.stubs.reception_desk 127.0.0.1:50051 900101390002 --surname Ахметова

Four endings, which must never look alike: an answer, another person's number, an impossible
number, and no answer.
"""

import asyncio
from dataclasses import dataclass
from datetime import date

from osms_client import (
    AsyncGateway,
    Eligibility,
    IdentityMatch,
    InvalidRequestError,
    Language,
    Purpose,
    Reason,
    UnansweredError,
)
from osms_client.stubs.arguments import day, program
from osms_client.stubs.words import OTHER_PERSON, UNANSWERED, WRONG_NUMBER


@dataclass(frozen=True)
class Visit:
    """What the desk shows and keeps."""

    message: str
    """What the person at the desk reads."""

    eligibility: Eligibility | None
    """The answer, to be kept with its decision id; None if there was none."""

    ask_again: bool
    """Whether nobody answered: the visit goes on, and the program asks again later."""


async def run(
    gateway: AsyncGateway,
    iin: str,
    *,
    birth_date: date | None = None,
    surname: str = "",
    case_reference: str = "",
    language: Language = Language.KK,
) -> Visit:
    """Ask about today."""
    try:
        answer = await gateway.lookup(
            iin,
            purpose=Purpose.RECEPTION,
            birth_date=birth_date,
            surname=surname,
            case_reference=case_reference,
            language=language,
            timeout_s=3.0,  # a queue is waiting
        )
    except InvalidRequestError as error:
        if error.reason != Reason.IIN_INVALID:
            raise  # a defect of this program, not of what was typed
        return Visit(WRONG_NUMBER[language], None, ask_again=False)
    except UnansweredError:
        return Visit(UNANSWERED[language], None, ask_again=True)
    if answer.identity_match is IdentityMatch.MISMATCH:
        return Visit(OTHER_PERSON[language], answer, ask_again=False)
    return Visit(f"{answer.text} {answer.next_step.text}".strip(), answer, ask_again=False)


async def main() -> None:
    """Ask once and print what the desk would show."""
    parser = program("Ask before an outpatient visit.")
    parser.add_argument("--birth-date", type=day, help="to have the person compared: YYYY-MM-DD")
    parser.add_argument("--surname", default="", help="to have the person compared")
    arguments = parser.parse_args()
    async with AsyncGateway(arguments.target) as gateway:
        visit = await run(
            gateway,
            arguments.iin,
            birth_date=arguments.birth_date,
            surname=arguments.surname,
            language=arguments.language,
        )
    print(visit.message)
    if visit.eligibility is not None:
        print(f"{visit.eligibility.funding_source} [{visit.eligibility.decision_id}]")


if __name__ == "__main__":
    asyncio.run(main())
