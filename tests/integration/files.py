"""Files as they arrive, written here by the description of their formats alone."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

REGISTER_COLUMNS = (
    *("source", "reference", "received_on", "payer_bin", "payer_name", "purpose_code"),
    *("declared_people", "declared_documents", "declared_amount_tiyn"),
    *("line_no", "document", "iin", "surname", "given_name", "patronymic", "birth_date"),
    *("period", "amount_tiyn", "row_purpose_code", "row_payer_bin", "row_payer_name"),
)
FEED_COLUMNS = "iin,source,category,assigned_on,removed_on,removal_source,removal_reason"


@dataclass(frozen=True)
class Mt102:
    """An MT-102 message; its habits differ from program to program."""

    reference: str
    iins: Sequence[str]
    amount: str = "4250,00"
    total: str = ""
    """Empty: the right one."""
    slash: str = "/"
    newline: str = "\n"
    encoding: str = "utf-8"
    ending: str = "-}\n"
    month_in_rows: bool = False

    def content(self) -> bytes:
        """Return the file."""
        tiyn = int(self.amount.replace(",", "") or 0) * len(self.iins)
        total = self.total or f"{tiyn // 100},{tiyn % 100:02d}"
        month = "/PERIOD/122025"
        lines = [
            "{1:F01K059140000000010500000}",
            "{2:I102SGROSS000000U3003}",
            "{4:",
            f":20:{self.reference}",
            ":50:/D/KZ886010002000000001",
            "/NAME/ТОО Ромашка",
            "/IDN/160440007161",
            ":52B:HSBKKZKX",
            ":57B:GCVPKZ2A",
            ":59:KZ12009NPS0413609816",
            "/NAME/НАО ФСМС",
            "/IDN/160940025485",
            ":70:/NUM/521",
            "/DATE/260109",
            "/SEND/07",
            "/VO/01",
            "/KNP/122",
            "/PSO/01",
            "/PRT/50",
            *([] if self.month_in_rows else [month]),
            "/ASSIGN/Взносы на ОСМС",
            "за декабрь 2025 года",
        ]
        for number, iin in enumerate(self.iins, start=1):
            lines += [
                f":21:{number}",
                f":32B:KZT{self.amount}",
                ":70:",
                f"{self.slash}FM/Ахметова",
                f"{self.slash}NM/Айгуль",
                f"{self.slash}FT/-",
                f"{self.slash}DT/19900101",
                f"{self.slash}IDN/{iin}",
                *([f"{self.slash}{month[1:]}"] if self.month_in_rows else []),
            ]
        lines.append(f":32A:260110KZT{total}")
        text = "\n".join([*lines, self.ending])
        return text.replace("\n", self.newline).encode(self.encoding)


def register_rows(reference: str, iins: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a register's table, for December 2025 and 4,250 tenge each."""
    head = {
        "source": "state_corporation",
        "reference": reference,
        "received_on": "2026-01-10",
        "payer_bin": "160440007161",
        "payer_name": "ТОО Ромашка",
        "purpose_code": "122",
        "declared_people": str(len(set(iins))),
        "declared_documents": "1",
        "declared_amount_tiyn": str(425_000 * len(iins)),
    }
    blank = dict.fromkeys(REGISTER_COLUMNS, "")
    return [
        {
            **blank,
            **head,
            "line_no": str(number),
            "iin": iin,
            "surname": "Ахметова",
            "period": "2025-12",
            "amount_tiyn": "425000",
        }
        for number, iin in enumerate(iins, start=1)
    ]


def csv_of(rows: Iterable[Mapping[str, str]]) -> str:
    """Return rows of a register as CSV."""
    out = StringIO()
    writer = csv.DictWriter(out, REGISTER_COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def feed_of(number: int, iins: Sequence[str], *, records: int | None = None) -> str:
    """Return a delta of the Ministry of Labour as CSV."""
    count = len(iins) if records is None else records
    head = f"# osms-feed sender=labour kind=DELTA delta_number={number} as_of=2026-01-14"
    lines = [f"{iin},,pension,2020-03-01,,," for iin in iins]
    return "\n".join([f"{head} records={count}", FEED_COLUMNS, *lines, ""])


def write(folder: Path, name: str, content: bytes | str) -> Path:
    """Write a file and return where it is."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
