"""What processes use, as the kernel counts it in /proc, and the cores they may use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def rss_mib(process: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _children(process: int) -> list[int]:
    return [
        int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()
    ]


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this thread, and what it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def check_cores(process: int, cores: set[int]) -> None:
    """Make sure that a process and its children may use just these cores."""
    for each in (process, *_children(process)):
        with suppress(ProcessLookupError):
            if os.sched_getaffinity(each) != cores:
                raise RuntimeError(f"process {each} is not on the cores {sorted(cores)}")
