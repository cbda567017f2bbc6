"""Telling of changes: finding whose answers changed, and the streams of those who watch."""

from osms_server.watching.teller import Teller
from osms_server.watching.watch import Watching

__all__ = ["Teller", "Watching"]
