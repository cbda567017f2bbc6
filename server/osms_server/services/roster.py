"""RosterService: attached populations, who of them is insured, and what that costs a clinic."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from typing import Any

import grpc

from osms.v1 import access_record_pb2, core_pb2, roster_service_pb2_grpc
from osms.v1 import roster_service_pb2 as pb
from osms.values import almaty_date
from osms_server import answers, pages, rosters
from osms_server.access.recorder import Recorder
from osms_server.admission import Lanes
from osms_server.errors import Reason, RequestError, limit_exceeded
from osms_server.fields import Fields
from osms_server.identity import current_caller
from osms_server.identity.rights import check_purpose
from osms_server.inquiry import Inquiry, View
from osms_server.intake import Room
from osms_server.law import Laws
from osms_server.roster_lists import IncomingList, known_roster, read_header, roster_code
from osms_server.rosters import Finding
from osms_server.rules import Decision, Status
from osms_server.settings import Settings
from osms_storage.errors import RunAbandonedError
from osms_storage.rosters import (
    RosterChange,
    RosterMember,
    all_members,
    find_roster,
    read_members,
    replace_members,
)
from osms_storage.store import Store

PEOPLE_AT_A_TIME = 2_000
"""How many people's ledgers one statement reads."""
DECIDED_AT_A_TIME = 100
"""How many people are decided about before other calls get their turn."""
LAPSING_DAYS_MAX = 366
"""How far ahead lapsing is looked for."""
NORM_MAX_TIYN = 10**12
PAGE_SIZE_MAX = 10_000
PAGE_SIZE_DEFAULT = 1_000
LISTS_HELD = 5
"""How many of the longest lists are held in memory at a time."""
SILENCE_MAX_S = 60.0
"""How long a client may be silent amid a list."""
SCANNED_MAX = 10_000
"""How many members a page looks at, whether or not they pass its filters."""

Context = grpc.aio.ServicerContext[Any, Any]


class RosterServicer(roster_service_pb2_grpc.RosterServiceServicer):
    """Takes lists, reports on rosters, and lists their members."""

    def __init__(
        self,
        store: Store,
        laws: Laws,
        inquiry: Inquiry,
        lanes: Lanes,
        settings: Settings,
        recorder: Recorder,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._meter = lanes.meter
        self._laws = laws
        self._inquiry = inquiry
        self._settings = settings
        self._recorder = recorder
        self._ids = answers.DecisionIds()
        self._room = Room(LISTS_HELD * settings.roster_members_max)

    async def SyncRoster(
        self, request_iterator: AsyncIterator[pb.SyncRosterRequest], context: Context
    ) -> AsyncIterator[pb.SyncRosterResponse]:
        """Hold a list until its commit, then apply it."""
        requests = aiter(request_iterator)
        while (request := await _next(requests)) is not None:
            if request.WhichOneof("part") != "header":
                raise _out_of_order("header")
            today = almaty_date(self._store.clock())
            header = read_header(request.header, today, self._settings.roster_members_max)
            # A list is held until its commit: so many of them at a time.
            await self._room.enter(header.declared_members)
            try:
                incoming = await self._whole(requests, IncomingList(header))
                # From here on it is the commit's, whether the client waits for it or not.
                response = await self._store.finish(self._commit(incoming))
            finally:
                self._room.leave(header.declared_members)
            yield response

    async def _whole(
        self, requests: AsyncIterator[pb.SyncRosterRequest], incoming: IncomingList
    ) -> IncomingList:
        """Take the lines of a list up to its commit."""
        while (request := await _next(requests)) is not None:
            part = request.WhichOneof("part")
            if part == "commit":
                return incoming
            if part != "chunk":
                break
            self._take(incoming, request.chunk)
        raise _out_of_order("chunk or commit")

    def _take(self, incoming: IncomingList, chunk: pb.RosterChunk) -> None:
        limit = self._settings.chunk_records_max
        if len(chunk.members) > limit:
            raise limit_exceeded("chunk_records_max", limit, "members")
        incoming.read(chunk.members)
        if incoming.received > incoming.header.declared_members:
            raise _count_mismatch(incoming)

    async def _commit(self, incoming: IncomingList) -> pb.SyncRosterResponse:
        header = incoming.header
        if incoming.received != header.declared_members:
            raise _count_mismatch(incoming)
        listed = incoming.listed(current_caller().client)
        # In a thread and before the lock: the list of a city takes a while to sort.
        content = await asyncio.to_thread(listed.content)
        async with self._store.writing("ROSTER") as unit:
            known = await find_roster(unit.connection, header.roster, owner=listed.owner)
            if known is not None and known.as_of > header.as_of:
                raise RequestError(
                    Reason.ERROR_REASON_SNAPSHOT_OUTDATED,
                    "A newer list of this roster was applied.",
                    {
                        "roster": header.roster,
                        "last_as_of": known.as_of.isoformat(),
                        "as_of": header.as_of.isoformat(),
                    },
                )
            change = await replace_members(unit.connection, known, listed, content)
        return pb.SyncRosterResponse(result=_result(change, incoming))

    async def GetRosterReport(
        self, request: pb.GetRosterReportRequest, context: Context
    ) -> pb.GetRosterReportResponse:
        """Count the members by what they are on a day."""
        check_purpose(core_pb2.PURPOSE_ROSTER)
        async with self._lanes.bulk.turn(context.peer()):
            return await self._report(request)

    async def _report(self, request: pb.GetRosterReportRequest) -> pb.GetRosterReportResponse:
        fields = Fields()
        code = roster_code(fields, request.roster, "roster")
        day = fields.service_date(
            request.service_date, "service_date", await self._laws.window(self._store.clock())
        )
        lapsing_by = _lapsing_by(fields, request.lapsing_by, day) or rosters.next_month_end(day)
        if not 0 <= request.norm_tiyn_per_head <= NORM_MAX_TIYN:
            fields.violate("norm_tiyn_per_head", f"must be from 0 to {NORM_MAX_TIYN}")
        fields.check()
        async with self._store.reading(newest=True) as connection:
            roster = await known_roster(connection, code)
            self._meter.bulk(core_pb2.PURPOSE_ROSTER, roster.members)
            members = [
                member async for page in all_members(connection, roster.id) for member in page
            ]
        findings: Counter[Finding] = Counter()
        revisions: list[int] = []
        statuses = bytearray()
        # Of an empty roster, too, the report says at which revision it was made.
        for start in range(0, len(members) or 1, PEOPLE_AT_A_TIME):
            some = members[start : start + PEOPLE_AT_A_TIME]
            view = await self._view(some, revisions[-1] if revisions else 0)
            revisions.append(view.moment.revision)
            found = await self._find(view, some, day, lapsing_by)
            findings.update(finding for _, _, finding in found)
            statuses += bytes(answers.STATUS[decision.status] for _, decision, _ in found)
        values = view.law.parameters.at(day)
        answer = rosters.report(findings, values, request.norm_tiyn_per_head)
        answer.context.CopyFrom(answers.context(view, self._ids.next()))
        answer.first_revision = revisions[0]
        answer.roster, answer.version = roster.code, roster.version
        answer.as_of = roster.as_of.isoformat()
        answer.service_date, answer.lapsing_by = day.isoformat(), lapsing_by.isoformat()
        iins = [member.iin for member in members]
        kind = access_record_pb2.ACCESS_KIND_ROSTER_REPORT
        await self._record(kind, iins, statuses, roster.code, day, answer.context)
        return answer

    async def ListRosterMembers(
        self, request: pb.ListRosterMembersRequest, context: Context
    ) -> pb.ListRosterMembersResponse:
        """List members that pass the filters, with their answers."""
        check_purpose(core_pb2.PURPOSE_ROSTER)
        async with self._lanes.bulk.turn(context.peer()):
            return await self._list(request)

    async def _list(self, request: pb.ListRosterMembersRequest) -> pb.ListRosterMembersResponse:
        fields = Fields()
        code = roster_code(fields, request.roster, "roster")
        window = await self._laws.window(self._store.clock())
        day = fields.service_date(request.service_date, "service_date", window)
        size = pages.page_size(
            fields, request.page_size, most=PAGE_SIZE_MAX, default=PAGE_SIZE_DEFAULT
        )
        version, skip, day = _position(request, window.first, day)
        lapsing_by = _lapsing_by(fields, request.lapsing_by, day)
        fields.check()
        filtered = request.uninsured or request.not_seen or lapsing_by is not None
        async with self._store.reading(newest=True) as connection:
            roster = await known_roster(connection, code)
            if version not in (None, roster.version):
                raise pages.token_invalid()
            limit = SCANNED_MAX if filtered else size
            members = await read_members(connection, roster.id, skip=skip, limit=limit)
        decision_id = self._ids.next()
        listed: list[pb.ListedMember] = []
        iins: list[int] = []
        statuses = bytearray()
        shared = await self._view(members[:PEOPLE_AT_A_TIME])
        for start in range(0, len(members), PEOPLE_AT_A_TIME):
            if len(listed) == size:
                break
            some = members[start : start + PEOPLE_AT_A_TIME]
            try:
                self._meter.bulk(core_pb2.PURPOSE_ROSTER, len(some))
            except RequestError:
                if not start:
                    raise
                break  # the next page goes on when the quota allows it
            view = await self._view(some, shared.moment.revision) if start else shared
            if view.moment.revision != shared.moment.revision:
                break  # the next page goes on at the newer revision
            for member, decision, found in await self._find(view, some, day, lapsing_by):
                if len(listed) == size:
                    break
                skip += 1
                # Who is left out by a filter was looked at, too.
                iins.append(member.iin)
                statuses.append(answers.STATUS[decision.status])
                if _passes(request, found):
                    answer_id = f"{decision_id}-{len(listed)}"
                    entry = _listed(member, not_seen=found.not_seen)
                    answers.write_brief(
                        entry.eligibility, view, member.iin, day, decision, answer_id
                    )
                    listed.append(entry)
        position = (roster.version, skip, day.toordinal())
        shown = answers.context(shared, decision_id)
        kind = access_record_pb2.ACCESS_KIND_ROSTER_LIST
        await self._record(kind, iins, statuses, roster.code, day, shown)
        return pb.ListRosterMembersResponse(
            context=shown,
            version=roster.version,
            members=listed,
            next_page_token=pages.page_token(request, position) if skip < roster.members else "",
        )

    async def _record(
        self,
        kind: "access_record_pb2.AccessKind.ValueType",
        iins: Sequence[int],
        statuses: Sequence[int],
        roster: str,
        day: date,
        context: core_pb2.AnswerContext,
    ) -> None:
        """Write down which members were looked at."""
        await self._recorder.many(
            kind,
            iins,
            statuses,
            purpose=core_pb2.PURPOSE_ROSTER,
            revision=context.revision,
            service_date=day.isoformat(),
            decision_id=context.decision_id,
            roster=roster,
        )

    async def _view(self, members: Sequence[RosterMember], at_least_revision: int = 0) -> View:
        iins = [member.iin for member in members]
        return await self._inquiry.view(
            iins, None, self._store.clock(), bulk=True, at_least_revision=at_least_revision
        )

    async def _find(
        self, view: View, members: Sequence[RosterMember], day: date, lapsing_by: date | None
    ) -> list[tuple[RosterMember, Decision, Finding]]:
        """Decide about people of a view, some at a time."""
        months = rosters.not_seen_months(view.law.parameters.at(day))
        recent_from = rosters.seen_from(day, months)
        found = []
        misses = 0
        for number, member in enumerate(members, 1):
            decision = answers.decide(view, member.iin, day)
            finding = rosters.find(member, decision, lapsing_by, recent_from)
            found.append((member, decision, finding))
            misses += decision.status is Status.UNKNOWN_CONSUMER
            if number % DECIDED_AT_A_TIME == 0:
                await self._lanes.give_way()
        self._meter.note(misses, len(members))
        return found


async def _next(requests: AsyncIterator[pb.SyncRosterRequest]) -> pb.SyncRosterRequest | None:
    """Return the next part of a list; None: there is none.

    Raises RunAbandonedError after a long silence, so that nobody keeps room for nothing.
    """
    try:
        async with asyncio.timeout(SILENCE_MAX_S):
            return await anext(requests, None)
    except TimeoutError as exc:
        raise RunAbandonedError from exc


def _passes(request: pb.ListRosterMembersRequest, found: Finding) -> bool:
    return (
        (not request.uninsured or found.ground is not None)
        and (not request.lapsing_by or found.lapses_on is not None)
        and (not request.not_seen or found.not_seen)
    )


def _lapsing_by(fields: Fields, text: str, day: date) -> date | None:
    """Return the last day that counts as lapsing; None if it is absent or wrong."""
    by = fields.day(text, "lapsing_by")
    if by is not None and not timedelta(0) <= by - day <= timedelta(LAPSING_DAYS_MAX):
        fields.violate("lapsing_by", f"must be 0 to {LAPSING_DAYS_MAX} days after the service date")
    return by


def _position(
    request: pb.ListRosterMembersRequest, first_day: date, day: date
) -> tuple[int | None, int, date]:
    """Return the version that a list keeps to, None for any; how many to skip; and its day."""
    position = pages.position_of(request, request.page_token, 3)
    if position is None:
        return None, 0, day
    version, skip, ordinal = position
    if skip < 0 or not first_day.toordinal() <= ordinal <= day.toordinal():
        # Never given out: a list keeps to the day of its first page.
        raise pages.token_invalid()
    return version, skip, date.fromordinal(ordinal)


def _listed(member: RosterMember, *, not_seen: bool) -> pb.ListedMember:
    visited_on = member.last_visit_on
    return pb.ListedMember(
        attached_on=date.fromordinal(member.attached_on).isoformat(),
        last_visit_on="" if visited_on is None else date.fromordinal(visited_on).isoformat(),
        not_seen=not_seen,
    )


def _result(change: RosterChange, incoming: IncomingList) -> pb.RosterSyncResult:
    return pb.RosterSyncResult(
        version=change.version,
        members=change.members,
        added=change.added,
        changed=change.changed,
        removed=change.removed,
        unchanged=change.unchanged,
        rejected=incoming.rejected,
        rejected_members=incoming.rejected_members,
    )


def _out_of_order(expected: str) -> RequestError:
    return RequestError(
        Reason.ERROR_REASON_STREAM_OUT_OF_ORDER,
        "A list is a header, chunks, and a commit.",
        {"expected": expected},
    )


def _count_mismatch(incoming: IncomingList) -> RequestError:
    return RequestError(
        Reason.ERROR_REASON_RECORD_COUNT_MISMATCH,
        "The lines received are not as many as declared.",
        {
            "declared_records": str(incoming.header.declared_members),
            "received_records": str(incoming.received),
        },
    )
