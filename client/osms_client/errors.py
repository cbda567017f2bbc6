"""What can go wrong with a call, one class for each thing a caller can do about it.

    OsmsError
    +-- UnansweredError          nobody answered: says nothing about the person, never "not insured"
    |   +-- RetryLaterError      the gateway cannot answer now: ask again after `retry_after_s`
    |   +-- DeadlineError        no answer in time: ask again, or give it longer
    |   +-- InternalError        a defect of the gateway: report its `incident`
    |   +-- InvalidAnswerError   an answer this client cannot read: update the client
    |   +-- NothingKnownError    the local states say nothing of the person: ask the gateway
    +-- RefusedError             the call was refused as it stands: the same again is refused again
    |   +-- InvalidRequestError  fix the fields listed in `field_violations`
    |   +-- NotFoundError        the thing named does not exist
    |   +-- ConflictError        the gateway's state does not allow it: read `reason` and `metadata`
    |   +-- TokenExpiredError    watch anew without a token: the present states come first
    |   +-- LimitError           send less in one call
    |   +-- AccessDeniedError    this client may not do that
    +-- ReceiptError             not a genuine receipt: do not accept it
        +-- ReceiptKeyError      its key is not among yours: get the keys anew, and try again

"Not insured", "unknown consumer" and "suspended row" are answers and never raise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc

from osms_client.reasons import Reason

NO_STATUS = grpc.StatusCode.UNKNOWN


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of the request that breaks its rule."""

    field: str
    """Path of the field, e.g. ``lines[3].amount_tiyn``."""

    description: str
    """The rule it breaks, in English, for a developer."""


class OsmsError(Exception):
    """Root of all errors of this package."""

    def __init__(
        self,
        message: str,
        *,
        status: grpc.StatusCode = NO_STATUS,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        field_violations: tuple[FieldViolation, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        """The gRPC status, UNKNOWN if the error did not come from a call."""
        self.reason = reason
        """A ``Reason``, or the name of one newer than this client; empty if none was sent."""
        self.metadata: Mapping[str, str] = dict(metadata or {})
        """Facts of the reason, named in the contract's error_reason.proto."""
        self.field_violations = field_violations
        """All fields that are wrong."""
        self.retry_after_s = retry_after_s
        """How long the gateway asks to wait before the next try; None if it did not say."""


class UnansweredError(OsmsError):
    """Nobody answered the question. It says nothing about the person."""


class RetryLaterError(UnansweredError):
    """The gateway cannot be reached or cannot answer now."""


class DeadlineError(UnansweredError):
    """No answer came in time; what was sent may have been done all the same."""


class InternalError(UnansweredError):
    """A defect of the gateway."""

    @property
    def incident(self) -> str:
        """The id under which the gateway logged the defect; empty if it sent none."""
        return self.metadata.get("incident", "")


class InvalidAnswerError(UnansweredError):
    """The gateway sent something that this client cannot read."""


class NothingKnownError(UnansweredError):
    """The local states say nothing: not watched, not there yet, or heard too long ago."""


class RefusedError(OsmsError):
    """The gateway refused the call as it stands."""


class InvalidRequestError(RefusedError):
    """A field of the request is wrong."""


class NotFoundError(RefusedError):
    """The thing named does not exist."""


class ConflictError(RefusedError):
    """What the gateway holds does not allow this call."""


class TokenExpiredError(RefusedError):
    """What changed after this resume token is not kept any more."""


class LimitError(RefusedError):
    """One call asks for more than a limit allows; ``metadata`` names the limit."""


class AccessDeniedError(RefusedError):
    """This client is not known, or may not do that."""


class ReceiptError(OsmsError):
    """A text is not a genuine receipt."""


class ReceiptKeyError(ReceiptError):
    """A receipt was signed by a key that is not among those it is verified with."""


def reason_of(text: str) -> str:
    """Return the reason as an enum member where this client knows it."""
    return Reason(text) if text in Reason.__members__ else text
