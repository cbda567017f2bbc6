"""Employers of nobody: each block of people has a few, of different size, at different banks."""

from functools import lru_cache
from random import Random

from osms.values import check_digit
from osms_seeds.facts import Payer

BLOCK = 2_000
"""People who share employers; so a payer's rows of a month fit into memory at any size."""

SIZES = (45, 25, 20, 10)
"""Shares of a block's employed people, in percent."""

_FORMS = ("ТОО", "АО", "ГКП", "КГУ")
_FIRST = "Алатау Арна Байтерек Болашақ Дала Жетісу Қазына Меридиан Сарыарқа Тұлпар Ұшқын Шаңырақ"
_SECOND = "Агро Астық Жол Құрылыс Логистика Мектеп Медицина Сервис Сауда Тау-кен Транс Энерго"
_ENCODINGS = ("utf-8", "cp1251", "cp866", "")
_DEDUCTIONS_SHARE = 0.3


@lru_cache(maxsize=2)
def employers(seed: int, block: int) -> tuple[Payer, ...]:
    """Return the employers of a block of people, the largest first."""
    rng = Random(f"{seed}/employers/{block}")
    encodings = rng.sample(_ENCODINGS, len(SIZES))
    return tuple(_employer(rng, encoding) for encoding in encodings)


def _employer(rng: Random, encoding: str) -> Payer:
    bin_ = _bin(rng)
    title = f"{rng.choice(_FIRST.split())} {rng.choice(_SECOND.split())}"
    return Payer(
        bin=bin_,
        name=f"{rng.choice(_FORMS)} «{title} {rng.randint(1, 99)}»",
        encoding=encoding,
        iban=f"KZ{rng.randint(10, 99)}999S0000{bin_[-8:]}",
        pays_deductions=rng.random() < _DEDUCTIONS_SHARE,
    )


def _bin(rng: Random) -> str:
    """Make up the number of a resident organisation: month of registration, 4, 0, serial."""
    while True:
        stem = f"{rng.randint(0, 24):02d}{rng.randint(1, 12):02d}40{rng.randint(0, 99_999):05d}"
        digit = check_digit(stem)
        if digit is not None:
            return f"{stem}{digit}"
