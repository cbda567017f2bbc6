"""Questions about receipts, and what they say."""

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms_client.errors import InvalidAnswerError
from osms_client.receipts import ReceiptCheck, ReceiptStatement
from osms_client.vocabulary import Purpose, ReceiptVerdict, Status
from osms_client.wire.scalars import Words, day, instant

_verdicts = Words(ReceiptVerdict, pb.ReceiptVerdict.Value, prefix="RECEIPT_VERDICT")
_statuses = Words(Status, core_pb2.EligibilityStatus.Value, prefix="ELIGIBILITY_STATUS")
_purposes = Words(Purpose, core_pb2.Purpose.Value, prefix="PURPOSE")


def verify_request(receipt: str, iin: str) -> pb.VerifyReceiptRequest:
    """Return the question what a receipt is worth."""
    return pb.VerifyReceiptRequest(receipt=receipt, iin=iin)


def check(response: pb.VerifyReceiptResponse) -> ReceiptCheck:
    """Return what came of the check."""
    if not response.verdict:
        raise InvalidAnswerError("a check of a receipt without a verdict")
    said = statement(response.statement) if response.HasField("statement") else None
    return ReceiptCheck(verdict=_verdicts.word(response.verdict), statement=said)


def keys_request() -> pb.ListReceiptKeysRequest:
    """Return the question for the public keys."""
    return pb.ListReceiptKeysRequest()


def keys(response: pb.ListReceiptKeysResponse) -> str:
    """Return the public keys as they were sent."""
    return response.jwks


def statement(said: pb.ReceiptStatement) -> ReceiptStatement:
    """Return what a receipt says."""
    return ReceiptStatement(
        decision_id=said.decision_id,
        client=said.client,
        person=said.person,
        service_date=day(said.service_date),
        status=_statuses.word_required(said.status),
        ruleset=said.ruleset,
        revision=said.revision,
        decided_at=instant(said.decided_at),
        purpose=_purposes.word_required(said.purpose),
    )
