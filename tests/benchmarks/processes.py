"""What processes use, as the kernel counts it in /proc, and the cores they may use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_OWN, _WITH_ENDED_CHILDREN = slice(11, 13), slice(11, 15)
"""Fields of /proc/PID/stat behind the name: utime and stime; cutime and cstime follow them."""


def rss_mib(process: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def cpu_s(process: int) -> float:
    """Return the CPU time that all threads of a process have used."""
    return _cpu_s(process, _OWN)


def database_cpu_s(postmaster: int) -> float:
    """Return the CPU time that a PostgreSQL server and all its processes, ended ones too, used."""
    used = _cpu_s(postmaster, _WITH_ENDED_CHILDREN)
    for process in _children(postmaster):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            used += cpu_s(process)
    return used


def _cpu_s(process: int, fields: slice) -> float:
    # The name before them stands in parentheses and may hold spaces.
    stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, stat[fields])) / TICKS_PER_S


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
