"""Resume tokens: the step up to which a watcher was told, bound to whom it watches."""

import base64
import struct
from hashlib import blake2b

from osms_server.errors import Reason, RequestError

_CONTENT = struct.Struct(">BQ2s")
_VERSION = 1


def digest_of(watched: bytes) -> bytes:
    """Return a digest of whom a stream watches.

    So short that it notices a mix-up and yet does not tell a person's number to who has the token.
    """
    return blake2b(watched, digest_size=2).digest()


def resume_token(step: int, digest: bytes) -> str:
    """Return the token of what follows a step."""
    content = _CONTENT.pack(_VERSION, step, digest)
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def step_of(token: str, digest: bytes, *, of_roster: bool) -> int:
    """Return the step that a token stands for.

    Raises RequestError for a token that was not given out for these people: for a roster
    RESUME_TOKEN_EXPIRED, as it may be a list of other members by now.
    """
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        version, step, watched = _CONTENT.unpack(content)
    except (ValueError, struct.error):
        raise invalid_token() from None
    if version != _VERSION or step >= 2**63:
        raise invalid_token()
    if watched != digest and of_roster:
        raise RequestError(
            Reason.ERROR_REASON_RESUME_TOKEN_EXPIRED,
            "The roster has other members by now; watch it anew, without a token.",
        )
    if watched != digest:
        raise invalid_token()
    return int(step)


def invalid_token() -> RequestError:
    """Return the error of a token that means nothing."""
    return RequestError(
        Reason.ERROR_REASON_RESUME_TOKEN_INVALID,
        "The resume token was not given out here for these people.",
    )
