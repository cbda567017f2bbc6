"""Calls of ConsumerService about receipts: what one is worth, and the keys to find out alone."""

from osms_client.asynchronous.connection import Connection
from osms_client.receipts import ReceiptCheck
from osms_client.wire import receipts


class ReceiptCalls(Connection):
    """Receipts of answers that ``lookup`` gave."""

    async def verify_receipt(
        self, receipt: str, iin: str, *, timeout_s: float | None = None
    ) -> ReceiptCheck:
        """Tell whether a receipt is genuine, about a person, and still answered the same.

        A receipt that is not genuine is an answer, not an error.
        """
        return await self._call(
            self._open.consumers.VerifyReceipt,
            receipts.verify_request(receipt, iin),
            receipts.check,
            timeout_s or self._deadlines.call_s,
        )

    async def receipt_keys(self, *, timeout_s: float | None = None) -> str:
        """Return the public keys of receipts, a JSON Web Key Set: keep it for ``ReceiptKeys``."""
        return await self._call(
            self._open.consumers.ListReceiptKeys,
            receipts.keys_request(),
            receipts.keys,
            timeout_s or self._deadlines.call_s,
        )
