"""The only place where the parts of the server are put together."""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection, reflection_pb2

from osms.v1 import (
    access_service_pb2,
    access_service_pb2_grpc,
    category_service_pb2,
    category_service_pb2_grpc,
    consumer_service_pb2,
    consumer_service_pb2_grpc,
    payment_service_pb2,
    payment_service_pb2_grpc,
    roster_service_pb2,
    roster_service_pb2_grpc,
)
from osms_server import logs
from osms_server.access.recorder import Recorder, recording
from osms_server.admission import Gate, Lanes
from osms_server.doors import Door, doors_of
from osms_server.identity.clients import Clients
from osms_server.identity.identification import Identification
from osms_server.identity.tokens import Tokens
from osms_server.inquiry import Inquiry
from osms_server.interceptors import Doorman, GuardedServer
from osms_server.keys import SigningKeys
from osms_server.law import Laws
from osms_server.receipts import Receipts
from osms_server.services import (
    AccessServicer,
    CategoryServicer,
    ConsumerServicer,
    PaymentServicer,
    RosterServicer,
)
from osms_server.settings import Settings
from osms_server.transport import transport_options
from osms_server.watching import Teller
from osms_storage.clock import file_clock, system_clock
from osms_storage.errors import StoreError, StoreUnavailableError
from osms_storage.migrations import check_schema
from osms_storage.private_files import others_may_read
from osms_storage.store import Store, newest_revision
from osms_storage.urls import store_file

_log = logs.logger(__name__)

HEALTH_CHECK_EVERY_S = 1.0

COLLECTOR_THRESHOLDS = (50_000, 20, 100)
"""How many new objects, and collections of a younger generation, bring about a collection."""

REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"

SERVICES = tuple(
    module.DESCRIPTOR.services_by_name[name].full_name
    for module, name in (
        (consumer_service_pb2, "ConsumerService"),
        (payment_service_pb2, "PaymentService"),
        (category_service_pb2, "CategoryService"),
        (roster_service_pb2, "RosterService"),
        (access_service_pb2, "AccessService"),
    )
)


def open_store(settings: Settings, *, standby_age_max_s: float = 0.0) -> Store:
    """Return the store of these settings, with their clock; a gateway may read standbys, too.

    Raises FileNotFoundError for a file that is not there: opening it would make an empty one.
    """
    file = store_file(settings.store)
    if file is not None and not file.exists():
        raise FileNotFoundError(f"There is no store {file}: `osms init` makes one.")
    clock = file_clock(settings.test_clock) if settings.test_clock else system_clock
    return Store(settings.store, clock=clock, standby_age_max_s=standby_age_max_s)


def access_folder(settings: Settings) -> Path:
    """Return where a gateway writes its access log before answers leave."""
    if settings.access_log is not None:
        return settings.access_log
    file = store_file(settings.store)
    return Path("osms-access") if file is None else file.with_name(f"{file.name}-access")


def warn_of_readers(settings: Settings) -> None:
    """Log that others may read the file of the store; to be called once by a start.

    It is no reason not to serve: a mode that somebody changed at night must not keep clinics from
    their answers, and some give a group the right to read on purpose.
    """
    file = store_file(settings.store)
    if file is not None and file.exists() and others_may_read(file):
        _log.warning("others may read the store", file=str(file), mend=f"chmod 600 {file}*")


@dataclass(frozen=True, slots=True)
class Gateway:
    """A server that listens."""

    server: grpc.aio.Server
    address: str
    """Host and port."""
    plain_address: str = ""
    """Host and port of the second door, without TLS; empty: there is none."""


@asynccontextmanager
async def running_gateway(
    settings: Settings, extra_handlers: "Sequence[grpc.GenericRpcHandler]" = ()
) -> AsyncIterator[Gateway]:
    """Serve until the end of the context, then let calls in flight finish.

    ``extra_handlers`` are served beside the contract, as the controls of the benchmarks are.

    Raises SchemaMismatchError if the store's schema is not this release's, OSError if an address
    cannot be listened on or a file not be read, ValueError if plain text would be spoken beyond
    this machine, nobody could call, the store was never filled, or the keys cannot be used.
    """
    doors = doors_of(settings)
    age_max_s = settings.standby_age_max_s
    async with open_store(settings, standby_age_max_s=age_max_s) as store:
        store.clock()  # a test clock that cannot be read stops the start
        await _check_schema_if_reachable(store)
        async with (
            recording(store, access_folder(settings)) as recorder,
            _serving(settings, doors, store, recorder, extra_handlers) as gateway,
        ):
            yield gateway


@asynccontextmanager
async def _serving(
    settings: Settings,
    doors: Sequence[Door],
    store: Store,
    recorder: Recorder,
    extra_handlers: "Sequence[grpc.GenericRpcHandler]",
) -> AsyncIterator[Gateway]:
    stopping = asyncio.Event()
    # No maximum_concurrent_rpcs: gRPC counts calls whose message never comes, and would answer
    # nobody beyond it, in no words. What a client may open is limited by connection instead.
    server = grpc.aio.server(options=transport_options(settings))
    clients = Clients(store)
    with suppress(StoreUnavailableError):
        await clients.find("")  # so that the first call does not wait to be known
    doorman = Doorman(_identification(clients, settings), Gate(settings.calls_max))
    # It stands in for the server where handlers are registered.
    guards = GuardedServer(server, stopping, doorman, settings.stream_silence_s)
    guarded = cast(grpc.aio.Server, guards)
    health_servicer = _register(guarded, store, settings, stopping, recorder)
    guarded.add_generic_rpc_handlers(tuple(extra_handlers))
    addresses = [door.open(server) for door in doors]
    # Before the first call: none may hear that a service of the contract is not there.
    await _check_health(store, health_servicer)
    await server.start()
    watch = asyncio.create_task(_watch_health(store, health_servicer, stopping))
    telling = _begin_to_tell(store, settings)
    try:
        yield Gateway(server, *addresses)
    finally:
        telling.cancel()
        stopping.set()
        await health_servicer.enter_graceful_shutdown()
        await server.stop(settings.shutdown_grace_s)
        # A check that is cut off would leave its connection open.
        await asyncio.wait([watch], timeout=HEALTH_CHECK_EVERY_S)
        watch.cancel()


async def _check_schema_if_reachable(store: Store) -> None:
    """Refuse a store of another schema, and a broken file.

    A database that is away does not stop the start: health says NOT_SERVING until it is back.
    """
    try:
        await check_schema(store)
        async with store.reading(newest=True) as connection:
            revision, _ = await newest_revision(connection)
    except StoreUnavailableError:
        if not store.remote:
            raise
        _log.warning("store is away")
    else:
        if not revision:
            raise ValueError("The store has no reference data yet: `osms init` brings it in.")


def _identification(clients: Clients, settings: Settings) -> Identification:
    tokens = None
    if settings.token_keys is not None:
        tokens = Tokens(settings.token_keys, settings.token_audience)
    return Identification(clients, tokens, settings.plain_client)


def _register(
    server: grpc.aio.Server,
    store: Store,
    settings: Settings,
    stopping: asyncio.Event,
    recorder: Recorder,
) -> health.HealthServicer:
    laws = Laws(store)
    # One for all: it holds the one connection that present lookups share.
    inquiry = Inquiry(store, laws, stopping)
    lanes = Lanes(settings)
    keys = SigningKeys(settings.keys) if settings.keys else None
    receipts = Receipts(keys, inquiry, store.clock)
    consumer_service_pb2_grpc.add_ConsumerServiceServicer_to_server(
        ConsumerServicer(store, laws, inquiry, lanes, settings, receipts, recorder), server
    )
    payment_service_pb2_grpc.add_PaymentServiceServicer_to_server(
        PaymentServicer(store, laws, settings, recorder, lanes.meter), server
    )
    categories = CategoryServicer(store, laws, inquiry, settings, recorder, lanes.meter)
    category_service_pb2_grpc.add_CategoryServiceServicer_to_server(categories, server)
    roster_service_pb2_grpc.add_RosterServiceServicer_to_server(
        RosterServicer(store, laws, inquiry, lanes, settings, recorder), server
    )
    access_service_pb2_grpc.add_AccessServiceServicer_to_server(
        AccessServicer(store, lanes, recorder), server
    )
    # What a gateway left that was killed.
    categories.begin_sweep()
    health_servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    names = (*SERVICES, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name)
    _enable_reflection(server, (*names, reflection.SERVICE_NAME, REFLECTION_V1))
    return health_servicer


def _enable_reflection(server: grpc.aio.Server, names: tuple[str, ...]) -> None:
    """Serve reflection in both versions: their messages are the same but for the package."""
    servicer = reflection.aio.ReflectionServicer(names)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for version in (reflection.SERVICE_NAME, REFLECTION_V1):
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(version, {"ServerReflectionInfo": handler}),)
        )


def _begin_to_tell(store: Store, settings: Settings) -> "asyncio.Future[None]":
    """Begin to find out whose answers change, if this gateway does."""
    if not settings.tell_changes:
        return asyncio.get_running_loop().create_future()
    return asyncio.create_task(Teller(store, looks_every_s=settings.tell_every_s).run())


async def _watch_health(
    store: Store, servicer: health.HealthServicer, stopping: asyncio.Event
) -> None:
    """Keep health at what the store can do, until the server stops."""
    while not stopping.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), HEALTH_CHECK_EVERY_S)
            return
        await _check_health(store, servicer)


async def _check_health(store: Store, servicer: health.HealthServicer) -> None:
    """Let health say what the store can do now: a store that cannot be read answers nobody."""
    status = health_pb2.HealthCheckResponse.SERVING
    try:
        await check_schema(store)
    except Exception as exc:
        status = health_pb2.HealthCheckResponse.NOT_SERVING
        if not isinstance(exc, StoreError):
            _log.error("health check", places=logs.places(exc))
    for name in ("", *SERVICES):
        await servicer.set(name, status)


def _log_unhandled(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log where an error came from that nobody took; its text may quote people.

    So may the message: of a callback it shows the arguments.
    """
    exc, (what, *_) = context.get("exception"), context["message"].split("(")
    _log.error("unhandled", places=logs.places(exc) if exc else [], what=what)


def collect_rarely() -> None:
    """Look for cycles of garbage less often than Python does by itself.

    Rows that wait for their commit are no garbage, and looking through them again and again took
    two fifths of the time of taking registers. To be called once by a process that serves.
    """
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def begin_serving() -> asyncio.Event:
    """Make this process one that serves; return what SIGTERM and SIGINT set."""
    logs.configure()
    collect_rarely()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_unhandled)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


def announce(address: str, plain_address: str) -> None:
    """Print that calls are taken, and where."""
    if plain_address:
        sys.stdout.write(f"osms: plain text on {plain_address}\n")
    sys.stdout.write(f"osms: serving on {address}\n")
    sys.stdout.flush()


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; print the address once calls are taken."""
    stopping = begin_serving()
    warn_of_readers(settings)
    async with running_gateway(settings) as gateway:
        announce(gateway.address, gateway.plain_address)
        await stopping.wait()
