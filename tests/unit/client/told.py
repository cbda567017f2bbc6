"""Messages of a watch, as the fake gateway tells them."""

from datetime import datetime

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms_client import Status


def state(
    status: Status = Status.INSURED, valid_through: str = "", covered_through: str = ""
) -> pb.ConsumerState:
    """Return the state of a person."""
    return pb.ConsumerState(
        status=core_pb2.EligibilityStatus.Value(f"ELIGIBILITY_STATUS_{status}"),
        valid_through=valid_through,
        covered_through=covered_through,
    )


def states(people: dict[str, pb.ConsumerState], token: str = "") -> pb.WatchConsumersResponse:
    """Return a part of the present states, the last one if it has a token."""
    found = [pb.WatchedConsumer(iin=iin, state=told) for iin, told in people.items()]
    return pb.WatchConsumersResponse(
        resume_token=token, states=pb.WatchedConsumers(consumers=found)
    )


def change(
    iin: str, after: pb.ConsumerState, *, revision: int, token: str
) -> pb.WatchConsumersResponse:
    """Return a message with one change."""
    changed = pb.ConsumerChange(
        iin=iin,
        kind=pb.CHANGE_KIND_STATE,
        revision=revision,
        cause=pb.CHANGE_CAUSE_PAYMENT,
        effective_on="2026-01-01",
        before=state(Status.NOT_INSURED),
        after=after,
    )
    return pb.WatchConsumersResponse(
        resume_token=token, changes=pb.ConsumerChanges(changes=[changed])
    )


def checkpoint(revision: int, at: datetime, *, token: str) -> pb.WatchConsumersResponse:
    """Return a sign of life."""
    response = pb.WatchConsumersResponse(
        resume_token=token, checkpoint=pb.WatchCheckpoint(revision=revision)
    )
    response.checkpoint.checked_at.FromDatetime(at)
    return response
