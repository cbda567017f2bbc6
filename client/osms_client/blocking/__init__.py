"""The blocking gateway. It may be used from many threads."""

from osms_client.blocking.gateway import Gateway

__all__ = ["Gateway"]
