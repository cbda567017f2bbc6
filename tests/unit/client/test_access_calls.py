"""Who looked at a person, through either gateway over a real socket, and as a command."""

import json
from datetime import UTC, date, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from osms.v1 import access_record_pb2, core_pb2
from osms.v1 import access_service_pb2 as pb
from osms_client import Access, AccessKind, InvalidAnswerError, Purpose, Status
from tests.unit.client.commands import osms
from tests.unit.client.fake import IIN, FakeGateway, Sdk

LOOKUP = pb.Access(
    answered_at=Timestamp(seconds=1_768_450_000),
    client="clinic-5",
    kind=access_record_pb2.ACCESS_KIND_LOOKUP,
    purpose=core_pb2.PURPOSE_RECEPTION,
    case_reference="K-17",
    service_date="2026-01-15",
    status=core_pb2.ELIGIBILITY_STATUS_INSURED,
    decision_id="d-1",
)
PAYMENTS = pb.Access(
    answered_at=Timestamp(seconds=1_768_440_000),
    client="fund",
    kind=access_record_pb2.ACCESS_KIND_PAYMENTS,
)


def _two_pages(fake: FakeGateway) -> None:
    def page(request: pb.ListAccessesRequest, _: object) -> pb.ListAccessesResponse:
        if request.page_token:
            return pb.ListAccessesResponse(accesses=[PAYMENTS])
        return pb.ListAccessesResponse(accesses=[LOOKUP], next_page_token="more")

    fake.on("ListAccesses", page)


def test_accesses_are_listed_page_by_page(sdk: Sdk, fake: FakeGateway) -> None:
    """Every field says what it means; what a look has not is None."""
    _two_pages(fake)
    found = sdk.call("list_accesses", IIN, purpose=Purpose.SELF_SERVICE, page_size=1)
    assert found == [
        Access(
            answered_at=datetime.fromtimestamp(1_768_450_000, UTC),
            client="clinic-5",
            kind=AccessKind.LOOKUP,
            purpose=Purpose.RECEPTION,
            case_reference="K-17",
            service_date=date(2026, 1, 15),
            status=Status.INSURED,
            decision_id="d-1",
        ),
        Access(
            answered_at=datetime.fromtimestamp(1_768_440_000, UTC),
            client="fund",
            kind=AccessKind.PAYMENTS,
            purpose=None,
            case_reference="",
            service_date=None,
            status=None,
            decision_id="",
        ),
    ]
    assert [(asked.iin, asked.purpose, asked.page_size) for asked in fake.asked] == [
        (IIN, core_pb2.PURPOSE_SELF_SERVICE, 1)
    ] * 2


def test_a_status_of_tomorrow_is_no_answer(sdk: Sdk, fake: FakeGateway) -> None:
    """A kind that is newer than the client is shown as such, a status never as another."""
    newer = pb.Access(kind=99)  # type: ignore[arg-type] # of a contract to come
    fake.answers("ListAccesses", pb.ListAccessesResponse(accesses=[newer]))
    (access,) = sdk.call("list_accesses", IIN, purpose=Purpose.AUDIT)
    assert access.kind is AccessKind.UNRECOGNISED
    newer.status = 99  # type: ignore[assignment]
    fake.answers("ListAccesses", pb.ListAccessesResponse(accesses=[newer]))
    with pytest.raises(InvalidAnswerError):
        sdk.call("list_accesses", IIN, purpose=Purpose.AUDIT)


def test_the_command_prints_a_table_or_json(fake: FakeGateway) -> None:
    """In Almaty's time, the newest first, and no more than asked for."""
    _two_pages(fake)
    result = osms(fake, "accesses", IIN)
    assert result.exit_code == 0, result.output
    for text in ("2026-01-15 09:06:40", "clinic-5", "reception", "K-17", "INSURED", "payments"):
        assert text in result.output
    assert fake.asked[0].purpose == core_pb2.PURPOSE_AUDIT
    short = osms(fake, "accesses", IIN, "--limit", "1")
    assert ("fund" in short.output, "There are more" in short.output) == (False, True)
    shown = json.loads(osms(fake, "accesses", IIN, "--json", "--purpose", "self_service").output)
    assert [access["kind"] for access in shown] == ["LOOKUP", "PAYMENTS"]
    fake.answers("ListAccesses", pb.ListAccessesResponse())
    assert "nobody" in osms(fake, "accesses", IIN).output
