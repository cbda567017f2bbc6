"""ConsumerService.WatchConsumers: the present states of people, then every change of them."""

import asyncio
from array import array
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import date

from osms.v1 import access_record_pb2, core_pb2
from osms.v1 import consumer_service_pb2 as pb
from osms.values import format_iin
from osms_server.access.recorder import Recorder
from osms_server.errors import limit_exceeded
from osms_server.fields import Fields, timestamp
from osms_server.meter import Meter
from osms_server.roster_lists import known_roster, roster_code
from osms_server.settings import Settings
from osms_server.watching.changelog import ChangeLog, People
from osms_server.watching.resume_tokens import digest_of, invalid_token, resume_token, step_of
from osms_server.watching.standings import UNKNOWN
from osms_storage.changes import Change, State
from osms_storage.rosters import all_members
from osms_storage.store import Store

STATES_AT_A_TIME = 10_000
"""How many states are sent in a message."""


class Watching:
    """Serves the watchers of one gateway."""

    def __init__(self, store: Store, settings: Settings, recorder: Recorder, meter: Meter) -> None:
        self._store = store
        self._recorder = recorder
        self._meter = meter
        self._settings = settings
        self._log = ChangeLog(store, looks_every_s=settings.tell_every_s)

    async def watch(
        self, request: pb.WatchConsumersRequest
    ) -> AsyncGenerator[pb.WatchConsumersResponse, None]:
        """Yield states, unless the client comes back, then changes and checkpoints for ever."""
        people, digest = await self._watched(request)
        if request.resume_token:
            of_roster = request.HasField("roster")
            position = step_of(request.resume_token, digest, of_roster=of_roster)
            if not await self._store.finish(self._log.resume(position)):
                raise invalid_token()
        else:
            # Each state is an answer; who goes on is told of changes alone.
            self._meter.bulk(core_pb2.PURPOSE_ROSTER, len(people))
            position, stated, whole = 0, 0, False
            while not whole:
                page = await self._store.finish(
                    self._log.begin(people, stated, position, STATES_AT_A_TIME)
                )
                position = page.position
                if page.changes:
                    await self._record_changes(page.changes)
                    yield pb.WatchConsumersResponse(changes=_changes(page.changes))
                if page.states is not None:
                    some = people[stated : stated + STATES_AT_A_TIME]
                    states = page.states
                    await self._record(some, [states.get(i, UNKNOWN).status for i in some])
                    stated += len(some)
                    whole = stated == len(people)
                    told = (page.states.get(iin, UNKNOWN).status for iin in some)
                    self._meter.note(sum(status == UNKNOWN.status for status in told), len(some))
                    yield pb.WatchConsumersResponse(
                        resume_token=resume_token(position, digest) if whole else "",
                        states=_states(some, page.states),
                    )
        async for response in self._follow(people, position, digest):
            yield response

    async def _follow(
        self, people: People, position: int, digest: bytes
    ) -> AsyncGenerator[pb.WatchConsumersResponse, None]:
        loop = asyncio.get_running_loop()
        checkpoint_at = loop.time()
        while True:
            glance = await self._log.glance()
            while position < glance.newest:
                page = await self._store.finish(self._log.after(people, position, glance.newest))
                position = page.position
                if page.changes:
                    await self._record_changes(page.changes)
                    yield pb.WatchConsumersResponse(
                        resume_token=resume_token(position, digest),
                        changes=_changes(page.changes),
                    )
            if loop.time() >= checkpoint_at:
                checkpoint_at = loop.time() + self._settings.checkpoint_every_s
                yield pb.WatchConsumersResponse(
                    resume_token=resume_token(position, digest),
                    checkpoint=pb.WatchCheckpoint(
                        revision=glance.revision, checked_at=timestamp(self._store.clock())
                    ),
                )

    async def _record_changes(self, changes: Sequence[Change]) -> None:
        iins = [change.iin for change in changes]
        statuses = [change.after.status for change in changes]
        await self._record(iins, statuses, changes[-1].revision)

    async def _record(
        self, iins: Sequence[int], statuses: Sequence[int], revision: int = 0
    ) -> None:
        """Write down whom a watcher is about to be told of."""
        await self._recorder.many(
            access_record_pb2.ACCESS_KIND_WATCH, iins, statuses, revision=revision
        )

    async def _watched(self, request: pb.WatchConsumersRequest) -> tuple[People, bytes]:
        """Return who is watched, and a digest of how that was said."""
        fields = Fields()
        which = request.WhichOneof("watched")
        if which is None:
            fields.violate("consumers", "is required, or a roster")
        elif which == "consumers":
            iins = request.consumers.iins
            limit = self._settings.batch_items_max
            if len(iins) > limit:
                raise limit_exceeded("batch_items_max", limit, "iins")
            if not iins:
                fields.violate("consumers.iins", "must have at least one")
            numbers = [
                fields.iin(iin, f"consumers.iins[{place}]") for place, iin in enumerate(iins)
            ]
            if fields.wrong_check_digits:
                self._meter.note(fields.wrong_check_digits, len(iins))
            fields.check()
            people = array("q", sorted(set(numbers)))
            return people, digest_of(people.tobytes())
        code = roster_code(fields, request.roster, "roster")
        fields.check()
        return await self._store.finish(self._members(code))

    async def _members(self, code: str) -> tuple[People, bytes]:
        """Return the members of a roster as it is now, and a digest of it and its version."""
        people: People = array("q")
        async with self._store.reading(newest=True) as connection:
            roster = await known_roster(connection, code)
            async for page in all_members(connection, roster.id):
                people.extend([member.iin for member in page])
        return people, digest_of(f"{roster.id} {roster.version}".encode())


def _states(people: Sequence[int], states: Mapping[int, State]) -> pb.WatchedConsumers:
    return pb.WatchedConsumers(
        consumers=[
            pb.WatchedConsumer(iin=format_iin(iin), state=_state(states.get(iin, UNKNOWN)))
            for iin in people
        ]
    )


def _changes(changes: Sequence[Change]) -> pb.ConsumerChanges:
    return pb.ConsumerChanges(changes=map(_change, changes))


def _change(change: Change) -> pb.ConsumerChange:
    corrected = change.before == change.after
    return pb.ConsumerChange(
        iin=format_iin(change.iin),
        kind=pb.CHANGE_KIND_CORRECTED if corrected else pb.CHANGE_KIND_STATE,
        revision=change.revision,
        cause=change.cause,  # type: ignore[arg-type] # a number of the contract
        effective_on=_day(change.effective_on),
        before=_state(change.before),
        after=_state(change.after),
    )


def _state(state: State) -> pb.ConsumerState:
    return pb.ConsumerState(
        status=state.status,  # type: ignore[arg-type] # a number of the contract
        valid_through=_day(state.valid_through),
        covered_through=_day(state.covered_through),
    )


def _day(ordinal: int | None) -> str:
    return "" if ordinal is None else date.fromordinal(ordinal).isoformat()
