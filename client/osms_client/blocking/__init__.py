"""The blocking gateway. It may be used from many threads."""

from osms_client.blocking.gateway import Gateway
from osms_client.blocking.local_states import LocalStates

__all__ = ["Gateway", "LocalStates"]
