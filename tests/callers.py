"""Callers of tests that work without a socket, and an access log that they do not keep."""

from collections.abc import Sequence
from dataclasses import replace

from osms.v1 import core_pb2
from osms.v1.access_record_pb2 import PackedAccess, SingleAccess
from osms_server.access.recorder import Recorder
from osms_server.identity import Caller, Role
from osms_storage.clock import Clock, system_clock

CLINIC = Caller(
    "clinic",
    roles=frozenset({Role.MIS}),
    purposes=frozenset(core_pb2.Purpose.values()),
    quota="national",
)
"""One that may ask for every purpose."""

OPERATOR = replace(CLINIC, client="fund", roles=frozenset({Role.FUND_OPERATOR}))
"""One that is told restricted categories."""


class Forgetful:
    """Takes entries, and keeps none."""

    async def write(
        self, *, singles: Sequence[SingleAccess] = (), packed: Sequence[PackedAccess] = ()
    ) -> None:
        """Do nothing."""


def forgetful_recorder(clock: Clock = system_clock) -> Recorder:
    """Return a recorder for what is not about the access log."""
    return Recorder(Forgetful(), clock)
