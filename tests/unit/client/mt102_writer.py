"""Writes MT-102 files as old programs do, to be read back by the loader."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Person:
    """A row to write."""

    amount: str = "4250,00"
    iin: str = "900101390002"
    surname: str = "АХМЕТОВА"
    given_name: str = "АЙГУЛЬ"
    patronymic: str = ""
    born: str = "19900101"
    period: str = ""


@dataclass(frozen=True)
class File:
    """A message to write, with the habits of the program behind it."""

    people: tuple[Person, ...] = (Person(),)
    reference: str = "GCVP-00000000017"
    total: str = "4250,00"
    date: str = "250820"
    period: str = "072025"
    assign: tuple[str, ...] = ("Взносы ОСМС",)
    payer: str = "ТОО «РОМАШКА»"
    slashes: str = "/"
    newline: str = "\n"
    last_newline: str = "\n"
    encoding: str = "utf-8"
    bom: bytes = b""
    tail: tuple[str, ...] = ("-}",)
    extra: tuple[str, ...] = field(default=())

    def lines(self) -> list[str]:
        """Return the lines of the message."""
        head = [
            "{1:F01K059140000000010500000}",
            "{2:I102SGROSS000000U3003}",
            "{4:",
            f":20:{self.reference}",
            ":50:/D/KZ886010002000000001",
            f"/NAME/{self.payer}",
            "/IDN/160440007161",
            "/CHIEF/ИВАНОВ ИВАН",
            "/IRS/1",
            "/SECO/7",
            ":52B:HSBKKZKX",
            ":57B:GCVPKZ2A",
            ":59:KZ12009NPS0413609816",
            "/NAME/НАО «ФСМС»",
            "/IDN/160940025485",
            ":70:/NUM/521",
            "/DATE/250819",
            "/SEND/07",
            "/VO/01",
            "/KNP/121",
            "/PSO/01",
            "/PRT/50",
            *([f"/PERIOD/{self.period}"] if self.period else []),
            f"/ASSIGN/{self.assign[0]}",
            *self.assign[1:],
        ]
        return [*head, *self._rows(), *self.extra, f":32A:{self.date}KZT{self.total}", *self.tail]

    def _rows(self) -> list[str]:
        tag = self.slashes
        rows = []
        for number, person in enumerate(self.people, start=1):
            rows += [
                f":21:{number}",
                f":32B:KZT{person.amount}",
                ":70:",
                f"{tag}FM/{person.surname}",
                f"{tag}NM/{person.given_name}",
                f"{tag}FT/{person.patronymic}",
                f"{tag}DT/{person.born}",
                f"{tag}IDN/{person.iin}",
            ]
            if person.period:
                rows.append(f"{tag}PERIOD/{person.period}")
        return rows

    def content(self) -> bytes:
        """Return the bytes of the file."""
        text = self.newline.join(self.lines()) + self.last_newline.replace("\n", self.newline)
        return self.bom + text.encode(self.encoding)
