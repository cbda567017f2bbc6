"""Receipts: signed statements of single answers, and what they are worth later.

A receipt holds the status and what is needed to ask the same question again: never a ground, so
that those of exempt people look like those of others the state pays for.
"""

from datetime import date, datetime
from hmac import compare_digest

from osms.receipts import (
    RECEIPT_CHARACTERS_MAX,
    ReceiptInvalidError,
    read_receipt,
    sign_receipt,
    write_keys,
)
from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms.values import format_iin
from osms_server import answers, logs
from osms_server.errors import Reason, RequestError
from osms_server.fields import Fields
from osms_server.identity import current_caller
from osms_server.inquiry import Inquiry
from osms_server.keys import KeyRing, SigningKeys
from osms_storage.clock import Clock

_log = logs.logger(__name__)


class Receipts:
    """Gives out receipts and verifies them; without keys it refuses both."""

    def __init__(self, keys: SigningKeys | None, inquiry: Inquiry, clock: Clock) -> None:
        self._keys = keys
        self._inquiry = inquiry
        self._clock = clock

    def ring(self) -> KeyRing:
        """Return the keys; raise RequestError if the gateway has none."""
        if self._keys is None:
            raise RequestError(
                Reason.ERROR_REASON_RECEIPTS_NOT_OFFERED,
                "This gateway was given no keys: it neither gives out receipts nor verifies any.",
            )
        return self._keys.ring

    def issue(
        self, answer: core_pb2.Eligibility, purpose: "core_pb2.Purpose.ValueType", ring: KeyRing
    ) -> None:
        """Give a whole answer its receipt.

        The revision it names is that of the view that was answered from, also where a past moment
        was asked about: what was known at it never changes, so the answer can be repeated.
        """
        statement = pb.ReceiptStatement(
            decision_id=answer.decision_id,
            client=current_caller().client,
            person=ring.person(answer.decision_id, answer.iin),
            service_date=answer.service_date,
            status=answer.status,
            ruleset=answer.ruleset,
            revision=answer.revision,
            decided_at=answer.decided_at,
            purpose=purpose,
        )
        answer.receipt = sign_receipt(statement, ring.key_id, ring.signing)

    async def verify(self, request: pb.VerifyReceiptRequest) -> pb.VerifyReceiptResponse:
        """Tell what a receipt is worth."""
        ring = self.ring()
        fields = Fields()
        iin = fields.iin(request.iin)
        if not request.receipt:
            fields.violate("receipt", "is required")
        elif len(request.receipt) > RECEIPT_CHARACTERS_MAX:
            fields.violate("receipt", f"must have at most {RECEIPT_CHARACTERS_MAX} characters")
        fields.check()
        try:
            statement = read_receipt(request.receipt, ring.public)
        except ReceiptInvalidError:
            return pb.VerifyReceiptResponse(verdict=pb.RECEIPT_VERDICT_NOT_GENUINE)
        if not compare_digest(
            statement.person, ring.person(statement.decision_id, format_iin(iin))
        ):
            return pb.VerifyReceiptResponse(verdict=pb.RECEIPT_VERDICT_OTHER_PERSON)
        verdict = pb.RECEIPT_VERDICT_GENUINE
        if await self._repeated(iin, statement, self._clock()) != statement.status:
            verdict = pb.RECEIPT_VERDICT_NOT_REPEATED
            _log.error("receipt not repeated", decision_id=statement.decision_id)
        return pb.VerifyReceiptResponse(verdict=verdict, statement=statement)

    async def _repeated(
        self, iin: int, statement: pb.ReceiptStatement, now: datetime
    ) -> "core_pb2.EligibilityStatus.ValueType":
        """Return what the gateway answers now from what it knew then.

        The rules of then decide, as they are kept by revision too. Unspecified, which no receipt
        says, if the store has never been at that revision.
        """
        try:
            view = await self._inquiry.view([iin], statement.revision, now)
        except RequestError as exc:
            if exc.reason != Reason.ERROR_REASON_KNOWN_AT_IN_FUTURE:
                raise
            return core_pb2.ELIGIBILITY_STATUS_UNSPECIFIED
        day = date.fromisoformat(statement.service_date)
        return answers.STATUS[answers.decide(view, iin, day).status]

    def published(self) -> pb.ListReceiptKeysResponse:
        """Return the public keys."""
        return pb.ListReceiptKeysResponse(jwks=write_keys(self.ring().public))
