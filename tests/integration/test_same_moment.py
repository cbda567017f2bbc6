"""Calls that meet: each of them is answered as if the others had come before or after it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Barrier, Event
from typing import TypeVar, cast

import grpc

from osms.v1 import category_service_pb2 as category_pb
from osms_client import (
    Correction,
    Eligibility,
    Gateway,
    LookupItem,
    PaymentKey,
    PaymentRow,
    Purpose,
    Refund,
    Register,
    RegisterOutcome,
    RegisterTotals,
    Resolution,
    ResolutionOutcome,
    Reversal,
    ReversalLine,
    ReversalOutcome,
    Status,
)
from osms_client.testing import RunningGateway
from tests.integration import feeds, lookups
from tests.integration.history import AMOUNT_TIYN, SOURCE, months, one_row
from tests.integration.people import new_iin, new_reference
from tests.integration.wire import Stubs, connected, read_failure

WAIT_S = 30.0
RECEIVED_ON = date(2026, 1, 10)
A = TypeVar("A")
T = TypeVar("T")


def at_once(call: Callable[[A], T], arguments: Sequence[A]) -> list[T]:
    """Make a call with each of some arguments, from threads that begin at the same moment."""
    start = Barrier(len(arguments))

    def run(argument: A) -> T:
        start.wait(WAIT_S)
        return call(argument)

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(run, arguments))


def test_one_delta_from_two_connections_is_applied_once(
    gateway: RunningGateway, stubs: Stubs
) -> None:
    """One sender hears APPLIED and the other ALREADY_APPLIED, of the same run and revision."""

    def send(sync: tuple[int, list[category_pb.CategoryRecord]]) -> category_pb.SyncResult:
        number, records = sync
        with connected(gateway.target) as own:
            return feeds.send(own, feeds.delta(number, records), records).result

    for _ in range(5):
        sync = (feeds.next_number(stubs), [feeds.record(new_iin()) for _ in range(20)])
        results = at_once(send, [sync, sync])
        assert sorted(result.outcome for result in results) == [
            category_pb.SYNC_OUTCOME_APPLIED,
            category_pb.SYNC_OUTCOME_ALREADY_APPLIED,
        ]
        assert len({(result.run_id, result.revision) for result in results}) == 1


def test_of_two_deltas_with_one_number_one_is_in_conflict(
    gateway: RunningGateway, stubs: Stubs
) -> None:
    """The second to be judged is told that its number is taken, and brings nothing."""
    number = feeds.next_number(stubs)
    iins = [new_iin(), new_iin()]

    def send(iin: str) -> str:
        records = [feeds.record(iin)]
        with connected(gateway.target) as own:
            try:
                feeds.send(own, feeds.delta(number, records), records)
            except grpc.RpcError as error:
                return read_failure(cast(grpc.Call, error)).reason
        return "APPLIED"

    told = dict(zip(iins, at_once(send, iins), strict=True))
    assert sorted(told.values()) == ["APPLIED", "DELTA_CONFLICT"]
    assert feeds.next_number(stubs) == number + 1
    for iin, outcome in told.items():
        known = lookups.status_of(stubs, iin) == "INSURED"
        assert known == (outcome == "APPLIED")


def test_reversals_that_meet_never_take_more_than_there_is(sdk: Gateway) -> None:
    """Of ten parts of a quarter each, four are reversed and six exceed what is left."""
    iin = new_iin()
    register = one_row(iin, "2025-12", RECEIVED_ON)
    list(sdk.ingest([register]))
    payment = PaymentKey(source=SOURCE, reference=register.reference, line_no=1, iin=iin)
    quarter = ReversalLine(
        line_no=1, payment=payment, amount_tiyn=AMOUNT_TIYN // 4, reason_code="00111"
    )

    def reverse(reference: str) -> ReversalOutcome:
        reversal = Reversal(
            source=SOURCE,
            reversal_reference=reference,
            reversed_on=date(2026, 1, 15),
            lines=(quarter,),
        )
        (result,) = sdk.reverse_payments(reversal).results
        return result.outcome

    outcomes = at_once(reverse, [new_reference() for _ in range(10)])
    assert outcomes.count(ReversalOutcome.REVERSED) == 4
    assert outcomes.count(ReversalOutcome.EXCEEDS_PAYMENT) == 6
    assert sdk.get_register(SOURCE, register.reference).reversed.amount_tiyn == AMOUNT_TIYN


def test_a_line_is_corrected_or_refunded_but_never_both(sdk: Gateway) -> None:
    """Two operators at one line: one resolves it, the other is told, and the sums still match."""

    def resolve(way: Resolution) -> ResolutionOutcome:
        return sdk.resolve_suspense([way], operator_reason="letter 17").results[0].outcome

    for _ in range(10):
        wrong = PaymentRow(line_no=1, iin="12", period="2025-12", amount_tiyn=AMOUNT_TIYN)
        right = replace(wrong, iin=new_iin())
        register = replace(one_row("12", "2025-12", RECEIVED_ON), rows=[wrong])
        list(sdk.ingest([register]))
        key = {"source": SOURCE, "reference": register.reference}
        ways: list[Resolution] = [Correction(**key, line_no=1, row=right), Refund(**key, line_no=1)]
        outcomes = at_once(resolve, ways)
        assert sorted(outcomes) == [ResolutionOutcome.CONFLICT, ResolutionOutcome.RESOLVED]
        stands = sdk.get_register(SOURCE, register.reference)
        assert stands.corrected.rows + stands.refunded.rows == 1
        assert len(list(sdk.list_payments(right.iin))) == stands.corrected.rows


def couple(one: str, other: str) -> Register:
    """Return a register that pays a year for two people."""
    rows = [
        PaymentRow(line_no=number, iin=iin, period=period, amount_tiyn=AMOUNT_TIYN)
        for number, (iin, period) in enumerate(
            ((iin, period) for iin in (one, other) for period in months("2025-01", "2025-12")), 1
        )
    ]
    return Register(
        source=SOURCE,
        reference=new_reference(),
        received_on=RECEIVED_ON,
        purpose_code="122",
        declared=RegisterTotals(people=2, documents=1, amount_tiyn=len(rows) * AMOUNT_TIYN),
        rows=rows,
    )


def test_a_batch_sees_whole_registers_and_can_be_asked_again(
    gateway: RunningGateway, sdk: Gateway
) -> None:
    """While registers are committed, both people of one are insured or neither, at one revision;

    asked later as of that revision, every answer is the same.
    """
    couples = [(new_iin(), new_iin()) for _ in range(60)]
    questions = [LookupItem(iin=iin) for pair in couples for iin in pair]
    for pair in couples:
        # So that they are somebody: who asks about nobody again and again is taken for guessing.
        list(sdk.ingest([one_row(iin, "2020-07", RECEIVED_ON) for iin in pair]))
    done = Event()

    def pay() -> None:
        with Gateway(gateway.target) as own:
            for pair in couples:
                (result,) = own.ingest([couple(*pair)])
                assert result.outcome is RegisterOutcome.COMMITTED
        done.set()

    def ask() -> list[list[Eligibility]]:
        seen = []
        with Gateway(gateway.target) as own:
            while not done.is_set():
                answers = own.lookup_many(questions, purpose=Purpose.AUDIT)
                seen.append([answer for answer in answers if isinstance(answer, Eligibility)])
        return seen

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask), pool.submit(ask)]
        pool.submit(pay).result(WAIT_S)
        batches = [batch for future in asking for batch in future.result(WAIT_S)]
    assert len({batch[0].revision for batch in batches}) > 3
    for batch in batches:
        assert len({answer.revision for answer in batch}) == 1
        statuses = [answer.status for answer in batch]
        assert statuses[::2] == statuses[1::2]
        assert set(statuses) <= {Status.NOT_INSURED, Status.INSURED}
    for batch in batches[:: max(1, len(batches) // 10)]:
        again = sdk.lookup_many(questions, purpose=Purpose.AUDIT, known=batch[0].revision)
        assert [replace(a, decision_id="") for a in again if isinstance(a, Eligibility)] == [
            replace(a, decision_id="") for a in batch
        ]
