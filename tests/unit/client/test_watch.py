"""What the SDK makes of the messages of a watch, and when it begins a broken one again."""

import grpc
import pytest

from osms.v1 import consumer_service_pb2 as pb
from osms_client import InvalidAnswerError, InvalidRequestError, OsmsError, RetryLaterError
from osms_client.wire.watching import FIRST_WAIT_S, WAIT_MAX_S, Watch

AWAY = RetryLaterError("away", status=grpc.StatusCode.UNAVAILABLE)
CHECKPOINT = pb.WatchConsumersResponse(resume_token="t1", checkpoint=pb.WatchCheckpoint())


def watch(*, reconnect: bool = True) -> Watch:
    """Return a watch of one person."""
    return Watch(["900101390002"], "", "", reconnect=reconnect)


def test_a_watch_goes_on_from_the_last_token_that_it_received() -> None:
    """Messages before the last state have none; they do not take back an earlier one."""
    watching = watch()
    assert watching.request().resume_token == ""
    watching.event(CHECKPOINT)
    watching.event(pb.WatchConsumersResponse(changes=pb.ConsumerChanges()))
    assert watching.request().resume_token == "t1"
    assert list(watching.request().consumers.iins) == ["900101390002"]


def test_a_gateway_that_stays_away_is_asked_ever_more_rarely() -> None:
    """Waits double up to a limit, and begin anew once something was heard."""
    watching = watch()
    waits = [watching.wait_s(AWAY) for _ in range(12)]
    for number, wait_s in enumerate(waits):
        longest = min(WAIT_MAX_S, FIRST_WAIT_S * 2**number)
        assert longest / 2 <= wait_s <= longest
    watching.event(CHECKPOINT)
    assert watching.wait_s(AWAY) <= FIRST_WAIT_S


def test_an_outage_of_days_is_waited_out() -> None:
    """However often the gateway was asked in vain, it is asked again."""
    watching = watch()
    waits = [watching.wait_s(AWAY) for _ in range(2_000)]
    assert WAIT_MAX_S / 2 <= waits[-1] <= WAIT_MAX_S


@pytest.mark.parametrize(
    ("reconnect", "error"),
    [
        (False, AWAY),
        (True, InvalidRequestError("wrong", status=grpc.StatusCode.INVALID_ARGUMENT)),
        (True, OsmsError("gone", status=grpc.StatusCode.CANCELLED)),
    ],
)
def test_other_errors_are_the_caller_s(reconnect: bool, error: OsmsError) -> None:
    """Only a gateway that is away is waited for, and only if that is wanted."""
    with pytest.raises(type(error)) as caught:
        watch(reconnect=reconnect).wait_s(error)
    assert caught.value is error


def test_a_message_that_says_nothing_known_is_no_event() -> None:
    """A newer gateway's kind of event is never passed over in silence."""
    with pytest.raises(InvalidAnswerError):
        watch().event(pb.WatchConsumersResponse(resume_token="t1"))


@pytest.mark.parametrize(("iins", "roster"), [(None, ""), (["900101390002"], "clinic")])
def test_one_of_people_and_a_roster_is_watched(iins: list[str] | None, roster: str) -> None:
    """Neither and both are mistakes of the caller."""
    with pytest.raises(ValueError, match="either"):
        Watch(iins, roster, "", reconnect=True)


def test_one_text_is_not_a_list_of_people() -> None:
    """A single IIN would be taken apart into digits."""
    with pytest.raises(TypeError):
        Watch("900101390002", "", "", reconnect=True)
