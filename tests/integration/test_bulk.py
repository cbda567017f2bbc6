"""Many rows of one kind after many rows of another: bulk writes share staging tables."""

from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import payment_service_pb2 as pb
from tests.integration import feeds, registers
from tests.integration.people import new_iin
from tests.integration.wire import Stubs

MANY = 250
"""More than COPY_ROWS_MIN of the PostgreSQL engine."""


def test_large_registers_and_large_deltas_take_turns(stubs: Stubs) -> None:
    """Payments and categories write other columns of the same ledgers, by the same connection."""
    for _ in range(2):
        sent = registers.register(*(registers.row(line_no) for line_no in range(1, MANY + 1)))
        assert registers.ingest_one(stubs, sent).outcome == pb.REGISTER_OUTCOME_COMMITTED
        synced = feeds.send_delta(stubs, *(feeds.record(new_iin()) for _ in range(MANY)))
        assert synced.result.outcome == category_pb.SYNC_OUTCOME_APPLIED
