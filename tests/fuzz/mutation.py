"""Inputs made from seeds by chance; the same number makes the same inputs."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

BYTES_MAX = 20_000
"""Longer inputs are cut."""

_ODD = (
    b"\x00",
    b"\xff",
    b"\n",
    b"\r\n",
    b'"',
    b",",
    b";",
    b":",
    b"/",
    b"{4:",
    b"-}",
    b"\xef\xbb\xbf",
)
_NUMBERS = (b"", b"0", b"-1", b"9" * 20, b"1e9", b"NaN", "٣".encode(), b"2026-02-30")


def mutations(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Yield the seeds themselves, then seeds that were changed in one to six places."""
    chance = Random(seed)
    yield from seeds[:count]
    for _ in range(count - len(seeds)):
        content = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
            chance.choice(_WAYS)(content, seeds, chance)
        yield bytes(content[:BYTES_MAX])


def _flip(content: bytearray, _: Sequence[bytes], chance: Random) -> None:
    if content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _replace(content: bytearray, _: Sequence[bytes], chance: Random) -> None:
    if content:
        content[chance.randrange(len(content))] = chance.randrange(256)


def _insert(content: bytearray, _: Sequence[bytes], chance: Random) -> None:
    at = chance.randrange(len(content) + 1)
    content[at:at] = chance.choice(_ODD) * chance.choice((1, 1, 2, 50))


def _cut(content: bytearray, _: Sequence[bytes], chance: Random) -> None:
    start, end = _span(content, chance)
    del content[start:end]


def _double(content: bytearray, _: Sequence[bytes], chance: Random) -> None:
    start, end = _span(content, chance)
    content[end:end] = content[start:end] * chance.choice((1, 1, 40))


def _cross(content: bytearray, seeds: Sequence[bytes], chance: Random) -> None:
    other = chance.choice(seeds)
    content[chance.randrange(len(content) + 1) :] = other[chance.randrange(len(other) + 1) :]


def _number(content: bytearray, _: Sequence[bytes], chance: Random) -> None:
    start, _end = _span(content, chance)
    while start < len(content) and not chr(content[start]).isdigit():
        start += 1
    end = start
    while end < len(content) and chr(content[end]).isdigit():
        end += 1
    content[start:end] = chance.choice(_NUMBERS)


def _span(content: bytearray, chance: Random) -> tuple[int, int]:
    start = chance.randrange(len(content) + 1)
    return start, min(len(content), start + chance.choice((1, 4, 20, 200)))


_WAYS: tuple[Callable[[bytearray, Sequence[bytes], Random], None], ...] = (
    _flip,
    _replace,
    _insert,
    _cut,
    _double,
    _cross,
    _number,
)
