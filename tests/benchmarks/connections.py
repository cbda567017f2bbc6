"""Many clients that are connected and ask nothing; a process of its own.

They speak so much of HTTP/2 that the gateway takes each for a client: greetings, and settings in
both directions. The process keeps them open until its input ends.
"""

import asyncio
import resource
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADER = struct.Struct(">BHBBI")
"""Of a frame: length (8 and 16 bits), type, flags, stream."""
_SETTINGS, _ACKNOWLEDGED = 4, 1
AT_A_TIME = 50
READY = b"ready\n"


@asynccontextmanager
async def idle_connections(address: str, count: int) -> AsyncIterator[None]:
    """Have so many idle connections until the end of the context.

    Raises RuntimeError if the gateway does not take them, or lets one go.
    """
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, address, str(count)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    try:
        if await program.stdout.readline() != READY:
            raise RuntimeError(f"the gateway did not take {count:,} connections")
        yield
        await program.communicate(b"")  # ends its input
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    if program.returncode:
        raise RuntimeError("the gateway let an idle connection go")


def raise_file_limit() -> None:
    """Let this process, and what it starts, have as many files open as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _connect(
    address: str, turn: asyncio.Semaphore
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = address.rpartition(":")
    async with turn:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(PREFACE + _HEADER.pack(0, 0, _SETTINGS, 0, 0))
        acknowledged = False
        while not acknowledged:
            high, low, kind, flags, _ = _HEADER.unpack(await reader.readexactly(_HEADER.size))
            await reader.readexactly(high << 16 | low)
            acknowledged = kind == _SETTINGS and bool(flags & _ACKNOWLEDGED)
        writer.write(_HEADER.pack(0, 0, _SETTINGS, _ACKNOWLEDGED, 0))
        await writer.drain()
    return reader, writer


async def _main(address: str, count: str) -> None:
    raise_file_limit()
    turn = asyncio.Semaphore(AT_A_TIME)
    connections = await asyncio.gather(*(_connect(address, turn) for _ in range(int(count))))
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    if any(reader.at_eof() for reader, _ in connections):
        sys.exit("a connection was ended")


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
