"""How the gateway is reached: address, limits, deadlines, retries."""

import json
from dataclasses import dataclass, fields
from ipaddress import ip_address

import grpc

ANSWER_BYTES_MAX = 67_108_864
"""Largest answer taken: 10,000 answers, or a month ledger with very many payments."""

KEEPALIVE_MS = 300_000
"""Pings find a dead connection under a quiet stream; oftener, servers hang up by default."""

RECONNECT_MS_MAX = 3_000
"""A gateway that is back is found in this time: left alone, gRPC tries every two minutes."""

_IDEMPOTENT = {
    "osms.v1.ConsumerService": ("LookupConsumer", "BatchLookupConsumers", "ExplainConsumer"),
    "osms.v1.PaymentService": (
        "GetRegister",
        "ListRegisters",
        "ListSuspense",
        "ResolveSuspense",
        "ReversePayments",
        "ListPayments",
    ),
    "osms.v1.CategoryService": ("ListSources", "ListCategories", "ListAssignments"),
    "osms.v1.RosterService": ("GetRosterReport", "ListRosterMembers"),
    "osms.v1.AccessService": ("ListAccesses",),
}
"""Unary calls that may be sent twice. A stream is not: its caller decides where to go on."""

SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            {
                "name": [
                    {"service": service, "method": method}
                    for service, methods in _IDEMPOTENT.items()
                    for method in methods
                ],
                "waitForReady": False,
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)
"""gRPC itself retries what may be retried; after that the caller gets RetryLaterError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long to wait for an answer, in seconds, where a call does not say otherwise."""

    call_s: float = 10.0
    """A question about one person, a page of a list."""

    batch_s: float = 60.0
    """A batch of questions, a month ledger, a roster, lines to resolve or to reverse."""

    stream_silence_s: float = 120.0
    """A stream of lookups or registers may last for ever, but its server may not fall silent for
    longer than this while something is unanswered."""

    sync_silence_s: float = 1_800.0
    """The same for a sync of categories or of a roster: a snapshot of millions is applied at its
    commit."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 < getattr(self, field.name) <= 86_400:
                raise ValueError(f"{field.name} must be above 0 and at most 86,400 seconds")


def channel_options(target: str, *, secure: bool) -> list[tuple[str, str | int]]:
    """Return the options of a channel; raise ValueError for plain text beyond this machine."""
    if "://" in target and target.lower().startswith(("http:", "https:", "grpc:", "grpcs:")):
        raise ValueError(f"{target}: give host:port")
    options: list[tuple[str, str | int]] = [
        ("grpc.service_config", SERVICE_CONFIG),
        ("grpc.enable_retries", 1),
        ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.max_reconnect_backoff_ms", RECONNECT_MS_MAX),
    ]
    local = is_loopback(target)
    if not secure and not local:
        raise ValueError(f"{target}: personal data leaves this machine only with credentials")
    if local:
        options.append(("grpc.enable_http_proxy", 0))  # a proxy cannot reach our loopback
    return options


def is_loopback(target: str) -> bool:
    """Tell whether a target is on this machine: a literal address, ``localhost``, or a socket.

    >>> [is_loopback(t) for t in ("127.0.0.1:50051", "ipv6:[::1]:1", "unix:/run/x", "osms.kz:443")]
    [True, True, True, False]
    >>> is_loopback("127.0.0.1.example.com:50051")
    False
    """
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    for scheme in ("dns:", "ipv4:", "ipv6:"):
        if target.startswith(scheme):
            # Only an empty authority: a DNS server named there may send localhost anywhere.
            target = target.removeprefix(scheme).removeprefix("///")
            break
    return all(_is_loopback_address(address) for address in target.split(","))


def _is_loopback_address(address: str) -> bool:
    host, port = address, ""
    if address.startswith("["):
        host, _, port = address.removeprefix("[").partition("]")
        if port and not port.startswith(":"):
            return False
        port = port.removeprefix(":")
    elif address.count(":") == 1:
        host, _, port = address.partition(":")
    if port and not (port.isascii() and port.isdigit()):
        return False
    if host == "localhost":
        return True
    try:
        return "%" not in host and ip_address(host).is_loopback
    except ValueError:
        return False  # a name, whatever it begins with


Options = list[tuple[str, str | int]]
Credentials = grpc.ChannelCredentials | None
"""See osms_client.credentials; None: plain text without a name, on this machine only."""
