"""Entries of the access log."""

import struct

import pytest

from osms.v1 import access_record_pb2 as pb
from osms.v1 import core_pb2
from osms_server.access.entries import packed_access, single_access
from osms_server.identity import Caller

INSPECTOR = Caller("inspector", hidden_days=30)


def test_an_entry_about_one_person_says_who_asked_and_what_was_answered() -> None:
    """All fields of the contract are there, and the delay of an investigation is the client's."""
    access = single_access(
        INSPECTOR,
        pb.ACCESS_KIND_EXPLAIN,
        900101300001,
        core_pb2.ELIGIBILITY_STATUS_INSURED,
        purpose=core_pb2.PURPOSE_AUDIT,
        answered_at_us=5,
        revision=7,
        service_date="2026-12-05",
        decision_id="d",
        case_reference="case",
    )
    context = pb.AccessContext(
        client="inspector",
        kind=pb.ACCESS_KIND_EXPLAIN,
        purpose=core_pb2.PURPOSE_AUDIT,
        service_date="2026-12-05",
        decision_id="d",
        revision=7,
        answered_at_us=5,
        hidden_days=30,
    )
    assert access == pb.SingleAccess(
        context=context,
        iin=900101300001,
        status=core_pb2.ELIGIBILITY_STATUS_INSURED,
        case_reference="case",
    )


def test_an_entry_about_many_people_takes_nine_bytes_for_each() -> None:
    """People stand in the order of the answer, with what some of them have of their own."""
    people, statuses = [900101300001, 0, 900101300002], [1, 0, 4]
    access = packed_access(
        INSPECTOR,
        pb.ACCESS_KIND_BATCH,
        people,
        statuses,
        purpose=core_pb2.PURPOSE_BILLING,
        answered_at_us=5,
        revision=7,
        roster="polyclinic-5",
        items=[(2, "2026-12-04", "case")],
    )
    assert list(struct.unpack("<3Q", access.iins)) == people
    assert list(access.statuses) == statuses
    assert access.items == [
        pb.PackedItem(position=2, service_date="2026-12-04", case_reference="case")
    ]
    assert access.context.roster == "polyclinic-5"
    with pytest.raises(ValueError, match="status"):
        packed_access(
            INSPECTOR,
            pb.ACCESS_KIND_BATCH,
            people,
            [1],
            purpose=core_pb2.PURPOSE_BILLING,
            answered_at_us=5,
            revision=7,
        )
