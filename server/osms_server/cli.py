"""The server's commands: init, migrate, serve and verify; others stand apart."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from osms_seeds import reference
from osms_server import key_commands, rules
from osms_server.access.commands import archive, verify_access_log_command
from osms_server.backup import backup_command, restore_command
from osms_server.bootstrap import open_store, serve
from osms_server.console import StoreOption, console, run_command, settings_of
from osms_server.identity.commands import client
from osms_server.identity.development import development_settings, init_development
from osms_server.law import Law, Laws
from osms_server.rebuild import rebuild
from osms_server.reconcile import reconcile_command
from osms_server.workers import serve_workers
from osms_storage.enactment import apply_reference
from osms_storage.migrations import check_schema, migrate
from osms_storage.syncs import expect_delta
from osms_storage.verification import verify_ledgers

ClockOption = Annotated[
    Path | None,
    typer.Option("--test-clock", help="File with the ISO instant at which the clock stands."),
]

verify = typer.Typer(help="Prove that a store is whole.", no_args_is_help=True)
verify.command("access-log")(verify_access_log_command)


def init(
    store: StoreOption = None,
    test_clock: ClockOption = None,
    next_delta: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE=NUMBER", help="The number of a sender's next delta. [1]"),
    ] = None,
    development: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Make clients of every role, with keys in a folder."),
    ] = None,
) -> None:
    """Make a store, or bring one to this release: schema, reference data, rule set.

    Running it again changes nothing. Law is data: a release with newer parameters takes effect in
    a store only by this command, as a revision of its own.
    """
    settings = settings_of(store=store, test_clock=test_clock)
    numbers = [_delta_number(text) for text in next_delta or ()]

    async def run() -> bool:
        await migrate(settings.store)
        async with open_store(settings) as opened:
            documents = {
                **reference.documents(),
                "parameter": rules.Parameters.bundled_documents(),
            }
            changed = await apply_reference(opened, documents, lambda data: Law(data).policy)
            law = await Laws(opened).refresh()
            for source, number in numbers:
                if source not in law.data.sources:
                    raise ValueError(f"There is no source {source}.")
                async with opened.writing("START") as unit:
                    await expect_delta(unit, law.data.sources[source].id, number)
            if development is not None:
                await init_development(opened, development, datetime.now(UTC))
            return changed

    changed = run_command(run())
    console.print("The store is ready." if changed else "The store was ready; nothing changed.")


def _delta_number(text: str) -> tuple[str, int]:
    source, _, number = text.partition("=")
    if not (number.isascii() and number.isdigit() and int(number)):
        raise typer.BadParameter(f"{text}: say SOURCE=NUMBER, such as labour=120")
    return source, int(number)


def migrate_command(
    target: Annotated[
        str, typer.Argument(help="A schema revision; 'head' is this release's, 'base' is none.")
    ] = "head",
    store: StoreOption = None,
) -> None:
    """Bring a store's schema up or down. Going down loses what the lower schema cannot hold."""
    settings = settings_of(store=store)
    found = run_command(migrate(settings.store, target))
    console.print(f"The store has schema {found or 'none'}.")


def serve_command(
    store: StoreOption = None,
    listen: Annotated[
        str | None, typer.Option(help="Host and port; port 0 takes a free one. [OSMS_LISTEN]")
    ] = None,
    test_clock: ClockOption = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that share the port, 1 to 64. [OSMS_WORKERS]")
    ] = None,
    development: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Speak TLS with what `osms init --development` made."),
    ] = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; calls in flight finish.

    Exit status: 0 stopped as asked, 2 could not serve, and why is said in words. With several
    workers SIGHUP replaces them one by one, and no call fails.
    """
    given = development_settings(development) if development is not None else {}
    settings = settings_of(
        store=store, listen=listen, test_clock=test_clock, workers=workers, **given
    )
    if settings.workers == 1:
        run_command(serve(settings), uvloop=settings.uvloop)
    else:
        run_command(serve_workers(settings))


@verify.command("ledger")
def verify_ledger(store: StoreOption = None) -> None:
    """Compare every ledger with one made anew from the facts. Exit status 1 if any differs."""
    settings = settings_of(store=store)

    async def run() -> tuple[int, int]:
        people = wrong = 0
        async with open_store(settings) as opened:
            await check_schema(opened)
            law = await Laws(opened).refresh()
            async for page in verify_ledgers(opened, law.data, law.policy):
                people += page.people
                wrong += len(page.wrong)
        return people, wrong

    people, wrong = run_command(run())
    console.print(f"{people:,} ledgers compared with their facts, {wrong:,} differ.")
    if wrong:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the server's commands to `osms`."""
    app.command("init")(init)
    app.command("migrate")(migrate_command)
    app.command("serve")(serve_command)
    app.command("reconcile")(reconcile_command)
    app.add_typer(client, name="client")
    app.command("backup")(backup_command)
    app.command("restore")(restore_command)
    app.add_typer(verify, name="verify")
    app.add_typer(rebuild, name="rebuild")
    app.add_typer(key_commands.commands, name="keys", no_args_is_help=True)
    app.add_typer(archive, name="archive")
