"""Who calls, and what that client may do."""

from osms_server.identity.callers import (
    Caller,
    Role,
    acting_as,
    acting_from_now_on,
    current_caller,
)

__all__ = ["Caller", "Role", "acting_as", "acting_from_now_on", "current_caller"]
