"""`osms reconcile`: whether every register adds up, and the totals an accountant compares."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

import typer

from osms.values import parse_date
from osms_server.balances import Teller
from osms_server.bootstrap import open_store
from osms_server.console import StoreOption, run_command, settings_of
from osms_server.law import Laws
from osms_server.settings import Settings
from osms_storage.books import Books
from osms_storage.migrations import check_schema
from osms_storage.reconciliation import Selection, begin_books, reconcile

_DAY = "YYYY-MM-DD"


def reconcile_command(
    store: StoreOption = None,
    day: Annotated[
        str | None, typer.Option(metavar=_DAY, help="Registers received on this day.")
    ] = None,
    received_from: Annotated[
        str | None, typer.Option("--from", metavar=_DAY, help="Received on this day or later.")
    ] = None,
    received_to: Annotated[
        str | None, typer.Option("--to", metavar=_DAY, help="Received on this day or earlier.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="CODE", help="Registers of one sender.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="One register; needs --source.")] = None,
    payer: Annotated[
        str | None,
        typer.Option(metavar="BIN", help="Only rows of this payer: totals, no register is split."),
    ] = None,
    purpose: Annotated[
        str | None,
        typer.Option(metavar="KNP", help="Only rows of this purpose: totals, nothing is proved."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: money in tiyn, ISO dates.")
    ] = False,
) -> None:
    """Prove from the facts that every register adds up, and print the totals of the books.

    For each register accepted + suspended + corrected + refunded must be what it declared, in rows
    and in tiyn, and no payment may be reversed by more than it is. Exit status 1 if a register
    does not add up; its reference is printed. With --payer or --purpose only the totals of such
    rows are printed: a register is declared as a whole, so a part of it cannot be compared.
    """
    if day and (received_from or received_to):
        raise typer.BadParameter("Say --day, or --from and --to.")
    if reference is not None and source is None:
        raise typer.BadParameter("A reference is of a sender: say --source, too.")
    query = _Query(
        received_from=_day(day or received_from),
        received_to=_day(day or received_to),
        source=source,
        reference=reference,
        payer_bin=_digits(payer, 12),
        purpose_code=_digits(purpose, 3),
    )
    told = Teller(as_json=as_json)
    books = run_command(_read(settings_of(store=store), query, told))
    told.totals(books, compared=payer is None and purpose is None)
    if told.wrong:
        raise typer.Exit(1)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else parse_date(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{text}: say a day as {_DAY}.") from exc


def _digits(text: str | None, count: int) -> str | None:
    if text is not None and not (len(text) == count and text.isascii() and text.isdigit()):
        raise typer.BadParameter(f"{text}: say {count} digits.")
    return text


@dataclass(frozen=True, slots=True)
class _Query:
    received_from: date | None
    received_to: date | None
    source: str | None
    reference: str | None
    payer_bin: str | None
    purpose_code: str | None


async def _read(settings: Settings, query: _Query, told: Teller) -> Books:
    async with open_store(settings) as opened:
        await check_schema(opened)
        sources = (await Laws(opened).refresh()).data.sources
        if query.source is not None and query.source not in sources:
            raise ValueError(f"There is no source {query.source}.")
        told.source_codes = {item.id: code for code, item in sources.items()}
        selection = Selection(
            received_from=query.received_from,
            received_to=query.received_to,
            source_id=sources[query.source].id if query.source else None,
            reference=query.reference,
            payer_bin=query.payer_bin,
            purpose_code=query.purpose_code,
        )
        async with opened.reading() as connection:
            books = await begin_books(connection)
            async for wrong in reconcile(connection, selection, books):
                told.wrong_register(wrong)
    if query.reference is not None and selection.whole and not books.registers:
        raise ValueError(f"There is no register {query.source} {query.reference}.")
    return books
