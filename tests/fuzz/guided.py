"""Feeds one reader: `python -m tests.fuzz.guided NAME INPUTS SEED FOLDER`.

Guided by what the inputs reach where atheris is installed, else by chance alone. A process of its
own: atheris ends it, and a reader that crashes or hangs takes nobody with it. The last line it
prints is a JSON object of figures.
"""

import faulthandler
import json
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.fuzz.mutation import BYTES_MAX, mutations

HANG_S = 20
"""An input that takes longer is one on which a reader hangs."""
WARM_SHARE = 0.2
"""After this share of the inputs caches have their size."""


class Counted:
    """A reader that ends the process, with its figures, after so many inputs."""

    def __init__(self, reader: Any, count: int) -> None:
        self._reader = reader
        self._count = count
        self._read = 0
        self._slowest_s = self._warm_mib = 0.0

    def __call__(self, content: bytes) -> None:
        """Read an input; what it raises is a finding."""
        since = time.perf_counter()
        self._reader(content)
        self._slowest_s = max(self._slowest_s, time.perf_counter() - since)
        self._read += 1
        if self._read == max(1, round(self._count * WARM_SHARE)):
            self._warm_mib = _rss_mib()
        if self._read == self._count:
            figures = {
                "inputs": self._read,
                "slowest_s": round(self._slowest_s, 3),
                "warm_mib": round(self._warm_mib, 1),
                "end_mib": round(_rss_mib(), 1),
            }
            sys.stdout.write(json.dumps(figures) + "\n")
            sys.stdout.flush()
            os._exit(0)


def main(name: str, count: int, seed: int, folder: Path) -> None:
    """Feed a reader and end the process: with 0 if it stood all inputs."""
    if find_spec("atheris") is None:
        _by_chance(name, count, seed, folder)
    else:
        _guided(name, count, seed, folder)


def _by_chance(name: str, count: int, seed: int, folder: Path) -> None:
    from tests.fuzz.readers import all_readers, seeds_of

    counted = Counted(all_readers(folder)[name], count)
    for content in mutations(seeds_of(name), count, seed):
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        counted(content)


def _guided(name: str, count: int, seed: int, folder: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["osms_client.loaders", "osms_server"]):
        from tests.fuzz.readers import CORPUS, all_readers

    found = folder / "found"
    found.mkdir()
    words = [
        *("osms-fuzz", f"-seed={seed}", f"-max_len={BYTES_MAX}", f"-timeout={HANG_S}"),
        # Twice as many as are counted: some are run again to be made smaller.
        *(f"-runs={2 * count}", f"-artifact_prefix={Path.cwd()}/fuzz-{name}-", "-verbosity=0"),
        *(str(found), str(CORPUS / name)),
    ]
    atheris.Setup(words, Counted(all_readers(folder)[name], count))
    atheris.Fuzz()


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4_096 / 2**20


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
