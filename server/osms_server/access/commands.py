"""`osms verify access-log` and `osms archive access-log`."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer

from osms.receipts import read_keys
from osms.v1.access_service_pb2 import AccessLogFault
from osms.values import ALMATY, almaty_date, parse_date
from osms_server.access.archive import decode_manifest, delete_archived, write_archive
from osms_server.access.archive_proof import ArchiveVerdict, compare_with_store, verify_archives
from osms_server.access.folder_verification import verify_folder
from osms_server.access.keeper import StoreKeeper
from osms_server.access.verification import Verdict, verify_access_log
from osms_server.bootstrap import access_folder, open_store
from osms_server.console import StoreOption, console, in_words, run_command, settings_of
from osms_server.keys import KeyRing, read_ring
from osms_server.settings import Settings
from osms_storage.migrations import check_schema

archive = typer.Typer(help="Move what is old into signed files.", no_args_is_help=True)


def verify_access_log_command(
    store: StoreOption = None,
    archives: Annotated[
        Path | None,
        typer.Option("--archive", metavar="DIR", help="Prove the archives of this folder instead."),
    ] = None,
    jwks: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The published keys; with --archive.")
    ] = None,
) -> None:
    """Follow every chain of the access log; say where a record was changed, is missing, or moved.

    The chains in the store are, and what a gateway of this machine has not brought there yet.

    With --archive the files of a folder are followed, without the store; with --store, too, also
    that all that was deleted from the store is in them. Exit status 1 if anything is wrong.
    """
    if archives is None:
        _tell(run_command(_verify(settings_of(store=store))))
        return
    if jwks is None:
        raise typer.BadParameter("Say by which published keys: --jwks FILE.")
    with in_words():
        verdict = verify_archives(archives, read_keys(jwks.read_text()))
    if store is not None:
        run_command(_compare(settings_of(store=store), verdict))
    for trouble in verdict.troubles:
        console.print(trouble, markup=False, soft_wrap=True)
    _tell(verdict)
    if verdict.troubles:
        raise typer.Exit(1)


def _tell(verdict: Verdict) -> None:
    for finding in verdict.findings:
        fault = AccessLogFault.Name(finding.fault).removeprefix("ACCESS_LOG_FAULT_").lower()
        console.print(f"{finding.writer} record {finding.number}: {fault}", markup=False)
    console.print(
        f"{verdict.chains:,} chains of {verdict.records:,} records followed,"
        f" {len(verdict.findings):,} findings."
    )
    if verdict.findings:
        raise typer.Exit(1)


async def _verify(settings: Settings) -> Verdict:
    async with open_store(settings) as opened:
        await check_schema(opened)
        # First what waits here: it may come into the store meanwhile, but not the other way.
        folder = access_folder(settings)
        local = None
        if folder.is_dir():
            local = await verify_folder(folder, StoreKeeper(opened))
            console.print(f"{local.records:,} records in {folder} followed, too.", markup=False)
        verdict = await verify_access_log(opened)
    if local is not None:
        verdict.findings[:0] = local.findings
    return verdict


async def _compare(settings: Settings, verdict: ArchiveVerdict) -> None:
    async with open_store(settings) as opened:
        await check_schema(opened)
        await compare_with_store(opened, verdict)


@archive.command("access-log")
def archive_access_log(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder of all archives.")],
    keys: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder of keys; the newest signs.")
    ],
    before: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM-DD",
            help="Records written before this day in Almaty. [access_log_days ago]",
        ),
    ] = None,
    delete: Annotated[
        bool,
        typer.Option("--delete", help="Delete from the store what was written, once it is proven."),
    ] = False,
    store: StoreOption = None,
) -> None:
    """Write old records of the access log into signed files, which prove themselves.

    The server may serve meanwhile. Without --delete the store stays as it is. What was deleted is
    no longer found by person. An interrupted run leaves the store whole: run it again.
    """
    settings = settings_of(store=store)
    with in_words():
        day = None if before is None else parse_date(before)
        ring = read_ring(keys)
    run_command(_archive(settings, out, ring, day, delete=delete))


async def _archive(
    settings: Settings, out: Path, ring: KeyRing, day: date | None, *, delete: bool
) -> None:
    async with open_store(settings) as opened:
        await check_schema(opened)
        now = opened.clock()
        today = almaty_date(now)
        day = day or today - timedelta(days=settings.access_log_days)
        if day > today:
            raise ValueError(
                "What is to be archived lies before today, or before a day in the past."
            )
        instant = datetime.combine(day, time.min, ALMATY).astimezone(UTC)
        path = await write_archive(opened, instant, out, ring, now.astimezone(UTC))
        if path is None:
            console.print(f"No record of the access log is from before {day}.")
            return
        proof = verify_archives(out, ring.public, only=path)
        if not proof.whole:
            raise OSError(f"What was written to {out} is not what was read. Nothing was deleted.")
        manifest = decode_manifest(path.read_bytes())
        if delete:
            await delete_archived(opened, manifest)
        console.print(
            f"{manifest.records:,} records of {len(manifest.chains):,} chains from before {day} are"
            f" in {path.name}{', and no longer in the store' if delete else ''}.",
            markup=False,
            soft_wrap=True,
        )
