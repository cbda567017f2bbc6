"""Entry of the command `osms`: all that must work in an install without any extra."""

import sys

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
