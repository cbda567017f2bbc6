"""Load by h2load, which takes a core less than a client in Python would, so that it bounds nothing.

It sends one body in all requests of a run: its ``--data`` is one file, and neither many URLs nor an
input file change that. Who is asked for differs from turn to turn. To it a refusal by gRPC is a
200 like any other, and so the bytes of the answers tell whether each was what a checked call got.
"""

import asyncio
import re
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import grpc

from tests.benchmarks.subject import OPTIONS

FLOOD_NICE = 10
_GRPC = ("-H", "content-type: application/grpc", "-H", "te: trailers")
_PREFIX = struct.Struct(">BI")
"""What stands before each message on the wire: not compressed, so many bytes."""
_REQUESTS = re.compile(r"requests: \d+ total, (\d+) started, \d+ done, (\d+) succeeded")
_RATE = re.compile(r"finished in \S+, ([\d.]+) req/s")
_DATA = re.compile(r"traffic: .* \((\d+)\) data")


class Load(NamedTuple):
    """What h2load saw."""

    rate: float
    """Answered requests a second."""
    times_s: list[float]
    """How long each answered request took."""
    offered: int
    """Requests, those included that a limit of streams kept from being sent."""
    done: int
    """Answered requests, by whatever gRPC status."""
    data_bytes: int
    """Of all answers together: messages with their prefixes, no headers."""


class Concurrency(NamedTuple):
    """How many requests are under way at a time."""

    connections: int
    streams: int
    """On each connection."""


def check_installed() -> None:
    """Raise RuntimeError where there is no h2load."""
    if shutil.which("h2load") is None:
        raise RuntimeError("h2load is missing: apt-get install nghttp2-client")


def framed(message: bytes) -> bytes:
    """Return the body that a call of gRPC sends with one message."""
    return _PREFIX.pack(0, len(message)) + message


async def answer_bytes(address: str, path: str, message: bytes) -> int:
    """Return how many bytes the body of an answer has; raise grpc.RpcError if it is a refusal."""
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
        return _PREFIX.size + len(await call(message))


async def load_rpc(
    address: str, path: str, message: bytes, concurrency: Concurrency, requests: int
) -> Load:
    """Call a unary RPC so often; raise RuntimeError unless each answer is that of a checked call.

    Raises grpc.RpcError if the checked call is refused.
    """
    expected = await answer_bytes(address, path, message)
    load = await _rpc(address, path, message, concurrency, "-n", str(requests))
    if load.done != requests or load.data_bytes != expected * requests:
        raise RuntimeError(
            f"{path}: {requests:,} answers of {expected} bytes were to come; {load.done:,} came,"
            f" of {load.data_bytes:,} bytes together"
        )
    return load


async def flood_rpc(
    address: str, path: str, message: bytes, *, rate: float, seconds: int, connections: int
) -> Load:
    """Call a unary RPC at a rate, whether answers come or not, and then go away.

    It yields its core to whoever measures there. What is not answered by the end is not done.
    """
    each = max(1, round(rate / connections))
    # As many streams as requests: none ever waits for another to end.
    concurrency = Concurrency(connections, each * seconds)
    return await _rpc(
        address, path, message, concurrency, "-D", str(seconds), "--rps", str(each), nice=FLOOD_NICE
    )


async def load_http1(url: str, connections: int, requests: int) -> Load:
    """Get a URL so often by HTTP/1.1; raise RuntimeError unless each answer is a 200."""
    load = await _h2load(Concurrency(connections, 1), "-n", str(requests), "--h1", url)
    if load.done != requests:
        raise RuntimeError(f"{load.done:,} of {requests:,} requests were answered")
    return load


async def _rpc(
    address: str,
    path: str,
    message: bytes,
    concurrency: Concurrency,
    *options: str,
    nice: int = 0,
) -> Load:
    with TemporaryDirectory() as folder:
        body = Path(folder) / "body"
        body.write_bytes(framed(message))
        url = f"http://{address}{path}"
        return await _h2load(concurrency, *options, "-d", str(body), *_GRPC, url, nice=nice)


async def _h2load(concurrency: Concurrency, *options: str, nice: int = 0) -> Load:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = (
            *("nice", "-n", str(nice)),
            *("h2load", "-c", str(concurrency.connections), "-m", str(concurrency.streams)),
            *("--log-file", str(log), *options),
        )
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise RuntimeError(f"h2load: {output.decode()}")
        return _read(output.decode(), log.read_text().splitlines())


def _read(output: str, log: Sequence[str]) -> Load:
    requests, rate, data = (pattern.search(output) for pattern in (_REQUESTS, _RATE, _DATA))
    if requests is None or rate is None or data is None:
        raise RuntimeError(f"h2load said something else:\n{output}")
    # A line: start in microseconds, HTTP status (-1: none), microseconds until the answer's end.
    rows = [line.split("\t") for line in log]
    times_s = [int(row[2]) / 1e6 for row in rows if row[1] == "200"]
    return Load(float(rate[1]), times_s, int(requests[1]), int(requests[2]), int(data[1]))
