"""The blocking gateway: all calls on one channel."""

from osms_client.blocking.accesses import AccessCalls
from osms_client.blocking.categories import CategoryCalls
from osms_client.blocking.consumers import ConsumerCalls
from osms_client.blocking.payments import PaymentCalls
from osms_client.blocking.receipts import ReceiptCalls
from osms_client.blocking.rosters import RosterCalls
from osms_client.blocking.watching import WatchCalls


class Gateway(
    ConsumerCalls, ReceiptCalls, WatchCalls, PaymentCalls, CategoryCalls, RosterCalls, AccessCalls
):
    """The gateway as blocking calls: ``with Gateway("127.0.0.1:50051") as gateway:``.

    One gateway serves many threads. The methods are those of ``AsyncGateway``.
    """
