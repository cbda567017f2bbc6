"""The asynchronous gateway. It belongs to the event loop in which it was opened."""

from osms_client.asynchronous.gateway import AsyncGateway

__all__ = ["AsyncGateway"]
