"""More calls than the gateway works on at a time."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms.v1.consumer_service_pb2_grpc import ConsumerServiceStub
from osms_client import AsyncGateway, Purpose, Reason, RetryLaterError, States
from osms_client.testing import RunningGateway
from tests.integration.gateways import serving
from tests.integration.people import new_iin

CALLS = 300
"""Many times what a connection carries at a time, or a lane lets work."""


async def test_calls_beyond_a_connections_limit_wait_and_are_answered(
    gateway: RunningGateway,
) -> None:
    """Who asks for hundreds of people at once over one connection is answered for each of them."""
    iins = [new_iin() for _ in range(CALLS)]
    # A client that asks again by itself would hide refusals.
    options = [("grpc.enable_retries", 0)]
    async with grpc.aio.insecure_channel(gateway.target, options=options) as channel:
        stub = ConsumerServiceStub(channel)

        async def ask(iin: str) -> str:
            request = pb.LookupConsumerRequest(iin=iin, purpose=core_pb2.PURPOSE_BILLING)
            response: pb.LookupConsumerResponse = await stub.LookupConsumer(request)
            return response.eligibility.iin

        assert list(await asyncio.gather(*map(ask, iins))) == iins


async def test_calls_beyond_what_the_gateway_takes_are_refused_with_a_time_to_come_back(
    prepared_store: Path, tmp_path: Path
) -> None:
    """Watchers fill the gateway: a lookup is told when to ask again, and health still answers."""
    with serving(prepared_store, tmp_path, settings={"OSMS_CALLS_MAX": "2"}) as gateway:
        async with AsyncGateway(gateway.target) as sdk, AsyncExitStack() as stack:
            for _ in range(2):
                watcher = sdk.watch(iins=[new_iin()])
                stack.push_async_callback(watcher.aclose)
                assert isinstance(await anext(watcher), States)
            with pytest.raises(RetryLaterError) as caught:
                await sdk.lookup(new_iin(), purpose=Purpose.RECEPTION)
            assert caught.value.reason == Reason.OVERLOADED
            assert caught.value.metadata == {"lane": "all", "open_calls": "2"}
            assert caught.value.retry_after_s
            assert await is_serving(gateway.target)
        async with AsyncGateway(gateway.target) as sdk:
            # Whoever left has left room.
            async with asyncio.timeout(5):
                while not await answered(sdk):  # noqa: ASYNC110 - only asking tells
                    await asyncio.sleep(0.02)


async def is_serving(target: str) -> bool:
    """Return what health says."""
    async with grpc.aio.insecure_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        response = await stub.Check(health_pb2.HealthCheckRequest())
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)


async def answered(sdk: AsyncGateway) -> bool:
    """Return whether a lookup is answered."""
    try:
        await sdk.lookup(new_iin(), purpose=Purpose.RECEPTION)
    except RetryLaterError:
        return False
    return True
