"""Who calls, and what that client may do."""

from osms_server.identity.callers import Caller, Role, acting_as, current_caller

__all__ = ["Caller", "Role", "acting_as", "current_caller"]
