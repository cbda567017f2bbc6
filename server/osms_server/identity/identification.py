"""Finds out who calls: by the certificate of the connection, or by the token of the call."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import grpc

from osms.v1 import core_pb2
from osms_server.errors import Reason, RequestError
from osms_server.identity.callers import Caller, Role, current_caller
from osms_server.identity.certificates import ClientCertificates
from osms_server.identity.clients import Clients
from osms_server.identity.tokens import TokenError, Tokens
from osms_storage.clients import ClientRecord

Context = grpc.aio.ServicerContext[Any, Any]

_BEARER = "Bearer "
_WORDS = {
    "no_identity": "Who calls? Show a certificate or a token.",
    "token_invalid": "This token is not taken.",
    "token_expired": "This token is not good any more.",
    "certificate_unknown": "This certificate is not one of a client.",
    "certificate_expired": "This certificate is not good any more.",
    "client_unknown": "There is no such client.",
    "client_disabled": "This client was disabled.",
}
"""What is said for each code of the contract's CALLER_UNKNOWN."""


class Identification:
    """Tells the caller of each call, or that nobody known calls."""

    def __init__(self, clients: Clients, tokens: Tokens | None, plain_client: str) -> None:
        """Identify known clients.

        ``tokens``: how those are verified who come over the plain-text port; None: they have none.
        ``plain_client``: who they are without; empty: nobody.
        """
        self._clients = clients
        self._certificates = ClientCertificates()
        self._tokens = tokens
        self._plain_client = plain_client
        self._callers: dict[str, tuple[ClientRecord, Caller]] = {}

    async def caller_of(self, context: Context) -> Caller:
        """Return who calls; raise RequestError CALLER_UNKNOWN if that is nobody the gateway knows.

        A certificate alone counts where there is one: no token makes its client another's.
        """
        shown = _certificate(context)
        if shown:
            return await self._certified(shown)
        token = _token(context)
        if token:
            return await self._trusted(token)
        if not self._plain_client:
            raise unknown_caller("no_identity")
        return self._caller(await self._client(self._plain_client))

    async def identify_again(self, context: Context, since: datetime) -> Caller:
        """Return who called a stream that began then, as the client is now.

        A token that has run out since is let be: it was good when the stream began. Raises
        RequestError CALLER_UNKNOWN if the client is not known any more, or its tokens of then are
        not taken any more.
        """
        shown = _certificate(context)
        if shown:
            return await self._certified(shown)
        record = await self._client(current_caller().client)
        if record.tokens_from is not None and since < record.tokens_from:
            raise unknown_caller("token_expired")
        return self._caller(record)

    async def _certified(self, pem: bytes) -> Caller:
        try:
            certificate = self._certificates.read(pem)
        except ValueError as exc:
            raise unknown_caller("certificate_unknown") from exc
        now = datetime.now(UTC)
        if certificate.expires_at <= now:
            # It was good when the connection began.
            raise unknown_caller("certificate_expired")
        # One that names a client it is not registered for says no more than an unknown one.
        name = certificate.client
        record = self._clients.known(name) or await self._clients.find(name)
        if record is None or certificate.fingerprint not in record.certificates:
            raise unknown_caller("certificate_unknown")
        if record.disabled_at is not None:
            raise unknown_caller("client_disabled")
        until = record.certificates[certificate.fingerprint]
        if until is not None and until <= now:
            raise unknown_caller("certificate_expired")
        return self._caller(record)

    async def _trusted(self, text: str) -> Caller:
        if self._tokens is None:
            raise unknown_caller("token_invalid")
        try:
            token = self._tokens.read(text)
        except TokenError as exc:
            raise unknown_caller(exc.why) from exc
        record = await self._client(token.client)
        if record.tokens_from is not None and token.issued_at < record.tokens_from:
            raise unknown_caller("token_expired")
        return self._caller(record)

    async def _client(self, name: str) -> ClientRecord:
        record = self._clients.known(name) or await self._clients.find(name)
        if record is None:
            raise unknown_caller("client_unknown")
        if record.disabled_at is not None:
            raise unknown_caller("client_disabled")
        return record

    def _caller(self, record: ClientRecord) -> Caller:
        """Return the caller that a record makes; made once for each record."""
        kept = self._callers.get(record.name)
        if kept is not None and kept[0] is record:
            return kept[1]
        caller = Caller(
            client=record.name,
            roles=frozenset(Role(role) for role in record.roles if role in _ROLES),
            sources=record.sources,
            purposes=frozenset(_PURPOSES[name] for name in record.purposes if name in _PURPOSES),
            quota=record.quota,
            hidden_days=record.hidden_days,
        )
        self._callers[record.name] = record, caller
        return caller


_ROLES = frozenset(Role)
"""A release may read what a newer one has written: what it does not know is granted to nobody."""
_PURPOSES: Mapping[str, int] = {
    name.removeprefix("PURPOSE_"): number
    for name, number in core_pb2.Purpose.items()
    if number != core_pb2.PURPOSE_UNSPECIFIED
}


def _certificate(context: Context) -> bytes:
    """Return the certificate that the client of a connection has shown, as PEM; empty: none."""
    for shown in context.auth_context().get("x509_pem_cert", ()):
        return shown
    return b""


def _token(context: Context) -> str:
    """Return the token that came with a call; empty: none."""
    for key, value in context.invocation_metadata() or ():
        if key == "authorization" and isinstance(value, str):
            if not value.startswith(_BEARER):
                raise unknown_caller("token_invalid")
            return value.removeprefix(_BEARER)
    return ""


def unknown_caller(why: str) -> RequestError:
    """Return the error of a call from nobody the gateway knows, for a code of the contract."""
    return RequestError(Reason.ERROR_REASON_CALLER_UNKNOWN, _WORDS[why], {"why": why})
