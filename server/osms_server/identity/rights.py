"""Which role may call what: the one table of it, and the checks that come before any other."""

from collections.abc import Iterable, Mapping
from typing import Final

from osms.v1 import core_pb2
from osms_server.errors import Reason, RequestError
from osms_server.identity.callers import Caller, Role, current_caller

_EVERYBODY = frozenset(Role)
_ASKS = frozenset({Role.MIS, Role.CONSUMER_PORTAL, Role.FUND_OPERATOR})
_ASKS_IN_BULK = frozenset({Role.MIS, Role.FUND_OPERATOR})
_LOADS = frozenset({Role.PAYMENT_LOADER, Role.FUND_OPERATOR})
_OPERATES = frozenset({Role.FUND_OPERATOR})
_OWN_PERSON = frozenset({Role.CONSUMER_PORTAL, Role.FUND_OPERATOR})

RIGHTS: Final[Mapping[str, frozenset[Role]]] = {
    "osms.v1.ConsumerService/LookupConsumer": _ASKS,
    "osms.v1.ConsumerService/BatchLookupConsumers": _ASKS_IN_BULK,
    "osms.v1.ConsumerService/StreamLookupConsumers": _ASKS_IN_BULK,
    "osms.v1.ConsumerService/ExplainConsumer": _ASKS,
    "osms.v1.ConsumerService/WatchConsumers": _ASKS,
    "osms.v1.ConsumerService/VerifyReceipt": _ASKS | {Role.AUDITOR},
    "osms.v1.ConsumerService/ListReceiptKeys": _EVERYBODY,
    "osms.v1.PaymentService/IngestRegisters": frozenset({Role.PAYMENT_LOADER}),
    "osms.v1.PaymentService/GetRegister": _LOADS | {Role.AUDITOR},
    "osms.v1.PaymentService/ListRegisters": _LOADS | {Role.AUDITOR},
    "osms.v1.PaymentService/ListSuspense": _LOADS,
    "osms.v1.PaymentService/ResolveSuspense": _LOADS,
    "osms.v1.PaymentService/ReversePayments": _LOADS,
    "osms.v1.PaymentService/ListPayments": _OWN_PERSON,
    "osms.v1.CategoryService/SyncCategories": frozenset({Role.CATEGORY_SOURCE}),
    "osms.v1.CategoryService/ReleaseHeldSnapshot": _OPERATES,
    "osms.v1.CategoryService/ListSources": _EVERYBODY,
    "osms.v1.CategoryService/ListCategories": _EVERYBODY,
    "osms.v1.CategoryService/ListAssignments": _OWN_PERSON,
    "osms.v1.RosterService/SyncRoster": _ASKS_IN_BULK,
    "osms.v1.RosterService/GetRosterReport": _ASKS_IN_BULK,
    "osms.v1.RosterService/ListRosterMembers": _ASKS_IN_BULK,
    "osms.v1.AccessService/ListAccesses": frozenset({Role.CONSUMER_PORTAL, Role.AUDITOR}),
    "osms.v1.AccessService/VerifyAccessLog": frozenset({Role.AUDITOR, Role.ADMIN}),
}
"""Who may call each RPC of the contract; one that does not stand here is not served."""

SOURCE_SHOWN_MAX = 64
_MENDS_EVERY_SOURCE = frozenset({Role.FUND_OPERATOR})
_SEES_EVERY_SOURCE = _MENDS_EVERY_SOURCE | {Role.AUDITOR}


def check_role(caller: Caller, rpc: str) -> None:
    """Raise RequestError unless one of the caller's roles may call an RPC, named as in RIGHTS."""
    roles = RIGHTS[rpc]
    if roles.isdisjoint(caller.roles):
        raise RequestError(
            Reason.ERROR_REASON_ROLE_MISSING,
            "This client may not call that.",
            {"rpc": rpc.partition("/")[2], "roles": ",".join(sorted(roles))},
        )


def check_purpose(purpose: "core_pb2.Purpose.ValueType") -> None:
    """Raise RequestError unless the caller may state a purpose. What is no purpose is let through:
    it is a violation of the request, found later."""
    if purpose in current_caller().purposes:
        return
    if purpose == core_pb2.PURPOSE_UNSPECIFIED or purpose not in core_pb2.Purpose.values():
        return
    raise RequestError(
        Reason.ERROR_REASON_PURPOSE_NOT_ALLOWED,
        "This client may not ask for that purpose.",
        {"purpose": core_pb2.Purpose.Name(purpose).removeprefix("PURPOSE_")},
    )


def check_sender(source: str) -> None:
    """Raise RequestError unless the caller may send for a source. That none is named is let
    through: it is a violation of the request, found later."""
    if source and source not in current_caller().sources:
        raise _not_allowed(source)


def check_sources(sources: Iterable[str]) -> None:
    """Raise RequestError unless the caller may see what all these sources sent.

    Those who may only see some have to name one: the empty source stands for all.
    """
    _check_own(sources, besides=_SEES_EVERY_SOURCE)


def check_mended(sources: Iterable[str]) -> None:
    """Raise RequestError unless the caller may mend what all these sources sent."""
    _check_own(sources, besides=_MENDS_EVERY_SOURCE)


def _check_own(sources: Iterable[str], *, besides: frozenset[Role]) -> None:
    caller = current_caller()
    if besides.isdisjoint(caller.roles):
        for source in sources:
            if source not in caller.sources:
                raise _not_allowed(source)


def _not_allowed(source: str) -> RequestError:
    # What does not look like a code is not repeated: it may be anything.
    plain = source.isascii() and source.isidentifier() and len(source) <= SOURCE_SHOWN_MAX
    return RequestError(
        Reason.ERROR_REASON_SOURCE_NOT_ALLOWED,
        "This client may not send for this source, or see what it sent.",
        {"source": source} if plain else {},
    )
