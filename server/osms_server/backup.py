"""`osms backup` and `osms restore`: a store in one file, and back again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import DownloadColumn, Progress, TimeRemainingColumn

from osms.values import ALMATY
from osms_server.bootstrap import open_store
from osms_server.console import StoreOption, console, in_words, run_command, settings_of
from osms_server.settings import Settings
from osms_storage import backups


def backup_command(
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The archive; no file is overwritten.")
    ],
    store: StoreOption = None,
) -> None:
    """Write a store as it is now into one file, while it serves and takes registers.

    Not in it: the private keys and certificates of gateways, their settings, and what stands in a
    gateway's own journal of accesses and has not reached the store yet. Keep copies of the keys
    elsewhere; let a gateway stop before its machine is given up.

    The archive is for the eyes of its owner alone, and not encrypted: it holds what the store
    holds. Of an SQLite store a copy lies beside it until it is done.
    """
    settings = settings_of(store=store)
    with _bars("backup") as (tell,):
        manifest = run_command(_back_up(settings, out, tell))
    console.print(
        f"{out}: {_what(manifest)}, {out.stat().st_size:,} bytes.", markup=False, highlight=False
    )


def restore_command(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="What `osms backup` wrote.")],
    store: StoreOption = None,
) -> None:
    """Make a store of a backup: an SQLite file that is not there yet, or an empty database.

    Before anything is written the whole archive is read and compared with its hashes; then rows are
    counted. A restore that was killed has left nothing that is served: run it again.

    What came after the backup is not in the store: load and sync it again, which is safe. Watchers
    begin anew, without a token.
    """
    settings = settings_of(store=store)
    with in_words(), backups.Archive(archive) as opened:
        with _bars("verify", "restore") as (verified, restored):
            run_command(backups.restore(opened, settings.store, verified, restored))
        told = _what(opened.manifest)
    console.print(f"Restored: {told}.", markup=False, highlight=False)
    console.print("Now prove that every ledger follows from its facts: osms verify ledger")


async def _back_up(settings: Settings, out: Path, tell: backups.Progress) -> backups.Manifest:
    async with open_store(settings) as opened:
        return await backups.back_up(opened, out, tell)


def _what(manifest: backups.Manifest) -> str:
    rows = sum(manifest.rows.values())
    instant = manifest.recorded_at.astimezone(ALMATY).isoformat(" ", "seconds")
    return f"revision {manifest.revision} of {instant}, {rows:,} rows"


@contextmanager
def _bars(*names: str) -> Iterator[list[backups.Progress]]:
    """Show bars on a terminal; they may be told from any thread."""
    columns = (*Progress.get_default_columns()[:2], DownloadColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, disable=not console.is_terminal, transient=True
    ) as progress:

        def bar(name: str) -> backups.Progress:
            task = progress.add_task(name, total=None)
            return lambda done, total: progress.update(task, completed=done, total=total)

        yield [bar(name) for name in names]
