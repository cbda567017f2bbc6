"""What a client can do to the gateway, and what it is told."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from osms_client import (
    AsyncGateway,
    CategoryRecord,
    ConflictError,
    Eligibility,
    KnownAt,
    NotFoundError,
    Purpose,
    Register,
    RegisterResult,
    Resolution,
    ResolutionResults,
    Reversal,
    ReversalResults,
    SyncHeader,
    SyncResult,
)

SENDER = "state_corporation"
"""Sends every register, reversal and snapshot."""
OPERATOR_REASON = "letter 17"


@dataclass(frozen=True, slots=True)
class Sync:
    """A delta or a snapshot with its records."""

    header: SyncHeader
    records: tuple[CategoryRecord, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """A held snapshot that somebody has looked at."""

    run_id: int


@dataclass(frozen=True, slots=True)
class Resolve:
    """What to do with suspended lines."""

    resolutions: tuple[Resolution, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """People to look up on one day: one by a single lookup, several by a batch."""

    iins: tuple[str, ...]
    day: date
    known: KnownAt = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a call was not done."""

    reason: str
    metadata: Mapping[str, str]


Answers = tuple[Eligibility, ...]
Deed = Register | Reversal | Resolve | Sync | Release | Question
Told = RegisterResult | ReversalResults | ResolutionResults | SyncResult | Refused | Answers
Lane = Sequence[tuple[Deed, Told]]
"""What one client did, one after the other, and what it was told."""


def references_of(deed: Deed) -> set[str]:
    """Return the references of the registers that a deed is about."""
    match deed:
        case Register():
            return {deed.reference}
        case Reversal():
            return {line.payment.reference for line in deed.lines}
        case Resolve():
            return {resolution.reference for resolution in deed.resolutions}
    return set()


def outcomes_of(told: Told) -> set[str]:
    """Return the words for what became of a deed."""
    match told:
        case ReversalResults() | ResolutionResults():
            return {result.outcome.value for result in told.results}
        case RegisterResult():
            return {told.refusal.value if told.refusal else told.outcome.value}
        case SyncResult():
            return {told.outcome.value}
        case Refused():
            return {told.reason}
    return {answer.status.value for answer in told}


async def do_all(client: AsyncGateway, operator: AsyncGateway, deeds: Sequence[Deed]) -> Lane:
    """Do one deed after the other; registers that follow each other share a stream.

    What an operator of the Fund alone may do is done by ``operator``.
    """
    told: list[Told] = []
    for together, group in groupby(deeds, key=lambda deed: isinstance(deed, Register)):
        if together:
            registers = [deed for deed in group if isinstance(deed, Register)]
            told += [result async for result in client.ingest(registers)]
        else:
            told += [result async for result in _one_by_one(client, operator, list(group))]
    return list(zip(deeds, told, strict=True))


async def _one_by_one(
    client: AsyncGateway, operator: AsyncGateway, deeds: Sequence[Deed]
) -> AsyncIterator[Told]:
    for deed in deeds:
        try:
            told = await _do(operator if isinstance(deed, Release) else client, deed)
        except (ConflictError, NotFoundError) as error:
            told = Refused(str(error.reason), error.metadata)
        yield told


async def _do(client: AsyncGateway, deed: Deed) -> Told:
    match deed:
        case Reversal():
            return await client.reverse_payments(deed)
        case Resolve():
            return await client.resolve_suspense(deed.resolutions, operator_reason=OPERATOR_REASON)
        case Sync():
            return await client.sync(deed.header, deed.records)
        case Release():
            return await client.release_held_snapshot(deed.run_id, operator_reason=OPERATOR_REASON)
        case Question():
            return await _ask(client, deed)
    raise TypeError(deed)


async def _ask(client: AsyncGateway, question: Question) -> Answers:
    details = {"purpose": Purpose.AUDIT, "service_date": question.day, "known": question.known}
    if len(question.iins) == 1:
        return (await client.lookup(question.iins[0], **details),)  # type: ignore[arg-type] # by name
    results = await client.lookup_many(question.iins, **details)  # type: ignore[arg-type] # by name
    answers = tuple(result for result in results if isinstance(result, Eligibility))
    assert len(answers) == len(question.iins), results
    return answers
