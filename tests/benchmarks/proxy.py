"""A proxy on the core of the load: it shows the client certificate that h2load cannot show.

nghttpx, of the same makers as h2load. It takes plain HTTP/2 and speaks TLS to the gateway as one of
the development clients; or plain HTTP/2 as well, so that what it takes itself is on both sides of a
comparison.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

STARTS_IN_S = 10.0
LOOKS_EVERY_S = 0.02


class Proxy(NamedTuple):
    """A proxy that runs."""

    address: str
    """Host and port of where it takes plain HTTP/2."""
    process: int
    """Its process id."""


def program() -> str:
    """Return where nghttpx is; raise RuntimeError where there is none."""
    # A user's own path may lack the folder.
    found = shutil.which("nghttpx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise RuntimeError("nghttpx is missing: apt-get install nghttp2-proxy")
    return found


@asynccontextmanager
async def proxied(address: str, identity: Path | None = None) -> AsyncIterator[Proxy]:
    """Have a proxy before an address until the end of the context.

    ``identity`` is the folder of a client that it is to the gateway, over TLS; None: plain text.
    """
    host, _, port = address.rpartition(":")
    front = _free_port()
    backend, options = f"--backend={host},{port};;proto=h2", []
    if identity is not None:
        backend += ";tls;sni=localhost"
        options = [
            f"--client-cert-file={identity / 'certificate.pem'}",
            f"--client-private-key-file={identity / 'key.pem'}",
            f"--cacert={identity / 'authorities.pem'}",
        ]
    command = (
        *(program(), "--conf=/dev/null", "--single-process", "--workers=1", "--no-ocsp"),
        *(f"--frontend=127.0.0.1,{front};no-tls", backend, *options),
    )
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(STARTS_IN_S):
            while not await _listens(front):
                if process.returncode is not None:
                    raise RuntimeError(f"nghttpx ended with {process.returncode}")
                await asyncio.sleep(LOOKS_EVERY_S)
        yield Proxy(f"127.0.0.1:{front}", process.pid)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _free_port() -> int:
    """Return a port that was free just now: nghttpx does not tell which one it took."""
    with socket.create_server(("127.0.0.1", 0)) as some:
        return int(some.getsockname()[1])


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
