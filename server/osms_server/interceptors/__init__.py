"""What happens around every call."""

from osms_server.interceptors.guards import GuardedServer

__all__ = ["GuardedServer"]
