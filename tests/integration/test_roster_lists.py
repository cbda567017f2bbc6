"""Lists of rosters: applied whole or not at all, and again without a trace."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from osms.v1 import roster_service_pb2 as pb
from osms_client.testing import RunningGateway
from tests.integration import half_list_sender, rosters
from tests.integration.people import new_iin, wrong_check_digit
from tests.integration.rosters import AS_OF, member, new_code
from tests.integration.streams import Sender
from tests.integration.wire import DEADLINE_S, Stubs, failure_of


@pytest.fixture
def people() -> list[str]:
    """Three people, ascending."""
    return sorted(new_iin() for _ in range(3))


def test_a_list_replaces_the_one_before_it(stubs: Stubs, people: list[str]) -> None:
    """It says what it changed; sent again, in another order, it changes nothing."""
    code, (first, second, third) = new_code(), people
    made = rosters.send(stubs, code, [member(first), member(second)])
    assert made == pb.RosterSyncResult(version=1, members=2, added=2)
    new = [member(third), member(second, last_visit_on="2025-06-01")]
    changed = rosters.send(stubs, code, new)
    assert changed == pb.RosterSyncResult(version=2, members=2, added=1, changed=1, removed=1)
    again = rosters.send(stubs, code, new[::-1])
    assert again == pb.RosterSyncResult(version=2, members=2, unchanged=2)
    assert rosters.on_roster(stubs, code) == [second, third]


def test_several_lists_share_a_stream(stubs: Stubs, people: list[str]) -> None:
    """Each is answered after its commit."""
    codes = [new_code(), new_code()]
    requests = [part for code in codes for part in rosters.parts(code, [member(people[0])])]
    answers = list(stubs.rosters.SyncRoster(iter(requests), timeout=DEADLINE_S))
    assert [answer.result.added for answer in answers] == [1, 1]


def test_a_rejected_line_keeps_its_person(stubs: Stubs, people: list[str]) -> None:
    """A wrong day takes nobody off the roster; a wrong number is nobody's."""
    code, (first, second, third) = new_code(), people
    rosters.send(stubs, code, [member(first), member(second)])
    result = rosters.send(
        stubs,
        code,
        [
            member(first, attached_on="soon"),
            member(wrong_check_digit(second)),
            member(third, last_visit_on="2026-02-30"),
        ],
    )
    issues = [(line.member_no, line.issue, line.field) for line in result.rejected_members]
    assert issues == [
        (1, pb.MEMBER_ISSUE_ATTACHED_ON, "attached_on"),
        (2, pb.MEMBER_ISSUE_IIN, "iin"),
        (3, pb.MEMBER_ISSUE_LAST_VISIT_ON, "last_visit_on"),
    ]
    assert (result.rejected, result.members, result.unchanged, result.removed) == (3, 1, 1, 1)
    assert rosters.on_roster(stubs, code) == [first]


@pytest.mark.parametrize("declared", [1, 3])
def test_a_list_of_another_length_than_declared_is_refused(
    stubs: Stubs, people: list[str], declared: int
) -> None:
    """Truncated or doubled, it leaves the roster as it was."""
    code = new_code()
    rosters.send(stubs, code, [member(people[0])])
    lines = [member(iin) for iin in people[1:]]
    failure = failure_of(lambda: rosters.send(stubs, code, lines, declared_members=declared))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "RECORD_COUNT_MISMATCH"
    assert failure.metadata == {"declared_records": str(declared), "received_records": "2"}
    assert rosters.on_roster(stubs, code) == [people[0]]


def test_a_list_older_than_the_last_one_is_refused(stubs: Stubs, people: list[str]) -> None:
    """A file of last week does not undo this week's."""
    code = new_code()
    rosters.send(stubs, code, [member(people[0])])
    older = "2026-01-14"
    failure = failure_of(lambda: rosters.send(stubs, code, [], as_of=older))
    assert failure.status is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "SNAPSHOT_OUTDATED"
    assert failure.metadata == {"roster": code, "last_as_of": AS_OF, "as_of": older}
    assert rosters.on_roster(stubs, code) == [people[0]]


def test_a_call_taken_back_before_the_commit_leaves_the_old_roster(
    stubs: Stubs, people: list[str]
) -> None:
    """Cancelling is as good as never having begun."""
    code = new_code()
    rosters.send(stubs, code, [member(people[0])])
    stream = Sender(stubs.rosters.SyncRoster)
    stream.send(*list(rosters.parts(code, [member(people[1])]))[:-1])
    stream.break_off()
    assert rosters.on_roster(stubs, code) == [people[0]]


def test_a_killed_client_leaves_the_old_roster(
    gateway: RunningGateway, stubs: Stubs, people: list[str], tmp_path: Path
) -> None:
    """Of the list that it did not end nothing counts; it is simply sent again."""
    code = new_code()
    whole = list(rosters.parts(code, [member(people[0])]))
    half = list(rosters.parts(code, [member(people[1])]))
    file = tmp_path / "messages"
    lines = [message.SerializeToString().hex() for message in (*whole, *half[:-1])]
    file.write_text("\n".join(lines), "ascii")
    command = [sys.executable, half_list_sender.__file__, gateway.target, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "answered\n"
        client.kill()
    assert rosters.on_roster(stubs, code) == [people[0]]
    (answer,) = stubs.rosters.SyncRoster(iter(half), timeout=DEADLINE_S)
    assert (answer.result.version, answer.result.added, answer.result.removed) == (2, 1, 1)


def _without_header(code: str) -> Iterator[pb.SyncRosterRequest]:
    yield from list(rosters.parts(code, []))[1:]


def _twice_opened(code: str) -> Iterator[pb.SyncRosterRequest]:
    header = next(rosters.parts(code, []))
    yield from (header, header)


def _never_ended(code: str) -> Iterator[pb.SyncRosterRequest]:
    yield next(rosters.parts(code, []))


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (_without_header, "header"),
        (_twice_opened, "chunk or commit"),
        (_never_ended, "chunk or commit"),
    ],
)
def test_messages_in_no_order_end_the_stream(
    stubs: Stubs, messages: Callable[[str], Iterator[pb.SyncRosterRequest]], expected: str
) -> None:
    """A list is a header, chunks, and a commit."""
    call = stubs.rosters.SyncRoster(messages(new_code()), timeout=DEADLINE_S)
    failure = failure_of(lambda: list(call))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert (failure.reason, failure.metadata) == ("STREAM_OUT_OF_ORDER", {"expected": expected})


def test_what_exceeds_a_limit_is_refused_by_its_name(stubs: Stubs, people: list[str]) -> None:
    """More members than a roster, or a chunk, may have."""
    whole = failure_of(lambda: rosters.send(stubs, new_code(), [], declared_members=200_001))
    assert whole.status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert whole.metadata == {"limit": "roster_members_max", "value_members": "200000"}
    many = [member(people[0])] * 10_001
    chunk = failure_of(lambda: rosters.send(stubs, new_code(), many))
    assert chunk.metadata == {"limit": "chunk_records_max", "value_members": "10000"}
