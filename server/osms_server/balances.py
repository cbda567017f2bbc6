"""How the books read: tables for people, JSON for programs."""

import json
from datetime import date
from typing import Any

from rich.table import Table

from osms.values import money
from osms_server.console import console
from osms_storage.books import Books, Sums, WrongRegister
from osms_storage.records import Totals


class Teller:
    """Says what a reconciliation finds: wrong registers as they come, the totals at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self.source_codes: dict[int, str] = {}
        self.wrong = 0
        self._as_json = as_json
        self._found: list[dict[str, Any]] = []

    def wrong_register(self, wrong: WrongRegister) -> None:
        """Say of a register that it does not add up."""
        self.wrong += 1
        name = {"register_id": wrong.register_id, **self._name(wrong)}
        if self._as_json:
            facts = {"overdrawn_payments": wrong.overdrawn, **_plain(wrong.sums)}
            self._found.append({**name, **facts})
            return
        said = " ".join(str(value) for value in self._name(wrong).values())
        console.print(
            f"DOES NOT ADD UP {said or f'no register {wrong.register_id}'}: "
            f"declared {_words(wrong.sums.received)}, found {_words(wrong.sums.found)}"
            + (f", {wrong.overdrawn} payments reversed beyond them" if wrong.overdrawn else ""),
            markup=False,
            soft_wrap=True,
        )

    def _name(self, wrong: WrongRegister) -> dict[str, str]:
        """Return what a register is known by; nothing if only its facts are there."""
        if wrong.register is None:
            return {}
        source_id = wrong.register.source_id
        return {
            "source": self.source_codes.get(source_id, str(source_id)),
            "reference": wrong.register.reference,
            "received_on": _iso(wrong.register.received_on),
        }

    def totals(self, books: Books, *, compared: bool) -> None:
        """Say what the books hold; ``compared``: whether registers were held to what they say."""
        if self._as_json:
            document = _document(books) | {"compared": compared, "wrong": self._found}
            console.file.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
            return
        days = {str(day): sums for day, sums in sorted(books.days.items())}
        purposes = {code or "none": sums for code, sums in sorted(books.purposes.items())}
        _print_table("Received on", days)
        _print_table("Purpose of the row", purposes)
        _print_table("", {"In all": books.total})
        verdict = f"{self.wrong:,} do not add up" if self.wrong else "all add up"
        if not compared:
            verdict = "counted in part and not compared"
        console.print(f"{books.registers:,} registers at revision {books.revision}: {verdict}.")


def _print_table(title: str, lines: dict[str, Sums]) -> None:
    table = Table(title, "", box=None, pad_edge=False)
    table.add_column("Rows", justify="right", no_wrap=True)
    table.add_column("Tenge", justify="right", no_wrap=True)
    for name, sums in lines.items():
        label = name
        for what, totals in sums._asdict().items():
            if any(totals) or what == "received":
                rows = f"{totals.rows:,}".replace(",", " ")
                table.add_row(label, what, rows, money(totals.amount_tiyn))
                label = ""
    console.print(table)


def _words(totals: Totals) -> str:
    return f"{totals.rows} rows, {money(totals.amount_tiyn)} tenge"


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _plain(sums: Sums) -> dict[str, dict[str, int]]:
    return {what: totals._asdict() for what, totals in sums._asdict().items()}


def _document(books: Books) -> dict[str, Any]:
    return {
        "revision": books.revision,
        "recorded_at": books.recorded_at.isoformat(),
        "registers": books.registers,
        "total": _plain(books.total),
        "days": {str(day): _plain(sums) for day, sums in sorted(books.days.items())},
        "purposes": {code: _plain(sums) for code, sums in sorted(books.purposes.items())},
    }
