"""A gateway that answers as a test tells it, over a real socket."""

import asyncio
import inspect
from collections.abc import AsyncIterable, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status  # type: ignore[import-untyped] # ships none

from osms.v1 import access_service_pb2 as access_pb
from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import consumer_service_pb2 as consumer_pb
from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as payment_pb
from osms.v1 import roster_service_pb2 as roster_pb
from osms_client import AsyncGateway, Deadlines, Gateway

IIN = "900101390002"
OTHER_IIN = "050101690002"

_SERVICES = {
    "ConsumerService": consumer_pb,
    "PaymentService": payment_pb,
    "CategoryService": category_pb,
    "RosterService": roster_pb,
    "AccessService": access_pb,
}

Behaviour = Callable[[Any, grpc.ServicerContext], Any]
"""Takes a request (or an iterator of them) and returns an answer (or an iterator of them)."""


@dataclass
class FakeGateway:
    """What it was asked, and how it answers; an RPC without a behaviour is UNIMPLEMENTED."""

    target: str = ""
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)
    deadlines_s: list[float | None] = field(default_factory=list)

    def on(self, method: str, behaviour: Behaviour) -> None:
        """Answer an RPC, named without its service, by a behaviour."""
        self.behaviours[method] = behaviour

    def answers(self, method: str, answer: Any) -> None:
        """Answer an RPC always the same."""
        self.on(method, lambda request, context: answer)

    def _run(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        self.deadlines_s.append(context.time_remaining())
        behaviour = self.behaviours.get(method)
        if behaviour is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "no behaviour")
        return behaviour(request, context)

    def unary(self, method: str) -> Behaviour:
        """Return the handler of a unary RPC."""

        def handle(request: Any, context: grpc.ServicerContext) -> Any:
            self.asked.append(request)
            return self._run(method, request, context)

        return handle

    def stream(self, method: str) -> Behaviour:
        """Return the handler of a stream."""

        def handle(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
            def noted() -> Iterator[Any]:
                for request in requests:
                    self.asked.append(request)
                    yield request

            yield from self._run(method, noted(), context)

        return handle


@contextmanager
def serving(fake: FakeGateway) -> Iterator[FakeGateway]:
    """Serve a fake gateway on a loopback port."""
    server = grpc.server(
        ThreadPoolExecutor(8),
        options=[("grpc.max_receive_message_length", 4 * 1024 * 1024)],
    )
    for name, module in _SERVICES.items():
        service = module.DESCRIPTOR.services_by_name[name]
        handlers = {}
        for rpc in service.methods:
            make = grpc.unary_unary_rpc_method_handler
            if rpc.client_streaming:
                make = grpc.stream_stream_rpc_method_handler
            elif rpc.server_streaming:
                make = grpc.unary_stream_rpc_method_handler
            handlers[rpc.name] = make(
                fake.stream(rpc.name) if rpc.client_streaming else fake.unary(rpc.name),
                request_deserializer=getattr(module, rpc.input_type.name).FromString,
                response_serializer=getattr(module, rpc.output_type.name).SerializeToString,
            )
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service.full_name, handlers),)
        )
    fake.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield fake
    finally:
        server.stop(None).wait()


@dataclass
class Sdk:
    """Either gateway, called in the same words."""

    kind: str
    target: str = ""
    deadlines: Deadlines = field(default_factory=Deadlines)

    def call(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        """Call one method; what it yields is returned as a list."""
        return self.run(lambda gateway: getattr(gateway, method)(*arguments, **keywords))

    def run(self, use: Callable[[Any], Any]) -> Any:
        """Use an open gateway once."""
        if self.kind == "async":
            return asyncio.run(self._run_async(use))
        with Gateway(self.target, deadlines=self.deadlines) as gateway:
            result = use(gateway)
            return list(result) if isinstance(result, Generator) else result

    async def _run_async(self, use: Callable[[Any], Any]) -> Any:
        async with AsyncGateway(self.target, deadlines=self.deadlines) as gateway:
            result = use(gateway)
            if isinstance(result, AsyncIterable):
                return [item async for item in result]
            return await result if inspect.isawaitable(result) else result


def abort(
    context: grpc.ServicerContext,
    code: grpc.StatusCode,
    reason: str = "",
    *,
    metadata: dict[str, str] | None = None,
    violations: dict[str, str] | None = None,
    retry_after_s: int | None = None,
    message: str = "as the test wants it",
) -> None:
    """Fail a call as the gateway does."""
    status = status_pb2.Status(code=code.value[0], message=message)
    if reason:
        info = error_details_pb2.ErrorInfo(reason=reason, domain="osms.v1", metadata=metadata or {})
        status.details.add().Pack(info)
    if violations:
        request = error_details_pb2.BadRequest()
        for path, description in violations.items():
            request.field_violations.add(field=path, description=description)
        status.details.add().Pack(request)
    if retry_after_s is not None:
        retry = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=retry_after_s))
        status.details.add().Pack(retry)
    context.abort_with_status(rpc_status.to_status(status))


def eligibility(iin: str = IIN, **changes: Any) -> core_pb2.Eligibility:
    """Return an answer with every field set."""
    answer = core_pb2.Eligibility(
        iin=iin,
        identity_match=core_pb2.IDENTITY_MATCH_MATCH,
        service_date="2025-08-10",
        status=core_pb2.ELIGIBILITY_STATUS_INSURED,
        funding_source=core_pb2.FUNDING_SOURCE_OSMS_AND_GOBMP,
        grounds=[core_pb2.GROUND_SETTLED_MONTHS],
        valid_through="2025-08-25",
        covered_through="2025-09-30",
        next_step=core_pb2.NextStep(code=core_pb2.NEXT_STEP_CODE_NONE, text="-"),
        stale_sources=["labour"],
        ruleset="2026.1",
        revision=7,
        decision_id="d-1",
        text="Insured.",
    )
    answer.decided_at.FromDatetime(datetime(2025, 8, 10, 4, tzinfo=UTC))
    answer.MergeFrom(core_pb2.Eligibility(**changes))
    return answer
