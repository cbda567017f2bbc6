"""People, registers and snapshots for the benchmarks, as wire messages made beforehand."""

from collections.abc import Iterable, Iterator
from itertools import cycle, islice

from osms.v1 import category_service_pb2, core_pb2, payment_service_pb2
from osms.values import check_digit

FIRST_STEM = 850_101_300_00
CHUNK_RECORDS = 5_000
"""How many records of a snapshot share a message."""
SERVICE_DATE = "2026-12-31"
"""The day of care in all questions."""
PERIODS = [f"2026-{month:02d}" for month in range(1, 12)]


def iins(count: int, start: int = 0) -> list[str]:
    """Return valid IINs, always the same for the same arguments."""
    found: list[str] = []
    stem = FIRST_STEM + start
    while len(found) < count:
        text = f"{stem:011d}"
        digit = check_digit(text)
        if digit is not None:
            found.append(f"{text}{digit}")
        stem += 1
    return found


def repeated(people: list[str], count: int) -> list[str]:
    """Return so many people, some again where there are not enough."""
    return list(islice(cycle(people), count))


def register(reference: str, people: list[str], period: str) -> payment_service_pb2.Register:
    """Return a register that pays one month for each of these people."""
    rows = [
        payment_service_pb2.PaymentRow(
            line_no=number,
            iin=iin,
            surname="Сейткали",
            given_name="Айгерим",
            patronymic="Маратқызы",
            birth_date="1985-01-01",
            period=period,
            amount_tiyn=425_000,
        )
        for number, iin in enumerate(people, 1)
    ]
    return payment_service_pb2.Register(
        source="state_corporation",
        reference=reference,
        received_on="2026-12-20",
        payer=core_pb2.Payer(bin="160940025485", name="Employer"),
        purpose_code="122",
        declared=payment_service_pb2.RegisterTotals(
            people=len(people), documents=1, amount_tiyn=425_000 * len(people)
        ),
        rows=rows,
    )


def message(reference: str, people: list[str], period: str) -> bytes:
    """Return a serialized message of a whole register."""
    part = register(reference, people, period)
    return payment_service_pb2.IngestRegistersRequest(register=part).SerializeToString()


def ingest_messages(
    prefix: str, people: list[str], rows_per_register: int, rows: int
) -> list[bytes]:
    """Return serialized messages of whole registers that hold so many rows together."""
    messages = []
    for number in range(max(1, rows // rows_per_register)):
        start = number * rows_per_register % max(1, len(people) - rows_per_register)
        some = people[start : start + rows_per_register]
        messages.append(message(f"{prefix}-{number}", some, PERIODS[number % len(PERIODS)]))
    return messages


def snapshot_messages(people: Iterable[str], count: int, as_of: str) -> Iterator[bytes]:
    """Yield the serialized messages of a snapshot of so many people, pensioners all of them."""
    pb = category_service_pb2
    header = pb.SyncHeader(
        sender="state_corporation",
        kind=pb.SYNC_KIND_SNAPSHOT,
        as_of=as_of,
        scope=[pb.SyncScope(source="labour", category="pension")],
        declared_records=count,
    )
    yield pb.SyncCategoriesRequest(header=header).SerializeToString()
    position = iter(people)
    while some := list(islice(position, CHUNK_RECORDS)):
        chunk = pb.SyncChunk(
            records=[
                pb.CategoryRecord(
                    iin=iin, source="labour", category="pension", assigned_on="2020-05-01"
                )
                for iin in some
            ]
        )
        yield pb.SyncCategoriesRequest(chunk=chunk).SerializeToString()
    yield pb.SyncCategoriesRequest(commit=pb.SyncCommit()).SerializeToString()
