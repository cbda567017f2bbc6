"""A program that sends one list whole and half of another, and then hangs until it is killed.

Arguments: the gateway's address, and a file with a SyncRosterRequest a line, in hex.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc

from osms.v1.roster_service_pb2 import SyncRosterRequest
from osms.v1.roster_service_pb2_grpc import RosterServiceStub


def main(target: str, file: Path) -> None:
    """Print a line once the whole list was answered and the half is on its way."""

    def messages() -> Iterator[SyncRosterRequest]:
        for line in file.read_text("ascii").splitlines():
            yield SyncRosterRequest.FromString(bytes.fromhex(line))
        time.sleep(60)

    with grpc.insecure_channel(target) as channel:
        for _ in RosterServiceStub(channel).SyncRoster(messages()):
            sys.stdout.write("answered\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
