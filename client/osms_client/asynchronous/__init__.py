"""The asynchronous gateway. It belongs to the event loop in which it was opened."""

from osms_client.asynchronous.gateway import AsyncGateway
from osms_client.asynchronous.local_states import AsyncLocalStates

__all__ = ["AsyncGateway", "AsyncLocalStates"]
