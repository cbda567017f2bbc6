"""Commands that look after the folder of keys: rotate, publish."""

from pathlib import Path
from typing import Annotated

import typer

from osms.receipts import write_keys
from osms_server import keys
from osms_server.console import console, in_words, settings_of

KeysOption = Annotated[
    Path | None, typer.Option("--keys", help="The folder of the keys. [OSMS_KEYS]")
]

commands = typer.Typer(help="Look after the keys that receipts are signed with.")


@commands.command()
def rotate(folder: KeysOption = None) -> None:
    """Sign with a new key from now on; the first time, make the folder.

    Of the key before only its public part stays, and what it signed stays valid. A gateway that
    serves notices by itself. Back up the folder: nobody can make its keys again.
    """
    with in_words():
        console.print(f"Receipts are signed with key {keys.rotate(_folder(folder))} from now on.")


@commands.command()
def publish(
    folder: KeysOption = None,
    out: Annotated[Path | None, typer.Option(help="Where to write them. [the terminal]")] = None,
) -> None:
    """Write the public keys, newest first, as a JSON Web Key Set, to verify without asking."""
    with in_words():
        published = write_keys(keys.read_ring(_folder(folder)).public)
        if out is None:
            typer.echo(published)
        else:
            out.write_text(published + "\n", encoding="ascii")


def _folder(given: Path | None) -> Path:
    folder = settings_of(keys=given).keys
    if folder is None:
        raise ValueError("Which folder? Say --keys DIR.")
    return folder
