"""Receipts: what they say, and how they are verified without asking the gateway."""

from dataclasses import dataclass
from datetime import date, datetime

from osms_client.errors import ReceiptError, ReceiptKeyError
from osms_client.vocabulary import Purpose, ReceiptVerdict, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptStatement:
    """What a receipt says."""

    decision_id: str
    """Which answer it is."""

    client: str
    """The client that asked."""

    person: str
    """Whom it asked about, as a hash that gateways alone can make."""

    service_date: date
    """The day of care."""

    status: Status
    """The answer."""

    ruleset: str
    """Version of the rules that decided."""

    revision: int
    """Store revision the answer was computed at."""

    decided_at: datetime
    """When the answer was computed, UTC, to the second."""

    purpose: Purpose
    """Why it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptCheck:
    """What a receipt is worth."""

    verdict: ReceiptVerdict
    """The answer."""

    statement: ReceiptStatement | None
    """What it says; None if it is not genuine or about another person."""


class ReceiptKeys:
    """Verifies receipts by the public keys that a gateway publishes, without asking it.

    That a receipt is about a certain person the gateway alone can tell: ``verify_receipt``. Needs
    the extra `receipts`.
    """

    def __init__(self, jwks: str) -> None:
        """Take the JSON Web Key Set that ``receipt_keys`` or `osms keys publish` gave.

        Raises ValueError if it is none, ImportError without the extra.
        """
        try:
            from osms import receipts
        except ModuleNotFoundError as missing:
            raise ImportError(
                f"To verify receipts needs more than is installed ({missing}):"
                " pip install 'osms-gateway[receipts]'"
            ) from missing
        self._receipts = receipts
        self._keys = receipts.read_keys(jwks)

    def verify(self, receipt: str) -> ReceiptStatement:
        """Return what a receipt says, if it is genuine.

        Raises ReceiptKeyError if its key is not among these: get them anew, it may be newer.
        Raises ReceiptError if it is not genuine.
        """
        from osms_client.wire import receipts as wire

        try:
            return wire.statement(self._receipts.read_receipt(receipt.strip(), self._keys))
        except self._receipts.ReceiptKeyUnknownError as exc:
            raise ReceiptKeyError(str(exc)) from exc
        except self._receipts.ReceiptInvalidError as exc:
            raise ReceiptError(str(exc)) from exc
