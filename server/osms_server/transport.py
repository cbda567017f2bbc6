"""What a connection may hold and how long it may last, in the words of gRPC's core.

Where a client is slow, silent or gone, the core alone sees it: what it began ends by these.
"""

from osms_server.settings import Settings

PING_INTERVAL_MIN_MS = 60_000
"""Clients that ping more often are sent away."""


def transport_options(settings: Settings) -> list[tuple[str, int]]:
    """Return what gRPC is to allow a connection, and how connections come and go."""
    alone = settings.workers == 1
    age_s = settings.connection_grace_s if alone else settings.connection_age_s
    limits = {
        "grpc.max_receive_message_length": settings.message_bytes_max,
        "grpc.max_send_message_length": settings.message_bytes_max,
        # Between the two gRPC refuses some at random.
        "grpc.max_metadata_size": settings.header_bytes_max,
        "grpc.absolute_max_metadata_size": settings.header_bytes_max,
        "grpc.max_concurrent_streams": settings.streams_max,
        "grpc.max_allowed_incoming_connections": settings.connections_max,
        # Counts calls that are answered but not yet forgotten, and refuses others for them.
        "grpc.http.overload_protection": 0,
        # Idle clients may keep their connection open through a proxy.
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.min_ping_interval_without_data_ms": PING_INTERVAL_MIN_MS,
        # Alone, a second server on the same port must fail, not share it by accident.
        "grpc.so_reuseport": 0 if alone else 1,
    }
    times_s = {
        "grpc.server_handshake_timeout_ms": settings.handshake_s,
        "grpc.keepalive_time_ms": settings.ping_after_s,
        "grpc.keepalive_timeout_ms": settings.ping_after_s,
        # It counts, the other alone does nothing: its default is a minute, and longer wins.
        "grpc.http2.ping_timeout_ms": settings.ping_after_s,
        "grpc.max_connection_age_ms": age_s,
        "grpc.max_connection_age_grace_ms": settings.connection_grace_s,
    }
    return [*limits.items(), *((name, round(time_s * 1000)) for name, time_s in times_s.items())]
