"""What a killed process acknowledged is in its journal, whole, and reaches the store."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from osms_server.access.chain_files import chains_in
from osms_server.access.folder_verification import verify_folder
from osms_server.access.shipping import Shipper
from tests.unit.server.chains import MemoryKeeper, people_in, records_in

ROOT = Path(__file__).parents[3]
ACKNOWLEDGED_MAX = 800


def acknowledged_before_kill(folder: Path, file_bytes: int) -> set[int]:
    """Run a writer, and kill it at a random moment; return whom it acknowledged."""
    program = [
        sys.executable,
        "-m",
        "tests.unit.server.journal_writer",
        str(folder),
        str(file_bytes),
    ]
    with subprocess.Popen(program, stdout=subprocess.PIPE, cwd=ROOT) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(random.randint(1, ACKNOWLEDGED_MAX))]
        writer.kill()
        *rest, cut = writer.stdout.read().split(b"\n")
    assert lines[-1].endswith(b"\n")
    assert cut == b""  # a line is written at once or not at all
    return {int(line) for line in [*lines, *rest]}


@pytest.mark.parametrize("file_bytes", [2 * 1024, 4 * 1024 * 1024])
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, file_bytes: int) -> None:
    """Also in the middle of a change of files; the next process takes everything over."""
    acknowledged = set[int]()
    for _ in range(2):
        acknowledged |= acknowledged_before_kill(tmp_path, file_bytes)
        keeper = MemoryKeeper()
        assert (await verify_folder(tmp_path, keeper)).findings == ()
        assert acknowledged <= set(people_in(records_in(tmp_path)))
    shipper = Shipper(tmp_path, keeper)
    while chains_in(tmp_path):
        await shipper.ship()
    assert acknowledged <= set(keeper.people())
    assert len(keeper.ended) == 2
