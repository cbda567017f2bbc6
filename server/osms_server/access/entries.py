"""Builds the entries of the access log, quickly: one is built for every answer."""

import struct
from collections.abc import Iterable, Sequence

from osms.v1 import access_record_pb2 as pb
from osms.v1 import core_pb2
from osms_server.identity import Caller

Kind = pb.AccessKind
Status = core_pb2.EligibilityStatus


def single_access(
    caller: Caller,
    kind: "Kind.ValueType",
    iin: int,
    status: "Status.ValueType",
    *,
    purpose: "core_pb2.Purpose.ValueType",
    answered_at_us: int,
    revision: int,
    service_date: str = "",
    decision_id: str = "",
    case_reference: str = "",
) -> pb.SingleAccess:
    """Return the entry of an answer about one person; ``answered_at_us`` counts from 1970 UTC."""
    # Field by field: from keywords it would take twice as long.
    access = pb.SingleAccess()
    access.iin = iin
    access.status = status
    if case_reference:
        access.case_reference = case_reference
    context = access.context
    _fill(context, caller, kind, purpose, answered_at_us, revision)
    if service_date:
        context.service_date = service_date
    if decision_id:
        context.decision_id = decision_id
    return access


def packed_access(
    caller: Caller,
    kind: "Kind.ValueType",
    iins: Sequence[int],
    statuses: Sequence[int],
    *,
    purpose: "core_pb2.Purpose.ValueType",
    answered_at_us: int,
    revision: int,
    service_date: str = "",
    decision_id: str = "",
    roster: str = "",
    items: Iterable[tuple[int, str, str]] = (),
) -> pb.PackedAccess:
    """Return the entry of an answer about many people, who stand in the order of the answer.

    ``iins`` holds 0 where an item could not be answered. ``items``, ascending, are those that have
    something of their own: position, service date, case reference.
    """
    if len(iins) != len(statuses):
        raise ValueError("Every person has a status.")
    access = pb.PackedAccess(
        iins=struct.pack(f"<{len(iins)}Q", *iins),
        statuses=bytes(statuses),
        items=[
            pb.PackedItem(position=position, service_date=day, case_reference=case)
            for position, day, case in items
        ],
    )
    context = access.context
    _fill(context, caller, kind, purpose, answered_at_us, revision)
    context.service_date, context.decision_id, context.roster = service_date, decision_id, roster
    return access


def _fill(
    context: pb.AccessContext,
    caller: Caller,
    kind: "Kind.ValueType",
    purpose: "core_pb2.Purpose.ValueType",
    answered_at_us: int,
    revision: int,
) -> None:
    context.client = caller.client
    context.kind = kind
    context.purpose = purpose
    context.answered_at_us = answered_at_us
    context.revision = revision
    if caller.hidden_days:
        context.hidden_days = caller.hidden_days
