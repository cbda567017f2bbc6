"""Who looked at a person, asked of a running gateway."""

import asyncio

from osms.v1 import access_service_pb2 as pb
from osms.v1.access_service_pb2_grpc import AccessServiceStub
from osms.v1.core_pb2 import PURPOSE_AUDIT
from osms_client import AccessKind, Gateway, Purpose
from osms_client.testing import RunningGateway
from osms_storage.store import Store
from tests.integration.people import new_iin
from tests.integration.wire import DEADLINE_S, Stubs, failure_of
from tests.storage.access import Writer, keep, packed, single


def test_accesses_are_listed_and_the_log_is_proven(
    gateway: RunningGateway, stubs: Stubs, sdk: Gateway
) -> None:
    """What was kept is listed newest first, whole records prove it, a bad question is refused."""
    iin = new_iin()
    writer = Writer("w1")
    for number in range(5):
        writer.write(
            singles=[single(number * 10, int(iin), case="K-1")],
            packed=[packed(number * 10 + 5, [int(iin)])],
        )

    async def ship() -> None:
        async with Store(gateway.store) as store:
            await keep(store, writer, writer.sealed)

    asyncio.run(ship())
    # The question itself may be listed, too.
    listed = sdk.list_accesses(iin, purpose=Purpose.AUDIT, page_size=3)
    found = [one for one in listed if one.kind is not AccessKind.ACCESSES]
    assert [(one.decision_id, one.client) for one in found[:3]] == [
        ("b45-0", "polyclinic"),
        ("d40", "clinic"),
        ("b35-0", "polyclinic"),
    ]
    assert len(found) == 10
    assert {one.kind for one in found} == {AccessKind.LOOKUP, AccessKind.BATCH}
    access = AccessServiceStub(stubs.channel)
    proof = access.VerifyAccessLog(pb.VerifyAccessLogRequest(), timeout=DEADLINE_S)
    assert proof.chains >= 1
    assert proof.records >= 5
    assert not proof.findings
    question = pb.ListAccessesRequest(iin="1", purpose=PURPOSE_AUDIT)
    failure = failure_of(lambda: access.ListAccesses(question, timeout=DEADLINE_S))
    assert failure.reason == "IIN_INVALID"
