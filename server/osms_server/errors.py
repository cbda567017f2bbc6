"""What the gateway refuses to do, in the words of the contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from osms.v1 import error_reason_pb2

Reason = error_reason_pb2.ErrorReason


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that breaks a rule of the contract."""

    field: str
    """Its path in the request, e.g. ``items[3].iin``."""
    description: str
    """What it must be; never holds what was sent."""


class RequestError(Exception):
    """A call that fails; its reason decides the status (see interceptors.errors)."""

    def __init__(
        self,
        reason: "Reason.ValueType",
        message: str,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        *,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after_s = retry_after_s
        """When the same call may be answered, where that is known."""


def limit_exceeded(limit: str, value: int, unit: str) -> RequestError:
    """Return the error of a request that is larger than a limit allows."""
    return RequestError(
        Reason.ERROR_REASON_LIMIT_EXCEEDED,
        f"More than {value} {unit}.",
        {"limit": limit, f"value_{unit}": str(value)},
    )
