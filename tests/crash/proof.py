"""What must hold after all kills: asked of the gateway, and read from the store past it."""

import subprocess
import sys
from collections import Counter
from itertools import pairwise
from typing import Any

from sqlalchemy import func, select

from osms_client import AsyncGateway, Purpose, Status
from osms_client.testing import RunningGateway
from osms_storage.clock import from_microseconds
from osms_storage.schema import (
    assignment,
    batch,
    payment,
    register,
    revision,
    staged_change,
    staged_record,
    suspense,
    sync_run,
)
from osms_storage.store import Store
from osms_storage.syncs import sweep
from tests.crash import contents
from tests.crash.journal import DELTAS, REGISTERS, Notes
from tests.crash.loader import delta_answer, register_answer

FIRST = {REGISTERS: "COMMITTED", DELTAS: "APPLIED"}
AGAIN = {REGISTERS: "ALREADY_COMMITTED", DELTAS: "ALREADY_APPLIED"}


def result_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what all answers to one thing must have in common."""
    return {name: value for name, value in answer.items() if name != "outcome"}


def prove_answers_agree(notes: Notes) -> None:
    """Every answer to the same thing told the same, and at most one told it was new."""
    assert not notes.wrong
    for kind in (REGISTERS, DELTAS):
        assert notes.sent[kind] == set(notes.answers[kind]), kind
        for number, answers in notes.answers[kind].items():
            outcomes = Counter(answer["outcome"] for answer in answers)
            told = f"{kind} {number}: {answers}"
            assert set(outcomes) <= {FIRST[kind], AGAIN[kind]}, told
            assert outcomes[FIRST[kind]] <= 1, told
            assert all(result_of(answer) == result_of(answers[0]) for answer in answers), told


async def prove_all_there(gateway: AsyncGateway, notes: Notes, seed: int) -> None:
    """Everything answered is answered the same again, and counted once, to the tiyn."""
    numbers = sorted(notes.answers[REGISTERS])
    sent = {contents.reference(number): contents.register(seed, number) for number in numbers}
    again = gateway.ingest([item.register for item in sent.values()])
    async for result in again:
        number = int(result.reference.removeprefix("GCVP-"))
        expected = notes.answers[REGISTERS][number][0]
        assert register_answer(result) == {**expected, "outcome": AGAIN[REGISTERS]}

    stored = {summary.reference: summary async for summary in gateway.list_registers()}
    assert stored.keys() == sent.keys()
    for name, summary in stored.items():
        assert (summary.accepted, summary.suspended) == (sent[name].accepted, sent[name].suspended)
        assert summary.declared == sent[name].register.declared
        amount = summary.accepted.amount_tiyn + summary.suspended.amount_tiyn
        assert amount == summary.declared.amount_tiyn

    counted = Counter(
        (name, line_no, iin, amount)
        for name, item in sent.items()
        for line_no, (iin, amount) in item.payments.items()
    )
    for iin in sorted({key[2] for key in counted}):
        async for paid in gateway.list_payments(iin):
            counted[paid.reference, paid.line_no, paid.iin, paid.amount_tiyn] -= 1
    differing = [key for key, count in counted.items() if count]
    assert not differing, f"not exactly once: {differing[:5]} of {len(differing)}"


async def prove_deltas_whole(gateway: AsyncGateway, notes: Notes, seed: int) -> None:
    """Every delta is applied whole, is known by its number, and the next number is free."""
    numbers = sorted(notes.answers[DELTAS])
    assert numbers == list(range(1, len(numbers) + 1))
    for number in numbers:
        delta = contents.delta(seed, number)
        result = await gateway.sync(delta.header, delta.records)
        expected = {**notes.answers[DELTAS][number][0], "outcome": AGAIN[DELTAS]}
        assert delta_answer(result) == expected
        answers = await gateway.lookup_many(delta.people, purpose=Purpose.AUDIT)
        assert {getattr(answer, "status", None) for answer in answers} == {Status.INSURED}
    following = contents.delta(seed, len(numbers) + 1)
    before = await gateway.lookup_many(following.people, purpose=Purpose.AUDIT)
    assert {getattr(answer, "status", None) for answer in before} == {Status.UNKNOWN_CONSUMER}
    applied = await gateway.sync(following.header, following.records)
    assert (applied.outcome, applied.changed) == (FIRST[DELTAS], len(following.people))


def prove_ledgers(gateway: RunningGateway) -> None:
    """Every ledger is what its facts make it, says `osms verify ledger`."""
    command = [sys.executable, "-m", "osms_client.cli", "verify", "ledger"]
    verified = subprocess.run(
        [*command, "--store", gateway.store], capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def prove_store(url: str, notes: Notes, newest_shown: int, seed: int) -> None:
    """Revisions have no gap, hold what was answered, and nothing in the store hangs in the air."""
    async with Store(url) as store:
        # As the next sync would, for the gateway was stopped.
        await sweep(store)
    async with Store(url) as store, store.reading() as connection:

        async def rows(statement: Any) -> list[Any]:
            return list(await connection.execute(statement))

        revisions = await rows(select(revision).order_by(revision.c.number))
        assert [row.number for row in revisions] == list(range(1, len(revisions) + 1))
        assert all(one.recorded_at < next_.recorded_at for one, next_ in pairwise(revisions))
        assert newest_shown <= len(revisions)
        instants = {row.number: from_microseconds(row.recorded_at) for row in revisions}
        for kind in (REGISTERS, DELTAS):
            for number, (answer, *_) in notes.answers[kind].items():
                told = f"{kind} {number}: {answer}"
                assert instants[answer["revision"]].isoformat() == answer["at"], told

        batches = {row.id: row.revision for row in await rows(select(batch))}
        owners = select(register.c.batch_id)
        registers = [row.batch_id for row in await rows(owners)]
        runs = await rows(select(sync_run).where(sync_run.c.state == "APPLIED"))
        assert {*registers, *(run.batch_id for run in runs)} <= batches.keys()
        for table in (payment, suspense):
            orphans = select(func.count()).where(table.c.register_id.not_in(owners))
            assert await connection.scalar(orphans) == 0
        # As many deltas as were answered, and the one of the proof.
        assert sorted(run.delta_number for run in runs) == [
            *sorted(notes.answers[DELTAS]),
            len(notes.answers[DELTAS]) + 1,
        ]
        spans = select(assignment.c.batch_id, func.count()).group_by(assignment.c.batch_id)
        stored = {row[0]: row[1] for row in await rows(spans)}
        expected = {
            run.batch_id: len(contents.delta(seed, run.delta_number).people) for run in runs
        }
        assert stored == expected, f"{stored.items() ^ expected.items()}"
        # Only runs cut by a kill may have left something, which is forgotten after a while.
        for table in (staged_record, staged_change):
            left = select(table.c.run_id)
            states = select(sync_run.c.state).where(sync_run.c.id.in_(left))
            assert {row.state for row in await rows(states)} <= {"RECEIVING"}
        if not store.remote:
            check = await connection.exec_driver_sql("PRAGMA integrity_check")
            assert check.scalar() == "ok"
