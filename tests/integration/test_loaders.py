"""Several loaders at once, on one gateway and on two that share a store."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from osms.v1 import payment_service_pb2 as pb
from osms_client import Gateway, Purpose, Status
from osms_client.testing import RunningGateway
from tests.integration import registers
from tests.integration.gateways import NOW
from tests.integration.people import new_iin
from tests.integration.wire import DEADLINE_S, connected

LOADERS = 8
REGISTERS = 48
"""Of each loader: one for each month of four years."""
PEOPLE = 60
MONTHS = [f"{year}-{month:02}" for year in range(2022, 2026) for month in range(1, 13)]


def load(target: str, start: Barrier, sent: list[pb.Register]) -> list[pb.RegisterResult]:
    """Send registers on one stream, when all loaders are ready."""
    with connected(target) as stubs:
        start.wait(DEADLINE_S)
        return registers.ingest(stubs, *sent)


def loads(people: list[str]) -> list[list[pb.Register]]:
    """Return a month for everybody in each register, for each loader in another order."""
    return [
        [
            registers.register(
                *(
                    registers.row(line_no, people[(loader * 7 + line_no * step) % PEOPLE], period=m)
                    for line_no in range(1, PEOPLE + 1)
                )
            )
            for m in MONTHS
        ]
        for loader, step in zip(range(LOADERS), (1, 7, 11, 13, 17, 19, 23, 59), strict=True)
    ]


def assert_all_there(target: str, people: list[str], results: list[pb.RegisterResult]) -> None:
    """Assert that each register was committed, and each person paid for by each of them."""
    assert {result.outcome for result in results} == {pb.REGISTER_OUTCOME_COMMITTED}
    with Gateway(target) as sdk:
        for iin in people[:: PEOPLE // 4]:
            payments = list(sdk.list_payments(iin))
            assert len(payments) == LOADERS * REGISTERS
            answer = sdk.lookup(iin, purpose=Purpose.AUDIT)
            assert answer.status is Status.INSURED


def test_eight_loaders_share_commits_and_let_lookups_through(gateway: RunningGateway) -> None:
    """They pay for the same people in different orders; lookups are answered all the while."""
    people = [new_iin() for _ in range(PEOPLE)]
    start = Barrier(LOADERS + 1)
    with ThreadPoolExecutor(LOADERS) as pool, Gateway(gateway.target) as sdk:
        loading = [pool.submit(load, gateway.target, start, sent) for sent in loads(people)]
        start.wait(DEADLINE_S)
        asked = 0
        while not all(future.done() for future in loading):
            sdk.lookup(people[asked % PEOPLE], purpose=Purpose.AUDIT)
            asked += 1
        results = [result for future in loading for result in future.result(DEADLINE_S)]
    assert asked > LOADERS, "lookups waited for the loaders"
    assert len({result.revision for result in results}) < len(results), "no commit was shared"
    assert_all_there(gateway.target, people, results)


def test_loaders_of_two_gateways_share_a_store(gateway: RunningGateway, tmp_path: Path) -> None:
    """What each gateway acknowledged is there, and revisions are one sequence for both."""
    people = [new_iin() for _ in range(PEOPLE)]
    second = RunningGateway(tmp_path, store=gateway.store, clock=NOW)
    second.start()
    try:
        start = Barrier(LOADERS)
        targets = [gateway.target, second.target] * (LOADERS // 2)
        with ThreadPoolExecutor(LOADERS) as pool:
            loading = [
                pool.submit(load, target, start, sent)
                for target, sent in zip(targets, loads(people), strict=True)
            ]
            by_loader = [future.result(DEADLINE_S) for future in loading]
        first, other = (
            {result.revision for results in by_loader[side::2] for result in results}
            for side in (0, 1)
        )
        assert not first & other
        assert_all_there(
            second.target, people, [result for results in by_loader for result in results]
        )
    finally:
        second.stop()
