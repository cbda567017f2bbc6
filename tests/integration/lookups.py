"""Questions on the wire that lack nothing unless a test takes it away."""

from collections.abc import Sequence
from typing import Any

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from tests.integration.wire import DEADLINE_S, Stubs


def question(iin: str, **fields: Any) -> pb.LookupConsumerRequest:
    """Return a question of a clinic's desk about a person."""
    values: dict[str, Any] = {"purpose": core_pb2.PURPOSE_RECEPTION, **fields}
    return pb.LookupConsumerRequest(iin=iin, **values)


def look_up(stubs: Stubs, iin: str, **fields: Any) -> core_pb2.Eligibility:
    """Return the answer about a person."""
    request = question(iin, **fields)
    return stubs.consumers.LookupConsumer(request, timeout=DEADLINE_S).eligibility


def status_of(stubs: Stubs, iin: str, service_date: str = "") -> str:
    """Return the short name of a person's status."""
    status = look_up(stubs, iin, service_date=service_date).status
    return core_pb2.EligibilityStatus.Name(status).removeprefix("ELIGIBILITY_STATUS_")


def statuses_of(stubs: Stubs, iins: Sequence[str], service_date: str = "") -> list[str]:
    """Return the short names of many people's statuses."""
    request = pb.BatchLookupConsumersRequest(
        options=pb.LookupOptions(purpose=core_pb2.PURPOSE_ROSTER, service_date=service_date),
        items=[pb.LookupItem(iin=iin) for iin in iins],
    )
    answer = stubs.consumers.BatchLookupConsumers(request, timeout=DEADLINE_S)
    return [
        core_pb2.EligibilityStatus.Name(result.eligibility.status).removeprefix(
            "ELIGIBILITY_STATUS_"
        )
        for result in answer.results
    ]
