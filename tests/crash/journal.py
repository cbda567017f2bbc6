"""What a loader wrote down before it sent and after it was answered: the memory that survives it.

One JSON object a line; a line that a kill cut short counts as not written.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REGISTERS, DELTAS = "registers", "deltas"
"""The kinds of things that are sent."""


class Journal:
    """Appends lines to a file, each handed to the system before the next step."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._file.write(b"\n")  # ends a line that was cut short

    def sending(self, kind: str, number: int) -> None:
        """Note that something is about to be sent."""
        self._write({"sending": kind, "number": number})

    def answered(self, kind: str, number: int, answer: dict[str, Any]) -> None:
        """Note the answer to something."""
        self._write({"answered": kind, "number": number, "answer": answer})

    def wrong(self, words: str) -> None:
        """Note an answer that no outage explains."""
        self._write({"wrong": words})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")


@dataclass
class Notes:
    """What the lines say; may be read while a loader writes."""

    path: Path
    sent: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Numbers that were sent, answered or not, by kind."""
    answers: dict[str, dict[int, list[dict[str, Any]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    """All answers to each number, by kind."""
    wrong: list[str] = field(default_factory=list)
    newest_revision: int = 0
    answer_count: int = 0
    _offset: int = 0

    def read(self) -> "Notes":
        """Take in the lines that are whole by now."""
        if not self.path.exists():
            return self
        with self.path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for text in whole.split(b"\n"):
            try:
                line = json.loads(text)
            except ValueError:
                continue  # cut short by a kill
            self._take(line)
        return self

    def _take(self, line: dict[str, Any]) -> None:
        if "sending" in line:
            self.sent[line["sending"]].add(line["number"])
        elif "answered" in line:
            self.answers[line["answered"]][line["number"]].append(line["answer"])
            self.newest_revision = max(self.newest_revision, line["answer"]["revision"])
            self.answer_count += 1
        else:
            self.wrong.append(line["wrong"])
