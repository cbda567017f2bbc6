"""A gateway with empty RPCs beside its own, as controls.

The empty RPCs parse the same requests, but ask nothing. That for one person sends an empty message;
that for many builds an answer for each, with the fields that a real one has. Quotas are counted,
but never reached: nobody asks as often as a benchmark.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms_server import quotas
from osms_server.bootstrap import collect_rarely, running_gateway
from osms_server.console import run_command
from osms_server.quotas import QuotaClass
from osms_server.settings import Settings
from tests.benchmarks.bare import bare_lookups

SERVICE = "osms.benchmarks.Empty"

ANSWER = core_pb2.Eligibility(
    iin="900101390002",
    service_date="2026-12-31",
    status=core_pb2.ELIGIBILITY_STATUS_INSURED,
    funding_source=core_pb2.FUNDING_SOURCE_OSMS_AND_GOBMP,
    grounds=[core_pb2.GROUND_SETTLED_MONTHS],
    valid_through="2027-01-25",
    covered_through="2027-02-28",
    decision_id="0123456789abcdef-0",
    next_step=core_pb2.NextStep(code=core_pb2.NEXT_STEP_CODE_NONE),
)


MANY = 1_000_000_000
UNREACHED = QuotaClass(
    questions_per_s=MANY,
    questions_burst=MANY,
    people_per_minute=MANY,
    people_burst=MANY,
    misses=MANY,
)


async def _empty_lookup(
    request: pb.LookupConsumerRequest, context: Any
) -> pb.LookupConsumerResponse:
    return pb.LookupConsumerResponse()


async def _empty_batch(
    request: pb.BatchLookupConsumersRequest, context: Any
) -> pb.BatchLookupConsumersResponse:
    # The messages are built one by one, as a real answer's are.
    results = []
    for item in request.items:
        answer = core_pb2.Eligibility(
            iin=item.iin,
            service_date=ANSWER.service_date,
            status=ANSWER.status,
            funding_source=ANSWER.funding_source,
            grounds=ANSWER.grounds,
            valid_through=ANSWER.valid_through,
            covered_through=ANSWER.covered_through,
            decision_id=ANSWER.decision_id,
            next_step=ANSWER.next_step,
        )
        results.append(pb.LookupResult(eligibility=answer))
    return pb.BatchLookupConsumersResponse(results=results)


async def _empty_stream(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for _ in requests:
        yield b""


def _handlers() -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Lookup": grpc.unary_unary_rpc_method_handler(
                _empty_lookup,
                request_deserializer=pb.LookupConsumerRequest.FromString,
                response_serializer=pb.LookupConsumerResponse.SerializeToString,
            ),
            "Batch": grpc.unary_unary_rpc_method_handler(
                _empty_batch,
                request_deserializer=pb.BatchLookupConsumersRequest.FromString,
                response_serializer=pb.BatchLookupConsumersResponse.SerializeToString,
            ),
            "Stream": grpc.stream_stream_rpc_method_handler(_empty_stream),
        },
    )


def reach_no_quota() -> None:
    """Let this process count what is asked, and never find it too much."""
    quotas.CLASSES = dict.fromkeys(quotas.CLASSES, UNREACHED)


def _settings(store: str, folder: Path) -> Settings:
    identities = folder / "identities"
    return Settings(
        store=store,
        listen="127.0.0.1:0",
        certificate=identities / "server" / "certificate.pem",
        certificate_key=identities / "server" / "key.pem",
        client_authorities=identities / "ca.pem",
        plain_listen="127.0.0.1:0",
        plain_client="developer",
        access_log=folder / "access",
        test_clock=folder / "clock",
    )


async def _serve(settings: Settings) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with (
        bare_lookups(settings) as bare,
        running_gateway(settings, [_handlers(), bare]) as gateway,
    ):
        print(gateway.plain_address, gateway.address, flush=True)
        await stopping.wait()


if __name__ == "__main__":
    collect_rarely()
    reach_no_quota()
    given = _settings(sys.argv[1], Path(sys.argv[2]))
    run_command(_serve(given), uvloop=given.uvloop)
