"""A program that sends one register whole and half of another, and then hangs until it is killed.

Arguments: the gateway's address, and a file with an IngestRegistersRequest for each of the two.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc

from osms.v1.payment_service_pb2 import IngestRegistersRequest
from osms.v1.payment_service_pb2_grpc import PaymentServiceStub


def main(target: str, whole: Path, half: Path) -> None:
    """Print a line once the whole register was answered and the half is on its way."""
    begun = IngestRegistersRequest.FromString(half.read_bytes())
    begun.more_follows = True

    def messages() -> Iterator[IngestRegistersRequest]:
        yield IngestRegistersRequest.FromString(whole.read_bytes())
        yield begun
        time.sleep(60)

    with grpc.insecure_channel(target) as channel:
        for _ in PaymentServiceStub(channel).IngestRegisters(messages()):
            sys.stdout.write("answered\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
