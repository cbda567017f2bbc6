"""What each of several workers is told to do."""

import os
import socket
from pathlib import Path

import pytest

from osms_server.port import has_connections
from osms_server.settings import Settings
from osms_server.workers import settings_of_worker


@pytest.mark.parametrize("tells", [True, False])
def test_only_the_first_worker_tells_changes(tells: bool) -> None:
    """What has to be done once on a store is done by one worker, if this gateway is to do it."""
    settings = Settings(workers=3, tell_changes=tells)
    told = [settings_of_worker(settings, number).tell_changes for number in range(3)]
    assert told == [tells, False, False]


def test_looking_for_connections_leaves_no_file_open(tmp_path: Path) -> None:
    """A worker that leaves looks again and again, and must not run out of files meanwhile."""
    with (tmp_path / "file").open("w"), socket.socket() as other:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            has_connections(1)
        assert len(os.listdir("/proc/self/fd")) == before
        assert other.fileno() >= 0
