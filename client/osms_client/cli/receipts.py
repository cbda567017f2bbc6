"""Commands about receipts: verify one without asking, get the keys that it takes."""

from pathlib import Path
from typing import Annotated

import typer

from osms_client.cli.console import (
    DEFAULT_TARGET,
    EXIT_INCOMPLETE,
    Target,
    err,
    explain,
    gateway_at,
    print_json,
)
from osms_client.cli.main import EXIT_USAGE
from osms_client.errors import OsmsError, ReceiptKeyError
from osms_client.receipts import ReceiptKeys

receipt = typer.Typer(help="Verify receipts of answers.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(receipt, name="receipt")


@receipt.command()
def verify(
    text: Annotated[str, typer.Argument(metavar="FILE|TEXT", help="The receipt, or its file.")],
    jwks: Annotated[Path, typer.Option(help="The keys, as `osms receipt keys` prints them.")],
) -> None:
    """Verify a receipt without asking the gateway, and print what it says.

    Exit status: 0 genuine; 1 not genuine; 2 not verified, as when its key is not in FILE.
    """
    try:
        keys = ReceiptKeys(jwks.read_text(encoding="utf-8"))
        given = _content(text)
    except (ImportError, OSError, ValueError) as trouble:
        err().print(f"osms: {trouble}", markup=False)
        raise typer.Exit(EXIT_USAGE) from None
    try:
        statement = keys.verify(given)
    except OsmsError as error:
        explain(error)
        newer = isinstance(error, ReceiptKeyError)
        raise typer.Exit(EXIT_USAGE if newer else EXIT_INCOMPLETE) from None
    print_json(statement)


def _content(text: str) -> str:
    """Return the receipt; one that is in a file has its name for a text."""
    try:
        is_file = Path(text).is_file()
    except OSError:  # too long for a name
        is_file = False
    # A file of something else is no receipt, and that is what is said of it.
    return Path(text).read_text(encoding="utf-8", errors="replace") if is_file else text


@receipt.command()
def keys(target: Target = DEFAULT_TARGET) -> None:
    """Print the public keys that receipts are verified with. Keep them in a file."""
    with gateway_at(target) as gateway:
        print(gateway.receipt_keys())
