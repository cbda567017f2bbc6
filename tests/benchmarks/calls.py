"""Calls of the gateway with messages that were serialized beforehand."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable

import grpc

from osms.v1 import category_service_pb2, consumer_service_pb2, core_pb2, payment_service_pb2
from tests.benchmarks.data import SERVICE_DATE

LOOKUP = "/osms.v1.ConsumerService/LookupConsumer"
BATCH = "/osms.v1.ConsumerService/BatchLookupConsumers"
STREAM = "/osms.v1.ConsumerService/StreamLookupConsumers"
_INGEST = "/osms.v1.PaymentService/IngestRegisters"
_SYNC = "/osms.v1.CategoryService/SyncCategories"


def lookup_message(iin: str) -> bytes:
    """Return the serialized question of a clinic's reception."""
    return consumer_service_pb2.LookupConsumerRequest(
        iin=iin, service_date=SERVICE_DATE, purpose=core_pb2.PURPOSE_RECEPTION
    ).SerializeToString()


async def ask(
    channel: grpc.aio.Channel, path: str, requests: list[bytes], concurrency: int
) -> tuple[float, list[float]]:
    """Ask so many requests at a time; return their rate a second and the seconds of each."""
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    times_s: list[float] = []
    position = iter(requests)

    async def caller() -> None:
        for request in position:
            started = time.perf_counter()
            await call(request)
            times_s.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(concurrency)))
    return len(times_s) / (time.perf_counter() - started), times_s


async def ingest(channel: grpc.aio.Channel, messages: Iterable[bytes]) -> AsyncGenerator[int, None]:
    """Send registers on one stream; yield how many rows each has once it is committed."""
    call: grpc.aio.StreamStreamMultiCallable[bytes, payment_service_pb2.IngestRegistersResponse] = (
        channel.stream_stream(
            _INGEST, response_deserializer=payment_service_pb2.IngestRegistersResponse.FromString
        )
    )
    async for response in call(iter(messages)):
        result = response.result
        if result.outcome != payment_service_pb2.REGISTER_OUTCOME_COMMITTED:
            raise RuntimeError(f"a register was not committed:\n{result}")
        yield result.accepted.rows


async def ingest_all(channel: grpc.aio.Channel, messages: Iterable[bytes]) -> int:
    """Send registers on one stream; return how many rows were committed."""
    return sum([rows async for rows in ingest(channel, messages)])


async def sync(
    channel: grpc.aio.Channel, messages: Iterable[bytes]
) -> category_service_pb2.SyncResult:
    """Send one sync; return its result once it is applied."""
    call: grpc.aio.StreamStreamMultiCallable[bytes, category_service_pb2.SyncCategoriesResponse] = (
        channel.stream_stream(
            _SYNC, response_deserializer=category_service_pb2.SyncCategoriesResponse.FromString
        )
    )
    result = category_service_pb2.SyncResult()
    async for response in call(iter(messages)):
        result = response.result
    if result.outcome != category_service_pb2.SYNC_OUTCOME_APPLIED:
        raise RuntimeError(f"a sync was not applied:\n{result}")
    return result
