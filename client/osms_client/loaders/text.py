"""Lines of a text file whose encoding nobody states: UTF-8, CP1251 or CP866."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from osms_client.loaders.errors import FileError

LINE_BYTES_MAX = 65_536
"""A longer line is no MT-102: reading it whole would need memory without a limit."""

_BLOCK_BYTES = 65_536
_BOM = b"\xef\xbb\xbf"
_UTF8_PAIR = re.compile(rb"[\xd0-\xd3][\x80-\xbf]")
_LETTERS = "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_SIGNS = "Іі«»„“”‘’№–—…\N{NO-BREAK SPACE}"

_PLAUSIBLE_SHARE_MIN = 0.8
"""Share of a text's own letters and signs below which a single-byte encoding is not believed."""

_UTF8_SHARE_MIN = 0.8
"""Share of bytes that look like UTF-8 Cyrillic above which a text is a damaged UTF-8 one."""


def detect_encoding(path: Path) -> str:
    """Tell how a file is encoded; raise FileError if it is none of the three.

    The whole file is read, in constant memory: the first letter beyond ASCII may come late.
    """
    valid_utf8 = _Utf8()
    counts = [0] * 256
    pairs = size = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            size += len(block)
            valid_utf8.feed(block)
            if not valid_utf8.so_far or b"\x00" in block:
                for byte in range(128, 256):
                    counts[byte] += block.count(byte)
                counts[0] += block.count(0)
                pairs += len(_UTF8_PAIR.findall(block))
    if not size:
        raise FileError(path, "a file with content: it is empty")
    if counts[0]:
        raise FileError(path, "text in UTF-8, CP1251 or CP866: it holds zero bytes")
    if valid_utf8.whole():
        return "utf-8"
    if valid_utf8.so_far:
        raise FileError(path, "whole UTF-8 letters: the last one is cut off")
    high = sum(counts)
    if 2 * pairs >= high * _UTF8_SHARE_MIN:
        raise FileError(path, "valid UTF-8: some of its bytes are damaged")
    shares = {encoding: _plausible(counts, encoding) / high for encoding in ("cp1251", "cp866")}
    best = max(shares, key=lambda encoding: shares[encoding])
    if shares[best] < _PLAUSIBLE_SHARE_MIN:
        raise FileError(path, "text in UTF-8, CP1251 or CP866")
    return best


def _plausible(counts: list[int], encoding: str) -> int:
    codes = (_LETTERS + _SIGNS).encode(encoding, errors="ignore")
    return sum(counts[code] for code in set(codes) if code >= 128)


class _Utf8:
    """Whether blocks are UTF-8, also where a block ends inside a letter."""

    def __init__(self) -> None:
        self.so_far = True
        self._rest = b""

    def feed(self, block: bytes) -> None:
        if not self.so_far:
            return
        text = self._rest + block
        self._rest = b""
        try:
            text.decode("utf-8")
        except UnicodeDecodeError as error:
            if len(text) - error.start < 4 and error.reason == "unexpected end of data":
                self._rest = text[error.start :]
            else:
                self.so_far = False

    def whole(self) -> bool:
        return self.so_far and not self._rest


class Lines:
    """The lines of an open file, with the place of each, so that one may come back to it."""

    def __init__(self, path: Path, file: BinaryIO, encoding: str) -> None:
        self.path = path
        self._file = file
        self._encoding = encoding
        self.number = 0
        """The number of the line read last."""

    @property
    def offset(self) -> int:
        """Bytes before the next line."""
        return self._file.tell()

    def go_to(self, offset: int, number: int) -> None:
        """Come back to where ``offset`` and ``number`` stood."""
        self._file.seek(offset)
        self.number = number

    def __iter__(self) -> Iterator[str]:
        """Yield lines without their ends and the spaces around them."""
        readline, encoding = self._file.readline, self._encoding
        while raw := readline(LINE_BYTES_MAX + 1):
            if self.number == 0:
                raw = raw.removeprefix(_BOM)
            self.number += 1
            if len(raw) > LINE_BYTES_MAX:
                raise FileError(self.path, "a line of text: it never ends", line=self.number)
            try:
                text = raw.decode(encoding)
            except UnicodeDecodeError as error:
                raise FileError(self.path, f"text in {encoding}", line=self.number) from error
            yield text.strip()
