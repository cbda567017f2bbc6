"""What happens around every call."""

from osms_server.interceptors.guards import Doorman, GuardedServer

__all__ = ["Doorman", "GuardedServer"]
