"""Records of the access log as gateways write them."""

from collections.abc import Iterable, Sequence
from struct import pack

from osms.v1.access_record_pb2 import (
    ACCESS_KIND_BATCH,
    ACCESS_KIND_LOOKUP,
    AccessContext,
    AccessRecord,
    ChainHead,
    PackedAccess,
    PackedItem,
    SingleAccess,
)
from osms.v1.core_pb2 import (
    ELIGIBILITY_STATUS_INSURED,
    ELIGIBILITY_STATUS_NOT_INSURED,
    PURPOSE_RECEPTION,
    PURPOSE_ROSTER,
)
from osms_server.access.chain import Chain
from osms_storage.access_log import keep_records
from osms_storage.store import Store

IIN = 900101390002
OTHER_IIN = 50101690002


def single(
    at_us: int, iin: int = IIN, *, client: str = "clinic", hidden_days: int = 0, case: str = ""
) -> SingleAccess:
    """Return an answer about one person."""
    context = AccessContext(
        client=client,
        kind=ACCESS_KIND_LOOKUP,
        purpose=PURPOSE_RECEPTION,
        service_date="2026-01-15",
        decision_id=f"d{at_us}",
        answered_at_us=at_us,
        hidden_days=hidden_days,
    )
    return SingleAccess(
        context=context, iin=iin, status=ELIGIBILITY_STATUS_INSURED, case_reference=case
    )


def packed(
    at_us: int,
    iins: Iterable[int],
    *,
    client: str = "polyclinic",
    hidden_days: int = 0,
    items: Sequence[PackedItem] = (),
) -> PackedAccess:
    """Return an answer about many."""
    people = list(iins)
    context = AccessContext(
        client=client,
        kind=ACCESS_KIND_BATCH,
        purpose=PURPOSE_ROSTER,
        service_date="2026-01-15",
        decision_id=f"b{at_us}",
        answered_at_us=at_us,
        hidden_days=hidden_days,
    )
    return PackedAccess(
        context=context,
        iins=pack(f"<{len(people)}Q", *people),
        statuses=bytes([ELIGIBILITY_STATUS_NOT_INSURED]) * len(people),
        items=items,
    )


class Writer:
    """A gateway that seals records."""

    def __init__(self, name: str) -> None:
        self.chain = Chain(name)
        self.sealed: list[tuple[int, bytes]] = []
        """Every record that it has written, with its number."""

    def write(
        self,
        *,
        singles: Iterable[SingleAccess] = (),
        packed: Iterable[PackedAccess] = (),
        heads: Iterable[ChainHead] = (),
        at_us: int = 0,
    ) -> list[tuple[int, bytes]]:
        """Seal one more record and return it, alone."""
        record = AccessRecord(written_at_us=at_us, singles=singles, packed=packed, heads=heads)
        sealed = self.chain.seal(record)
        self.sealed.append((self.chain.number, sealed))
        return self.sealed[-1:]


async def keep(
    store: Store, writer: Writer, records: Sequence[tuple[int, bytes]], *, ended: bool = False
) -> None:
    """Let the store take some records of a writer."""
    async with store.keeping() as connection:
        await keep_records(connection, writer.chain.writer, records, ended=ended)
