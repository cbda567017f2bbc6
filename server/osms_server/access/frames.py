"""How records lie in a file that was filled with zeros before: in frames of whole sectors.

A disk writes a sector or does not. So no write touches the sectors of an earlier record, and what
a crash left of a write is told from what somebody changed: sectors of it are still zeros. The
bytes of a record are stored inverted, lest it have such sectors of its own.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

SECTOR_BYTES = 512
MAGIC = b"OSMA"
_FIELDS = struct.Struct("<4sIIQ")
"""The magic, the CRC-32 of the stored body, its bytes, the number of the record."""
_CRC = struct.Struct("<I")
"""Of the fields."""
HEADER_BYTES = _FIELDS.size + _CRC.size
_INVERTED = bytes(range(255, -1, -1))
_BLANK = bytes(SECTOR_BYTES)


@dataclass(frozen=True, slots=True)
class Frame:
    """What lies at one place of a file."""

    number: int
    """The number of the record; 0 where it cannot be read."""
    sealed: bytes | None
    """Its bytes; None: they are not those that were written."""
    torn: bool
    """Whether parts of it were never written."""
    end: int
    """Where in the file the next may begin."""


def frame_of(number: int, sealed: bytes) -> bytes:
    """Return the sectors of a record."""
    body = sealed.translate(_INVERTED)
    fields = _FIELDS.pack(MAGIC, crc32(body), len(body), number)
    frame = b"".join((fields, _CRC.pack(crc32(fields)), body))
    return frame + bytes(-len(frame) % SECTOR_BYTES)


def frames_in(data: bytes) -> Iterator[Frame]:
    """Return what lies in a file, in its order; behind what cannot be read the next is looked for.

    ``data`` begins at a sector. What ends early counts as never written from there on.
    """
    begin = 0
    while begin < len(data):
        frame = _frame_at(data, begin)
        if frame is None:
            end = _next_header(data, begin + SECTOR_BYTES)
            if end == len(data) and not data[begin:].strip(b"\0"):
                return
            sector = data[begin : begin + SECTOR_BYTES]
            torn = len(sector) < SECTOR_BYTES or sector == _BLANK
            frame = Frame(0, None, torn, end)
        yield frame
        begin = frame.end


def _frame_at(data: bytes, begin: int) -> Frame | None:
    """Return the frame whose header is here; None: there is no header that can be read."""
    header = _header_at(data, begin)
    if header is None:
        return None
    body_crc, length, number = header
    body_end = begin + HEADER_BYTES + length
    end = body_end + -body_end % SECTOR_BYTES
    body = data[begin + HEADER_BYTES : body_end]
    if end <= len(data) and crc32(body) == body_crc and not data[body_end:end].strip(b"\0"):
        return Frame(number, body.translate(_INVERTED), torn=False, end=end)
    torn = end > len(data) or any(
        data.startswith(_BLANK, sector) for sector in range(begin, end, SECTOR_BYTES)
    )
    return Frame(number, None, torn, min(end, _next_header(data, begin + SECTOR_BYTES)))


def _header_at(data: bytes, begin: int) -> tuple[int, int, int] | None:
    """Return CRC-32 of the body, bytes of the body, number of the record."""
    fields = data[begin : begin + _FIELDS.size]
    check = data[begin + _FIELDS.size : begin + HEADER_BYTES]
    if not fields.startswith(MAGIC) or check != _CRC.pack(crc32(fields)):
        return None
    _, body_crc, length, number = _FIELDS.unpack(fields)
    return body_crc, length, number


def _next_header(data: bytes, begin: int) -> int:
    """Return where the next header is that can be read; the end, if there is none."""
    while (begin := data.find(MAGIC, begin)) >= 0:
        if begin % SECTOR_BYTES == 0 and _header_at(data, begin) is not None:
            return begin
        begin += 1
    return len(data)
