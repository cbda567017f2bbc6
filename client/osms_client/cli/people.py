"""Commands about one person: check, explain."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from osms.values import money
from osms_client.cli.console import (
    DEFAULT_TARGET,
    Target,
    gateway_at,
    option_day,
    out,
    print_json,
)
from osms_client.cli.words import WORDS, Words
from osms_client.eligibility import Eligibility, Explanation, LedgerMonth, MonthPayment
from osms_client.vocabulary import Language, MonthSettlement, Purpose, Status

_COLOURS = {
    Status.INSURED: "green",
    Status.INSURED_RETENTION: "yellow",
    Status.ELIGIBLE_ON_VISIT: "cyan",
    Status.NOT_INSURED: "red",
    Status.UNKNOWN_CONSUMER: "magenta",
}

Iin = Annotated[str, typer.Argument(metavar="IIN", help="Whom the question is about.")]
Day = Annotated[
    date | None,
    typer.Option(
        "--date",
        parser=option_day,
        metavar="YYYY-MM-DD",
        help="The day of care.",
        show_default="today",
    ),
]
KnownOn = Annotated[
    date | None,
    typer.Option(
        parser=option_day,
        metavar="YYYY-MM-DD",
        help="Answer as at the end of this day.",
        show_default="now",
    ),
]
Why = Annotated[
    Purpose,
    typer.Option(
        "--purpose",
        case_sensitive=False,
        help="Why you ask; goes to the access log.",
        show_default=Purpose.RECEPTION.lower(),  # in the case of the choices
    ),
]
Tongue = Annotated[
    Language, typer.Option("--language", case_sensitive=False, help="The language of texts.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON: money in tiyn, ISO dates.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="check")(check)
    app.command(name="explain")(explain_person)


def check(
    iin: Iin,
    day: Day = None,
    known_on: KnownOn = None,
    purpose: Why = Purpose.RECEPTION,
    language: Tongue = Language.KK,
    receipt: Annotated[
        bool, typer.Option("--receipt", help="Print a receipt too: a signed statement, for a bill.")
    ] = False,
    as_json: AsJson = False,
    target: Target = DEFAULT_TARGET,
) -> None:
    """Tell whether a person is insured on a day.

    Exit status: 0 answered, whatever the answer; 2 not answered, which says nothing about the
    person.
    """
    with gateway_at(target) as gateway:
        answer = gateway.lookup(
            iin,
            purpose=purpose,
            service_date=day,
            known=known_on,
            language=language,
            issue_receipt=receipt,
        )
    if as_json:
        print_json(answer)
        return
    _print_answer(out(), answer, WORDS[language])
    if answer.receipt:
        print(answer.receipt)  # not by the console, which would break the line


def explain_person(
    iin: Iin,
    day: Day = None,
    known_on: KnownOn = None,
    purpose: Why = Purpose.RECEPTION,
    language: Tongue = Language.KK,
    first_month: Annotated[str, typer.Option(metavar="YYYY-MM")] = "",
    last_month: Annotated[str, typer.Option(metavar="YYYY-MM")] = "",
    as_json: AsJson = False,
    target: Target = DEFAULT_TARGET,
) -> None:
    """Show how an answer came about, month by month.

    Exit status: 0 answered, whatever the answer; 2 not answered, which says nothing about the
    person.
    """
    with gateway_at(target) as gateway:
        explanation = gateway.explain(
            iin,
            purpose=purpose,
            service_date=day,
            known=known_on,
            language=language,
            first_month=first_month,
            last_month=last_month,
        )
    if as_json:
        print_json(explanation)
        return
    console, words = out(), WORDS[language]
    _print_answer(console, explanation.eligibility, words)
    if explanation.months:
        console.print(_ledger(explanation, words))
    rule = explanation.rule
    reference = f" ({rule.legal_reference})" if rule.legal_reference else ""
    console.print(f"{words.rule} {rule.number}{reference}: {rule.text}", markup=False)


def _print_answer(console: Console, answer: Eligibility, words: Words) -> None:
    console.print(Text(answer.text, style=f"bold {_COLOURS[answer.status]}"))
    card = Table.grid(padding=(0, 2))
    for label, value in _card(answer, words):
        card.add_row(Text(label, style="dim"), Text(value))
    console.print(card)


def _card(answer: Eligibility, words: Words) -> list[tuple[str, str]]:
    rows = [
        (words.iin, answer.iin),
        (words.service_date, answer.service_date.isoformat()),
    ]
    if answer.status is not Status.UNKNOWN_CONSUMER:  # of whom there is nothing to tell
        rows += _findings(answer, words)
    if answer.next_step.text:
        rows.append((words.next_step, answer.next_step.text))
    if answer.stale_sources:
        rows.append((words.stale, ", ".join(answer.stale_sources)))
    rows.append((words.decision, answer.decision_id))
    return rows


def _findings(answer: Eligibility, words: Words) -> list[tuple[str, str]]:
    rows = [
        (words.status, ", ".join([answer.status, *answer.grounds])),
        (words.package, words.packages[answer.funding_source]),
        (words.valid_through, _through(answer.valid_through, words)),
    ]
    if answer.insured:
        rows.append((words.covered_through, _through(answer.covered_through, words)))
    if answer.arrears_months:
        rows.append((words.arrears, ", ".join(answer.arrears_months)))
    if answer.blocking_months:
        rows.append((words.blocking, ", ".join(answer.blocking_months)))
        rows.append((words.restore, money(answer.restore_amount_tiyn)))
    return rows


def _through(day: date | None, words: Words) -> str:
    return day.isoformat() if day else words.without_end


def _ledger(explanation: Explanation, words: Words) -> Table:
    """Return four columns that fit a small terminal: the rest of a month is in its details."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column(words.month, no_wrap=True)
    table.add_column(words.settled, no_wrap=True)
    table.add_column(words.amount, justify="right", no_wrap=True)
    table.add_column(words.details, overflow="fold")
    for month in explanation.months:
        colour, tiyn = _colour(month), month.owed_tiyn or month.paid_tiyn
        table.add_row(
            month.month,
            Text(words.settlements[month.settlement], style=colour),
            Text(money(tiyn) if tiyn else "", style=colour),
            Text("\n".join(_details(month, words))),
            style=None if month.in_window else "dim",
        )
    return table


def _colour(month: LedgerMonth) -> str:
    if month.settlement is not MonthSettlement.UNSETTLED:
        return "green"
    return "red" if month.overdue else "yellow"


def _details(month: LedgerMonth, words: Words) -> Iterator[str]:
    if month.settlement is MonthSettlement.UNSETTLED:
        notes = [words.pay_by.format(day=month.due_on)]
        notes += [words.overdue] if month.overdue else []
        notes += [words.opens] if month.blocking else []
        yield ", ".join(notes)
    if not month.in_window:
        yield words.outside
    for payment in month.payments:
        yield _payment(payment, words)


def _payment(payment: MonthPayment, words: Words) -> str:
    text = (
        f"{payment.received_on} {payment.purpose_code} {money(payment.amount_tiyn)} "
        f"{payment.reference}/{payment.line_no}"
    )
    if payment.reversed_tiyn:
        text += f", {words.reversed} {money(payment.reversed_tiyn)}"
    if not payment.gives_cover:
        text += f", {words.no_cover}"
    return text
