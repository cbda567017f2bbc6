"""Lookups without parts of what keeps them safe, as controls beside the contract.

The servicer is the gateway's own, over the same store and in the same process. Its calls pass the
same guard against errors as those of the contract, but nobody asks who calls, unless it is the
second control, and nothing is written down.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from osms.v1 import consumer_service_pb2 as pb
from osms_server.access.recorder import Recorder
from osms_server.admission import Gate, Lanes
from osms_server.bootstrap import open_store
from osms_server.identity import acting_from_now_on
from osms_server.identity.clients import Clients
from osms_server.identity.identification import Identification
from osms_server.inquiry import Inquiry
from osms_server.interceptors import Doorman
from osms_server.law import Laws
from osms_server.meter import Meter
from osms_server.receipts import Receipts
from osms_server.services import ConsumerServicer
from osms_server.settings import Settings
from osms_storage.store import Store
from tests.callers import CLINIC, Forgetful

SERVICE = "osms.benchmarks.Bare"
BARE, UNWRITTEN = f"/{SERVICE}/Lookup", f"/{SERVICE}/LookupUnwritten"
"""Without everything; and without the access log alone."""
_LOOKUP = "osms.v1.ConsumerService/LookupConsumer"


class SilentRecorder(Recorder):
    """Makes no entries."""

    async def one(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    async def many(self, *_: Any, **__: Any) -> None:
        """Do nothing."""


class _Unmetered(Meter):
    """Counts nothing."""

    def single(self, purpose: int) -> None:
        """Let everybody ask."""

    def note(self, misses: int, asked: int) -> None:
        """Forget it."""


def servicer(
    store: Store, settings: Settings, recorder: Recorder, meter: Meter
) -> ConsumerServicer:
    """Return a servicer of its own over a store."""
    laws, lanes = Laws(store), Lanes(settings)
    lanes.meter = meter
    inquiry = Inquiry(store, laws)
    receipts = Receipts(None, inquiry, store.clock)
    return ConsumerServicer(store, laws, inquiry, lanes, settings, receipts, recorder)


@asynccontextmanager
async def bare_lookups(settings: Settings) -> AsyncIterator[grpc.GenericRpcHandler]:
    """Return what answers the controls until the end of the context."""
    async with open_store(settings) as store:
        silent = SilentRecorder(Forgetful(), store.clock)
        bare = servicer(store, settings, silent, _Unmetered(settings.workers))
        unwritten = servicer(store, settings, silent, Meter(settings.workers))
        identification = Identification(Clients(store), None, settings.plain_client)
        doorman = Doorman(identification, Gate(settings.calls_max))

        async def look_up(request: pb.LookupConsumerRequest, context: Any) -> Any:
            acting_from_now_on(CLINIC)
            return await bare.LookupConsumer(request, context)

        async def look_up_unwritten(request: pb.LookupConsumerRequest, context: Any) -> Any:
            with await doorman.enter(_LOOKUP, context):
                return await unwritten.LookupConsumer(request, context)

        yield grpc.method_handlers_generic_handler(
            SERVICE, {"Lookup": _unary(look_up), "LookupUnwritten": _unary(look_up_unwritten)}
        )


def _unary(behavior: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        behavior,
        request_deserializer=pb.LookupConsumerRequest.FromString,
        response_serializer=pb.LookupConsumerResponse.SerializeToString,
    )
