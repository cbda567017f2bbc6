"""The ports of a gateway: where it speaks TLS, and where plain text."""

from dataclasses import dataclass
from ipaddress import ip_address

import grpc

from osms_server.identity.certificates import ServerFiles, server_credentials
from osms_server.settings import Settings


@dataclass(frozen=True, slots=True)
class Door:
    """A port that is to be listened on."""

    address: str
    """Host and port; port 0 takes a free one."""
    files: ServerFiles | None
    """What TLS is spoken with; None: plain text is."""

    def open(self, server: grpc.aio.Server) -> str:
        """Listen, and return host and port.

        Raises OSError if the port is taken or a file cannot be read, ValueError if the files do
        not belong together.
        """
        try:
            if self.files is None:
                port = server.add_insecure_port(self.address)
            else:
                port = server.add_secure_port(self.address, server_credentials(self.files))
        except RuntimeError as exc:
            raise OSError(f"Cannot listen on {self.address}: is the port taken?") from exc
        return f"{self.host}:{port}"

    @property
    def host(self) -> str:
        """Where it listens."""
        return self.address.rpartition(":")[0]


def doors_of(settings: Settings) -> list[Door]:
    """Return the ports of a gateway, the one that clients are told first.

    Raises ValueError if plain text would be spoken beyond this machine, a clock be moved from
    beyond it, or nobody could call.
    """
    files = None
    if settings.certificate and settings.certificate_key and settings.client_authorities:
        files = ServerFiles(
            settings.certificate, settings.certificate_key, settings.client_authorities
        )
    doors = [Door(settings.listen, files)]
    if settings.plain_listen:
        doors.append(Door(settings.plain_listen, None))
    for door in doors:
        if door.files is None and not _loopback(door.host):
            raise ValueError(
                f"Plain text is spoken on loopback only, not on {door.host}: give a certificate,"
                " its key, and the authorities of clients."
            )
        if settings.test_clock and not _loopback(door.host):
            raise ValueError(f"A test clock is for loopback only, not for {door.host}.")
    plain = any(door.files is None for door in doors)
    if plain and settings.token_keys is None and not settings.plain_client:
        raise ValueError(
            "Nobody could call without TLS: give a certificate, its key, and the authorities of"
            " clients; or token_keys; or, for development, plain_client."
        )
    return doors


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
