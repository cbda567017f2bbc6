"""A chain of records: each holds the hash of the one before, so that none can be changed unseen."""

import hashlib
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from osms.v1 import access_service_pb2 as pb
from osms.v1.access_record_pb2 import AccessRecord

CHANGED = pb.ACCESS_LOG_FAULT_CHANGED
MISSING = pb.ACCESS_LOG_FAULT_MISSING
REORDERED = pb.ACCESS_LOG_FAULT_REORDERED


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a chain is not whole."""

    writer: str
    """The chain."""
    number: int
    """The record at fault; where records are missing, the first of them."""
    fault: "pb.AccessLogFault.ValueType"
    """What is wrong."""


@dataclass(slots=True)
class Chain:
    """How far a chain has come, as its writer or its reader knows it."""

    writer: str
    """Names it."""
    number: int = 0
    """The number of the last record; 0: there is none yet."""
    hash: bytes = b""
    """The SHA-256 of that record's bytes; empty: there is none yet."""

    def seal(self, record: AccessRecord) -> bytes:
        """Make a record the next of this chain, and return its bytes."""
        record.writer, record.number = self.writer, self.number + 1
        record.previous_hash = self.hash
        sealed = record.SerializeToString()
        self.number, self.hash = record.number, digest(sealed)
        return sealed

    def follow(self, sealed: bytes, number: int) -> Finding | None:
        """Take the bytes that stand as record ``number``; return what is wrong with them, if any.

        Whatever is wrong, the next is compared with these bytes, so that one fault is found once.
        That a record was changed is seen in the next one, or in the head that others remember: the
        finding names the record before it then.
        """
        expected, before = self.number + 1, self.hash
        self.number, self.hash = number, digest(sealed)
        try:
            record = AccessRecord.FromString(sealed)
        except DecodeError:
            return Finding(self.writer, number, CHANGED)
        if number > expected:
            return Finding(self.writer, expected, MISSING)
        if record.number != number or record.writer != self.writer:
            return Finding(self.writer, number, REORDERED)
        if record.previous_hash != before:
            return Finding(self.writer, max(1, number - 1), CHANGED)
        return None


def digest(sealed: bytes) -> bytes:
    """Return the SHA-256 of a record's bytes."""
    return hashlib.sha256(sealed).digest()
