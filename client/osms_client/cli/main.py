"""Entry of the command `osms`: all that must work in an install without any extra."""

import os
import sys

CORE_LOG = "GRPC_VERBOSITY"
"""What gRPC's core logs by itself, in a process that serves nothing: it would quote its clients."""
EXIT_USAGE = 2
SERVER_COMMANDS = (
    "init",
    "migrate",
    "serve",
    "verify",
    "rebuild",
    "reconcile",
    "backup",
    "restore",
    "client",
    "keys",
    "archive",
)
"""What to answer for when the extra `server` is not installed."""

_NEEDED = frozenset({"typer", "rich"})


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["serve"] and CORE_LOG not in os.environ and os.name == "posix":
        # The core reads it when it is loaded, which the SDK has done by now: begin again.
        os.environ[CORE_LOG] = "NONE"
        os.execv(sys.executable, sys.orig_argv)
    try:
        from osms_client.cli.app import build
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _NEEDED:
            raise
        command = sys.argv[1] if len(sys.argv) > 1 else ""
        if command in SERVER_COMMANDS:
            hint = install_hint(f"osms {command}", "server", missing)
        else:
            hint = install_hint("osms", "files", missing)
        print(hint, file=sys.stderr)
        sys.exit(EXIT_USAGE)
    build(sys.argv[1:])()


def install_hint(command: str, extra: str, missing: ImportError) -> str:
    """Return the sentence that says which extra a command needs."""
    return (
        f"{command} needs more than is installed ({missing}): pip install 'osms-gateway[{extra}]'"
    )
