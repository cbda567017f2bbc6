"""Fuzzes all that reads what others wrote, and prints what came of it: `make fuzz INPUTS=1000000`.

A reader in a process of its own each, one after the other; then frames of HTTP/2 and messages of
gRPC to a gateway that runs. Exit status 1 if anything crashed, hung or grew.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.gateway import besiege, besieged_gateway
from tests.fuzz.readers import CORPUS
from tests.fuzz.wire import inputs

WIRE_SHARE = 0.15
"""Of all inputs those that go over a socket: they take far longer than others."""
STORMS_SHARE = 0.1
"""Of these again those with storms of calls that are reset at once, to a gateway of their own: what
gRPC's core keeps of them grows, so their memory is only shown (see SECURITY.md)."""
GROWTH_MAX = 0.25
"""By which share a gateway may grow after the first fifth of its inputs, where no storms are."""
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where writing files costs no disk."""


def main(count: int, seed: int) -> int:
    """Fuzz everything with so many inputs together; return the exit status."""
    names = sorted(folder.name for folder in CORPUS.iterdir())
    on_wire = round(count * WIRE_SHARE)
    each = -(-(count - on_wire) // len(names))
    well = True
    for name in names:
        well &= _fuzz_reader(name, each, seed)
    storms = round(on_wire * STORMS_SHARE)
    well &= _fuzz_gateway("gateway", on_wire - storms, seed, storms=False)
    well &= _fuzz_gateway("reset storms", storms, seed, storms=True)
    return 0 if well else 1


def _fuzz_reader(name: str, count: int, seed: int) -> bool:
    since = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="osms-fuzz-", dir=_MEMORY) as folder:
        command = [sys.executable, "-m", "tests.fuzz.guided", name, str(count), str(seed), folder]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        _print(name, f"FAILED: {ended.stderr[-3_000:]}")
        return False
    figures = json.loads(ended.stdout.splitlines()[-1])
    told = (
        f"{figures['inputs']:>9,} inputs, no crash, no hang (slowest {figures['slowest_s']} s),"
        f" {figures['warm_mib']:.0f} -> {figures['end_mib']:.0f} MiB"
    )
    _print(name, f"{told}, {time.monotonic() - since:.0f} s")
    return True


def _fuzz_gateway(name: str, count: int, seed: int, *, storms: bool) -> bool:
    since = time.monotonic()
    try:
        with besieged_gateway() as gateway:
            siege = besiege(gateway, inputs(count, seed, storms=storms), count)
    except Exception as exc:
        _print(name, f"FAILED: {exc!r}")
        return False
    warm, end = siege.rss_mib
    _print(
        name,
        f"{siege.sent:>9,} inputs, no crash, a good client waited {siege.slowest_answer_s:.2f} s at"
        f" most, {warm:.0f} -> {end:.0f} MiB, {siege.log_bytes:,} bytes of log,"
        f" {time.monotonic() - since:.0f} s",
    )
    return storms or siege.growth <= GROWTH_MAX


def _print(name: str, text: str) -> None:
    sys.stdout.write(f"{name:14} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(int(os.environ.get("INPUTS", "100000")), int(os.environ.get("SEED", "1"))))
