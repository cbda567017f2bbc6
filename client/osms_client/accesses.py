"""Accesses: who looked at a person's data."""

from dataclasses import dataclass
from datetime import date, datetime

from osms_client.vocabulary import AccessKind, Purpose, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One look at a person."""

    answered_at: datetime
    """When it was answered, UTC."""

    client: str
    """The name of the client that asked."""

    kind: AccessKind
    """What it called."""

    purpose: Purpose | None
    """Why, as it said; None: a purpose that is newer than this client."""

    case_reference: str
    """Its own number of the case; empty: none."""

    service_date: date | None
    """The day it asked about; None where there is none."""

    status: Status | None
    """What it was told; None where what it read is no answer of this kind."""

    decision_id: str
    """Names the answer."""
