"""More calls than the gateway works on at a time."""

import asyncio

import grpc

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms.v1.consumer_service_pb2_grpc import ConsumerServiceStub
from osms_client.testing import RunningGateway
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
