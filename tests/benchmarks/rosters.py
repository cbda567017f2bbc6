"""The report on a whole roster, beside asking for the same people in batches."""

import time
from itertools import islice

import grpc

from osms.v1 import consumer_service_pb2, core_pb2
from osms.v1 import roster_service_pb2 as pb
from tests.benchmarks.calls import BATCH, ask
from tests.benchmarks.data import SERVICE_DATE
from tests.benchmarks.figures import Figure, in_turns
from tests.benchmarks.ledgers import fill_ledgers
from tests.benchmarks.people import people
from tests.benchmarks.subject import Subject

TURNS = 5
MEMBERS = 40_000
"""The roster of a large polyclinic."""
CHUNK_MEMBERS = 10_000
AIM_S = 2.0
SYNC = "/osms.v1.RosterService/SyncRoster"
REPORT = "/osms.v1.RosterService/GetRosterReport"


async def measure_rosters(subject: Subject) -> list[Figure]:
    """Return how long a report takes, beside batches that ask for its members."""
    await fill_ledgers(subject, MEMBERS)
    members = [person.iin for person in islice(people(), MEMBERS)]
    batches = [
        _batch(members[start : start + CHUNK_MEMBERS]) for start in range(0, MEMBERS, CHUNK_MEMBERS)
    ]
    request = pb.GetRosterReportRequest(roster="polyclinic", service_date=SERVICE_DATE)
    reports_s: list[float] = []
    batches_s: list[float] = []
    async with subject.connected() as channel:
        sync_s = await _sync(channel, members)
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, pb.GetRosterReportResponse] = (
            channel.unary_unary(REPORT, response_deserializer=pb.GetRosterReportResponse.FromString)
        )
        for _ in range(TURNS):
            started = time.perf_counter()
            await ask(channel, BATCH, batches, 1)
            batches_s.append(time.perf_counter() - started)
            started = time.perf_counter()
            report = await call(request.SerializeToString())
            reports_s.append(time.perf_counter() - started)
            if report.members != MEMBERS:
                raise RuntimeError(f"the report is about {report.members:,} members")
    return [
        in_turns(
            "roster_40000",
            subject.engine,
            "ms",
            [seconds * 1e3 for seconds in reports_s],
            [seconds * 1e3 for seconds in batches_s],
            f"control: batches of {CHUNK_MEMBERS:,} asked and read; its list was taken in"
            f" {sync_s:.2f} s; aim under {AIM_S:.0f} s",
            {"sync_s": sync_s},
        )
    ]


async def _sync(channel: grpc.aio.Channel, members: list[str]) -> float:
    header = pb.RosterHeader(roster="polyclinic", as_of=SERVICE_DATE, declared_members=len(members))
    parts = [pb.SyncRosterRequest(header=header)]
    for start in range(0, len(members), CHUNK_MEMBERS):
        some = [
            pb.RosterMember(iin=iin, attached_on="2024-01-09")
            for iin in members[start : start + CHUNK_MEMBERS]
        ]
        parts.append(pb.SyncRosterRequest(chunk=pb.RosterChunk(members=some)))
    parts.append(pb.SyncRosterRequest(commit=pb.RosterCommit()))
    call: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(SYNC)
    started = time.perf_counter()
    async for _ in call(iter([part.SerializeToString() for part in parts])):
        pass
    return time.perf_counter() - started


def _batch(members: list[str]) -> bytes:
    return consumer_service_pb2.BatchLookupConsumersRequest(
        options=consumer_service_pb2.LookupOptions(
            service_date=SERVICE_DATE, purpose=core_pb2.PURPOSE_ROSTER
        ),
        items=[consumer_service_pb2.LookupItem(iin=iin) for iin in members],
    ).SerializeToString()
