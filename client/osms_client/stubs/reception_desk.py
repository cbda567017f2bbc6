"""Stub: a clinic's reception desk asks before an outpatient visit.

    python -m osms_client.stubs.reception_desk 127.0.0.1:50051 900101390002 --surname Ахметова

Five endings, which must never look alike: an answer, another person's number, an impossible
number, no answer, and no answer where it is known how the person stood last. For the last, name
the clinic's roster by ``--roster polyclinic-5``: then further numbers are read, one a line, and
those of its members are dealt with through an outage.
"""

import argparse
import asyncio
import sys
from dataclasses import dataclass
from datetime import date

from osms.values import ALMATY
from osms_client import (
    AsyncGateway,
    AsyncLocalStates,
    Eligibility,
    IdentityMatch,
    InvalidRequestError,
    Language,
    LocalState,
    Purpose,
    Reason,
    RefusedError,
    UnansweredError,
)
from osms_client.stubs.arguments import day, gateway_of, program
from osms_client.stubs.words import LAST_KNOWN, OTHER_PERSON, STATUS, UNANSWERED, WRONG_NUMBER

STATES_S = 10.0
"""How long a beginning desk waits for the states of its roster."""


@dataclass(frozen=True)
class Visit:
    """What the desk shows and keeps."""

    message: str
    """What the person at the desk reads."""

    eligibility: Eligibility | None
    """The answer, to be kept with its decision id; None if there was none."""

    ask_again: bool
    """Whether nobody answered: the visit goes on, and the program asks again later."""

    last_known: LocalState | None = None
    """What was told of the person before the outage, if nobody answered."""


async def run(
    gateway: AsyncGateway | AsyncLocalStates,
    iin: str,
    *,
    birth_date: date | None = None,
    surname: str = "",
    case_reference: str = "",
    language: Language = Language.KK,
) -> Visit:
    """Ask about today, a gateway or local states beside it."""
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
    if isinstance(answer, LocalState):
        return Visit(_last_known(answer, language), None, ask_again=True, last_known=answer)
    if answer.identity_match is IdentityMatch.MISMATCH:
        return Visit(OTHER_PERSON[language], answer, ask_again=False)
    return Visit(f"{answer.text} {answer.next_step.text}".strip(), answer, ask_again=False)


def _last_known(state: LocalState, language: Language) -> str:
    if state.status is None:
        return UNANSWERED[language]
    as_of = f"{state.as_of.astimezone(ALMATY):%Y-%m-%d %H:%M}"
    return LAST_KNOWN[language].format(as_of=as_of, status=STATUS[language][state.status])


async def _show(gateway: AsyncGateway | AsyncLocalStates, arguments: argparse.Namespace) -> None:
    visit = await run(
        gateway,
        arguments.iin,
        birth_date=arguments.birth_date,
        surname=arguments.surname,
        language=arguments.language,
    )
    print(visit.message, flush=True)
    if visit.eligibility is not None:
        print(f"{visit.eligibility.funding_source} [{visit.eligibility.decision_id}]", flush=True)


async def _serve_queue(gateway: AsyncGateway, arguments: argparse.Namespace) -> None:
    async with AsyncLocalStates(gateway, roster=arguments.roster) as states:
        try:
            await states.wait_until_ready(STATES_S)
        except UnansweredError:
            pass  # the states come when the gateway does
        except RefusedError as error:
            raise SystemExit(f"the roster cannot be watched: {error}") from None
        await _show(states, arguments)
        while line := await asyncio.to_thread(sys.stdin.readline):
            arguments.iin, arguments.birth_date, arguments.surname = line.strip(), None, ""
            await _show(states, arguments)


async def main() -> None:
    """Ask and print what the desk would show."""
    parser = program("Ask before an outpatient visit.")
    parser.add_argument("--birth-date", type=day, help="to have the person compared: YYYY-MM-DD")
    parser.add_argument("--surname", default="", help="to have the person compared")
    parser.add_argument("--roster", default="", help="whose members are dealt with in an outage")
    arguments = parser.parse_args()
    async with gateway_of(arguments) as gateway:
        await (_serve_queue if arguments.roster else _show)(gateway, arguments)


if __name__ == "__main__":
    asyncio.run(main())
