"""A port that several processes listen on, and how one of them leaves it and loses no caller.

Linux gives each new connection to one of the listeners, and resets those that wait for one that
closes. gRPC neither takes sockets from others nor shows its own, so they are looked up here.
"""

import asyncio
import ctypes
import os
import socket
import stat
import struct
from contextlib import ExitStack

SETTLE_S = 0.1
"""In this time a connection that has begun is complete."""

_SO_ATTACH_FILTER = 26
_WITHOUT_BEGINNINGS = (
    (0x30, 0, 0, 13),  # the flags of TCP
    (0x54, 0, 0, 0x12),  # SYN and ACK of them
    (0x15, 0, 1, 0x02),  # SYN alone begins a connection,
    (0x06, 0, 0, 0),  # and is dropped;
    (0x06, 0, 0, 0xFFFF_FFFF),  # all else is taken whole
)
"""A packet filter of Linux (sock_filter: code, jump if true, jump if false, operand)."""

_WAITING_AT = 24
"""Where TCP_INFO tells of a listener how many connections wait (tcpi_unacked)."""


def hold(host: str, port: int) -> socket.socket:
    """Return a socket that keeps a port for processes that share it, and takes no connection.

    Port 0 takes a free one. Raises OSError if somebody else has the port.
    """
    family, kind, _, _, address = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM
    )[0]
    held = socket.socket(family, kind)
    # What is left of connections of the past is no other user of the port.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind(address)
    except OSError as exc:
        held.close()
        raise OSError(f"Cannot listen on {host}:{port}: is the port taken?") from exc
    # Only now: with this, bind would have shared the port of another who shares.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return held


async def leave(port: int) -> None:
    """Take no new connection on a port that others listen on too; those that are there live on.

    A connection that begins within SETTLE_S may take a second longer: its client has to begin it
    again, and then another listener gets it.
    """
    filters = ctypes.create_string_buffer(
        b"".join(struct.pack("HBBI", *step) for step in _WITHOUT_BEGINNINGS)
    )
    program = struct.pack("HP", len(_WITHOUT_BEGINNINGS), ctypes.addressof(filters))
    with ExitStack() as stack:
        listeners = [own for own in _own_sockets(stack, port) if _listens(own)]
        for listener in listeners:
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        await asyncio.sleep(SETTLE_S)
        while any(map(_keeps_waiting, listeners)):  # noqa: ASYNC110 - only the kernel knows
            await asyncio.sleep(SETTLE_S)
        for listener in listeners:
            listener.shutdown(socket.SHUT_RDWR)


def has_connections(port: int) -> bool:
    """Tell whether this process has connections on a port."""
    with ExitStack() as stack:
        return any(_is_connected(own) for own in _own_sockets(stack, port))


def _own_sockets(stack: ExitStack, port: int) -> list[socket.socket]:
    """Return this process's sockets on a port, as duplicates that the stack closes."""
    found = []
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            # Of another kind of file no duplicate is made: closing one would drop a store's locks.
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            own = stack.enter_context(socket.fromfd(number, socket.AF_INET, socket.SOCK_STREAM))
            domain = own.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)
            if domain in (socket.AF_INET, socket.AF_INET6) and own.getsockname()[1] == port:
                found.append(own)
        except OSError:  # closed by now
            continue
    return found


def _listens(own: socket.socket) -> bool:
    return bool(own.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _keeps_waiting(listener: socket.socket) -> bool:
    """Tell whether connections wait to be accepted."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _WAITING_AT + 4)
    (waiting,) = struct.unpack_from("I", info, _WAITING_AT)
    return bool(waiting)


def _is_connected(own: socket.socket) -> bool:
    try:
        own.getpeername()
    except OSError:
        return False
    return True
