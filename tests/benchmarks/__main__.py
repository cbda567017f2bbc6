"""Measures the gateway beside its controls and prints a table; writes bench.json.

The server is pinned to one core, the load to another. Every pair of rates is measured in turns,
and the medians of the turns are shown.
"""

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
from rich.console import Console
from rich.table import Table

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from tests.benchmarks import control, data
from tests.benchmarks.server import SERVICE
from tests.postgres import running_postgres

TURNS = 5
PEOPLE = int(os.environ.get("OSMS_BENCH_PEOPLE", "20000"))
LOOKUPS = 2_000
CONSUMERS = "/osms.v1.ConsumerService/"
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    engine: str
    value: float
    unit: str
    control: float | None
    ratio: float | None
    note: str = ""


async def _lookup_rate(
    channel: grpc.aio.Channel, path: str, requests: list[bytes], concurrency: int
) -> tuple[float, list[float]]:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    times: list[float] = []
    position = iter(requests)

    async def caller() -> None:
        for request in position:
            started = time.perf_counter()
            await call(request)
            times.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(concurrency)))
    return len(times) / (time.perf_counter() - started), times


async def _stream(channel: grpc.aio.Channel, path: str, messages: Iterable[bytes]) -> float:
    """Send all messages on one stream, wait for all answers; return the seconds it took."""
    started = time.perf_counter()
    call: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(path)
    async for _ in call(iter(messages)):
        pass
    return time.perf_counter() - started


async def _lookups(channel: grpc.aio.Channel, engine: str, people: list[str]) -> list[Figure]:
    requests = [
        pb.LookupConsumerRequest(
            iin=people[number * 7919 % len(people)],
            service_date="2026-12-31",
            purpose=core_pb2.PURPOSE_RECEPTION,
        ).SerializeToString()
        for number in range(LOOKUPS)
    ]
    figures = []
    for concurrency in (1, 64):
        rates: list[float] = []
        empty: list[float] = []
        times: list[float] = []
        for _ in range(TURNS):
            rate, _ = await _lookup_rate(channel, f"/{SERVICE}/Lookup", requests, concurrency)
            empty.append(rate)
            rate, some = await _lookup_rate(
                channel, f"{CONSUMERS}LookupConsumer", requests, concurrency
            )
            rates.append(rate)
            times += some
        cuts = statistics.quantiles(times, n=100)
        note = f"p50 {cuts[49] * 1e3:.2f} ms, p99 {cuts[98] * 1e3:.2f} ms"
        figures.append(_figure(engine, f"lookup_c{concurrency}", rates, "lookups/s", empty, note))
    return figures


async def _batches(channel: grpc.aio.Channel, engine: str, people: list[str]) -> Figure:
    request = pb.BatchLookupConsumersRequest(
        options=pb.LookupOptions(service_date="2026-12-31", purpose=core_pb2.PURPOSE_ROSTER),
        items=[pb.LookupItem(iin=iin) for iin in people[:1_000]],
    ).SerializeToString()
    rates: list[float] = []
    empty: list[float] = []
    for _ in range(TURNS):
        for path, into in (
            (f"/{SERVICE}/Batch", empty),
            (f"{CONSUMERS}BatchLookupConsumers", rates),
        ):
            rate, _ = await _lookup_rate(channel, path, [request] * 20, 1)
            into.append(rate * 1_000)
    return _figure(engine, "batch_1000", rates, "answers/s", empty)


async def _ingest(
    channel: grpc.aio.Channel, engine: str, store: str, people: list[str]
) -> list[Figure]:
    figures = []
    for size, rows in ((8, 4_000), (400, 20_000), (5_000, 40_000)):
        for streams in (1, 8):
            name = f"ingest_{size}" + (f"_x{streams}" if streams > 1 else "")
            rates, raw = [], []
            for turn in range(TURNS):
                messages = data.ingest_messages(f"{name}-{turn}", people, size, rows)
                raw.append(await control.INGEST[engine](store, messages))
                started = time.perf_counter()
                parts = [messages[number::streams] for number in range(streams)]
                path = "/osms.v1.PaymentService/IngestRegisters"
                await asyncio.gather(*(_stream(channel, path, part) for part in parts))
                rates.append(size * len(messages) / (time.perf_counter() - started))
            figures.append(_figure(engine, name, rates, "rows/s", raw))
    return figures


async def _snapshots(
    channel: grpc.aio.Channel, engine: str, store: str, people: list[str]
) -> Figure:
    rates, raw = [], []
    for turn in range(TURNS):
        messages = list(data.snapshot_messages(people, f"2026-12-{turn + 1:02d}"))
        seconds = await _stream(channel, "/osms.v1.CategoryService/SyncCategories", messages)
        if turn:  # the first one is all new; later ones are unchanged
            rates.append(len(people) / seconds)
            raw.append(await control.STAGE[engine](store, people))
    return _figure(engine, "snapshot", rates, "records/s", raw, "unchanged")


def _figure(
    engine: str, name: str, values: list[float], unit: str, controls: list[float], note: str = ""
) -> Figure:
    ratio = statistics.median(v / c for v, c in zip(values, controls, strict=True))
    value, beside = statistics.median(values), statistics.median(controls)
    return Figure(name, engine, round(value, 1), unit, round(beside, 1), round(ratio, 3), note)


def _rss_mib(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def _measure(address: str, engine: str, store: str, process: int) -> list[Figure]:
    people = data.iins(PEOPLE)
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        for number, period in enumerate(data.PERIODS):
            messages = [
                data.message(f"S{number}-{start}", people[start : start + 5_000], period)
                for start in range(0, len(people), 5_000)
            ]
            await _stream(channel, "/osms.v1.PaymentService/IngestRegisters", messages)
        figures = await _lookups(channel, engine, people)
        figures.append(await _batches(channel, engine, people))
        figures += await _ingest(channel, engine, store, people)
        figures.append(await _snapshots(channel, engine, store, people))
    figures.append(Figure("rss_mib", engine, round(_rss_mib(process), 1), "MiB", None, None))
    return figures


def _show(figures: list[Figure]) -> None:
    table = Table(title=f"{PEOPLE:,} people; server on one core, load on the other")
    for heading in ("name", "engine", "value", "unit", "control", "ratio", ""):
        numeric = heading in ("value", "control", "ratio")
        table.add_column(heading, justify="right" if numeric else "left")
    for figure in figures:
        table.add_row(
            figure.name,
            figure.engine,
            f"{figure.value:,.0f}",
            figure.unit,
            "" if figure.control is None else f"{figure.control:,.0f}",
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.note,
        )
    Console().print(table)


def _run(engine: str, store: str, folder: Path) -> list[Figure]:
    """Serve a fresh store on one core and measure from the other."""
    clock = folder / "clock"
    clock.write_text("2026-12-31T12:00:00+05:00")
    osms = shutil.which("osms", path=str(Path(sys.executable).parent)) or "osms"
    init = [osms, "init", "--store", store, "--test-clock", str(clock)]
    subprocess.run(init, check=True, capture_output=True)
    cores = sorted(os.sched_getaffinity(0))
    arguments = [store, str(clock), str(cores[0])]
    command = [sys.executable, "-m", "tests.benchmarks.server", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        os.sched_setaffinity(0, {cores[-1]})
        try:
            return asyncio.run(_measure(address, engine, store, server.pid))
        finally:
            os.sched_setaffinity(0, set(cores))
            server.terminate()


def main() -> None:
    """Run all measurements, on each engine in turn."""
    figures: list[Figure] = []
    with TemporaryDirectory() as name, running_postgres(fsync=True) as postgres:
        folder = Path(name)
        stores = {
            "sqlite": str(folder / "store.db"),
            "postgresql": postgres.url(postgres.create()),
        }
        for engine in os.environ.get("OSMS_BENCH_ENGINES", "sqlite,postgresql").split(","):
            figures += _run(engine, stores[engine], folder)
    _show(figures)
    Path("bench.json").write_text(json.dumps([asdict(figure) for figure in figures], indent=1))


if __name__ == "__main__":
    main()
