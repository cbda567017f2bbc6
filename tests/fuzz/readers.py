"""Readers under test: each takes any bytes, and may refuse them only in its own words."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from osms.v1 import payment_service_pb2 as pb
from osms_client.loaders import (
    FileError,
    Mt102File,
    RegisterTable,
    kind_of,
    open_table,
    read_category_file,
    read_resolutions,
    read_reversals,
    read_roster,
)
from osms_server.errors import Reason, RequestError
from osms_server.pages import page_token, position_of
from osms_server.watching.resume_tokens import digest_of, resume_token, step_of

CORPUS = Path(__file__).with_name("corpus")
"""A folder of small files for each reader; the people in them are made up."""

_NUMBER = re.compile(r"\d{12}")
_LISTED = pb.ListRegistersRequest(source="state_corporation")
_WATCHED = digest_of(b"900101390002")

Reader = Callable[[bytes], None]
"""Returns, or raises what it should not have raised."""


@dataclass(frozen=True)
class FileReader:
    """Reads bytes as a file."""

    path: Path
    read: Callable[[Path], object]

    def __call__(self, content: bytes) -> None:
        """Read a file of these bytes; a FileError is an answer if it quotes nobody."""
        self.path.write_bytes(content)
        try:
            self.read(self.path)
        except FileError as error:
            # Chained, errors of the library may quote the file; its own text may not.
            if _NUMBER.search(error.expected):
                raise AssertionError("the error quotes a person's number") from error


def all_readers(folder: Path) -> dict[str, Reader]:
    """Return every reader by the name of its corpus; files are written to a folder."""
    path = folder / "file"
    files: dict[str, Callable[[Path], object]] = {
        "mt102": _mt102,
        "registers": _registers,
        "categories": lambda path: list(read_category_file(open_table(path)).records),
        "rosters": read_roster,
        "rejects": lambda path: list(read_resolutions(open_table(path))),
        "reversals": lambda path: list(read_reversals(open_table(path))),
        "kinds": kind_of,
    }
    return {
        **{name: FileReader(path, read) for name, read in files.items()},
        "page_tokens": _page_tokens,
        "resume_tokens": _resume_tokens,
    }


def _mt102(path: Path) -> None:
    for register in Mt102File(path, source="state_corporation").registers():
        rows = list(register.rows)
        # It was measured before it was yielded: both readings see the same rows.
        assert register.declared.people == len({row.iin for row in rows})


def _registers(path: Path) -> None:
    for register in RegisterTable(open_table(path)).registers():
        list(register.rows)


def _page_tokens(content: bytes) -> None:
    for token in _as_tokens(content):
        try:
            position = position_of(_LISTED, token, 2)
        except RequestError as error:
            if error.reason != Reason.ERROR_REASON_PAGE_TOKEN_INVALID:
                raise
            continue
        if position is not None:
            assert position_of(_LISTED, page_token(_LISTED, position), 2) == position


def _resume_tokens(content: bytes) -> None:
    for token in _as_tokens(content):
        try:
            step = step_of(token, _WATCHED, of_roster=False)
        except RequestError as error:
            if error.reason != Reason.ERROR_REASON_RESUME_TOKEN_INVALID:
                raise
            continue
        assert step_of(resume_token(step, _WATCHED), _WATCHED, of_roster=False) == step


def _as_tokens(content: bytes) -> tuple[str, str]:
    """Return the token that bytes are, and the token that holds them."""
    return content.decode("utf-8", errors="replace"), base64.urlsafe_b64encode(content).decode()


def seeds_of(name: str) -> list[bytes]:
    """Return the corpus of a reader."""
    return [file.read_bytes() for file in sorted((CORPUS / name).iterdir())]
