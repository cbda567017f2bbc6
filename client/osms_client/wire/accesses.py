"""Requests and answers of AccessService."""

from osms.v1 import access_record_pb2, core_pb2
from osms.v1 import access_service_pb2 as pb
from osms_client.accesses import Access
from osms_client.vocabulary import AccessKind, Purpose, Status
from osms_client.wire.scalars import Words, day_or_none, instant

_kinds = Words(AccessKind, access_record_pb2.AccessKind.Value, prefix="ACCESS_KIND")
_purposes = Words(Purpose, core_pb2.Purpose.Value, prefix="PURPOSE")
_statuses = Words(Status, core_pb2.EligibilityStatus.Value, prefix="ELIGIBILITY_STATUS")


def accesses_request(iin: str, *, purpose: Purpose, page_size: int) -> pb.ListAccessesRequest:
    """Return the question for the first page of accesses to a person."""
    return pb.ListAccessesRequest(iin=iin, purpose=_purposes.number(purpose), page_size=page_size)


def accesses(response: pb.ListAccessesResponse) -> list[Access]:
    """Return a page of accesses."""
    return [
        Access(
            answered_at=instant(access.answered_at),
            client=access.client,
            kind=_kinds.word(access.kind),
            purpose=_purposes.word_required(access.purpose) if access.purpose else None,
            case_reference=access.case_reference,
            service_date=day_or_none(access.service_date),
            status=_statuses.word_required(access.status) if access.status else None,
            decision_id=access.decision_id,
        )
        for access in response.accesses
    ]
