"""The asynchronous gateway: all calls on one channel."""

from osms_client.asynchronous.accesses import AccessCalls
from osms_client.asynchronous.categories import CategoryCalls
from osms_client.asynchronous.consumers import ConsumerCalls
from osms_client.asynchronous.payments import PaymentCalls
from osms_client.asynchronous.receipts import ReceiptCalls
from osms_client.asynchronous.rosters import RosterCalls
from osms_client.asynchronous.watching import WatchCalls


class AsyncGateway(
    ConsumerCalls, ReceiptCalls, WatchCalls, PaymentCalls, CategoryCalls, RosterCalls, AccessCalls
):
    """The gateway as coroutines: ``async with AsyncGateway("127.0.0.1:50051") as gateway:``.

    Everything runs in the event loop in which it was opened; what the iterables passed to it do
    must not block for long. The methods are those of ``Gateway``.
    """
