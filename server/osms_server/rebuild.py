"""`osms rebuild`: makes anew what follows from the facts, in several processes."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from threading import Thread
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from osms_server.bootstrap import open_store
from osms_server.console import StoreOption, console, in_words, run_command, settings_of
from osms_server.law import Laws
from osms_server.settings import Settings
from osms_storage.migrations import check_schema
from osms_storage.rebuilds import (
    Part,
    begin_rebuild,
    count_ledgers,
    end_rebuild,
    newest_law,
    rebuild_part,
)

WORKERS_MAX = 64
WORKERS = min(os.cpu_count() or 1, WORKERS_MAX)
PARENT_CHECK_EVERY_S = 1.0
PARTS_PER_WORKER = 16
"""So many that all workers end at about the same time."""

rebuild = typer.Typer(help="Make anew what follows from the facts.", no_args_is_help=True)


@rebuild.command("ledger")
def rebuild_ledger(
    store: StoreOption = None,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            max=WORKERS_MAX,
            help="Processes that work at the same time; as many as there are processors.",
            show_default=False,
        ),
    ] = WORKERS,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many differ; from the first one on.")
    ] = False,
) -> None:
    """Make every ledger anew from the facts, and replace those that differ.

    The server may serve and take registers meanwhile. An interrupted rebuild is run again, and
    goes on where it stopped.
    """
    settings = settings_of(store=store)
    parts, total = run_command(_begin(settings, workers * PARTS_PER_WORKER, dry_run=dry_run))
    people = differed = 0
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, disable=not console.is_terminal, transient=True
    ) as bar:
        task = bar.add_task("ledgers", total=total)
        for part in _done(settings, parts, workers, dry_run=dry_run):
            people, differed = people + part.people, differed + part.differed
            bar.update(task, completed=people)
    if not dry_run:
        run_command(_end(settings))
    verb = "would be" if dry_run else "were"
    console.print(
        f"{people:,} ledgers made anew from their facts, {differed:,} differed and {verb} mended."
    )


async def _begin(settings: Settings, parts: int, *, dry_run: bool) -> tuple[list[Part], int]:
    async with open_store(settings) as opened:
        await check_schema(opened)
        begun = await begin_rebuild(opened, await newest_law(opened), parts, dry_run=dry_run)
        return begun, await count_ledgers(opened)


async def _end(settings: Settings) -> None:
    async with open_store(settings) as opened:
        await end_rebuild(opened)


def _done(
    settings: Settings, parts: Sequence[Part], workers: int, *, dry_run: bool
) -> Iterator[Part]:
    """Yield parts as they are done."""
    # Spawned: a forked child would share what this process has opened.
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=end_with, initargs=(os.getpid(),)
    )
    try:
        futures = [pool.submit(_work, settings, part, dry_run=dry_run) for part in parts]
        for future in as_completed(futures):
            with in_words():
                try:
                    yield future.result()
                except BrokenExecutor as exc:
                    raise ChildProcessError(
                        "A process of the rebuild was killed. Run it again: it goes on from there."
                    ) from exc
    finally:
        pool.shutdown(cancel_futures=True)


def end_with(parent: int) -> None:
    """End this process when the command that began it is gone, however that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_EVERY_S)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _work(settings: Settings, part: Part, *, dry_run: bool) -> Part:
    """Do a part in a process of its own."""
    return asyncio.run(_rebuild(settings, part, dry_run=dry_run))


async def _rebuild(settings: Settings, part: Part, *, dry_run: bool) -> Part:
    async with open_store(settings) as opened:
        law = await Laws(opened).refresh()
        async for done in rebuild_part(opened, law.data, law.policy, part, dry_run=dry_run):
            part = done
    return part
