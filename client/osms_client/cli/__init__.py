"""The command `osms`."""

from osms_client.cli.main import main

__all__ = ["main"]
