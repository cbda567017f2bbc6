"""Chains for the tests of the journal: entries, files of frames, and a store in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from osms.v1 import access_record_pb2 as pb
from osms.v1 import core_pb2
from osms_server.access.chain import Chain
from osms_server.access.chain_files import chains_in, files_of
from osms_server.access.entries import single_access
from osms_server.access.frames import frame_of, frames_in
from osms_server.identity import Caller

CALLER = Caller("clinic-5")
FIRST_IIN = 900101300000
WRITER = "0123456789abcdef"


def entry(iin: int) -> pb.SingleAccess:
    """Return an entry about one person."""
    return single_access(
        CALLER,
        pb.ACCESS_KIND_LOOKUP,
        iin,
        core_pb2.ELIGIBILITY_STATUS_INSURED,
        purpose=core_pb2.PURPOSE_RECEPTION,
        answered_at_us=1,
        revision=1,
    )


def sealed_records(count: int, people: int = 1) -> list[bytes]:
    """Return a whole chain."""
    chain = Chain(WRITER)
    numbers = range(FIRST_IIN, FIRST_IIN + count * people, people)
    return [
        chain.seal(pb.AccessRecord(singles=[entry(iin + i) for i in range(people)]))
        for iin in numbers
    ]


def frames_of(records: Sequence[bytes]) -> list[bytes]:
    """Return the frames of a chain, in order."""
    return [frame_of(number, sealed) for number, sealed in enumerate(records, 1)]


def lay(folder: Path, frames: Sequence[bytes], *, first: int = 1, writer: str = WRITER) -> Path:
    """Write frames as the one file of a chain, with room behind them; return the file."""
    (folder / writer).mkdir(parents=True, exist_ok=True)
    file = folder / writer / f"{first:016}"
    file.write_bytes(b"".join(frames) + bytes(2048))
    return file


def records_in(folder: Path) -> list[pb.AccessRecord]:
    """Return all records of all chains in a folder that can be read."""
    return [
        pb.AccessRecord.FromString(frame.sealed)
        for chain in chains_in(folder)
        for file in files_of(chain)
        for frame in frames_in(file.read_bytes())
        if frame.sealed is not None
    ]


def people_in(records: Sequence[pb.AccessRecord]) -> list[int]:
    """Return whom records are about."""
    return [single.iin for record in records for single in record.singles]


@dataclass
class MemoryKeeper:
    """Keeps records as the store does: in order, and each once."""

    chains: dict[str, Chain] = field(default_factory=dict)
    records: dict[str, list[bytes]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    errors: list[Exception] = field(default_factory=list)
    """What the next calls raise, after they did their work."""

    async def head(self, writer: str) -> Chain | None:
        """Return how far a chain has come."""
        self._fail()
        return self.chains.get(writer)

    async def keep(self, writer: str, records: Sequence[tuple[int, bytes]], *, ended: bool) -> None:
        """Keep the next records."""
        chain = self.chains.setdefault(writer, Chain(writer))
        for number, sealed in records:
            if number > chain.number:
                assert chain.follow(sealed, number) is None
                self.records.setdefault(writer, []).append(sealed)
        if ended:
            self.ended.add(writer)
        self._fail()

    def people(self) -> list[int]:
        """Return whom the kept records are about."""
        kept = [pb.AccessRecord.FromString(r) for rows in self.records.values() for r in rows]
        return people_in(kept)

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
