"""What happens around every call."""

from osms_server.interceptors.errors import GuardedServer

__all__ = ["GuardedServer"]
