"""Page tokens: where a list goes on, bound to its filters; nothing of a person is in them."""

import base64
import binascii
import json
from collections.abc import Sequence
from hashlib import blake2b

from google.protobuf.message import Message

from osms_server.errors import Reason, RequestError
from osms_server.fields import Fields

PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1_000


def page_size(
    fields: Fields, size: int, *, most: int = PAGE_SIZE_MAX, default: int = PAGE_SIZE_DEFAULT
) -> int:
    """Return how many entries a page has."""
    if not 0 <= size <= most:
        fields.violate("page_size", f"must be from 0 to {most}")
    return size or default


def _filter_digest(request: Message) -> str:
    filters = type(request)()
    filters.CopyFrom(request)
    filters.ClearField("page_token")
    filters.ClearField("page_size")
    if "iin" in type(request).DESCRIPTOR.fields_by_name:
        filters.ClearField("iin")
    return blake2b(filters.SerializeToString(deterministic=True), digest_size=6).hexdigest()


def page_token(request: Message, position: Sequence[int]) -> str:
    """Return the token of the page after a position."""
    content = json.dumps([_filter_digest(request), *position])
    return base64.urlsafe_b64encode(content.encode()).decode()


def position_of(request: Message, token: str, length: int) -> tuple[int, ...] | None:
    """Return the position a token stands for; None for the first page.

    Raises RequestError for a token that was not given out for these filters.
    """
    if not token:
        return None
    try:
        digest, *position = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError, binascii.Error, UnicodeError, RecursionError):
        digest, position = None, []
    valid = all(type(number) is int and abs(number) < 2**63 for number in position)
    if digest != _filter_digest(request) or len(position) != length or not valid:
        raise token_invalid()
    return tuple(position)


def token_invalid() -> RequestError:
    """Return the error of a page token that leads nowhere."""
    return RequestError(
        Reason.ERROR_REASON_PAGE_TOKEN_INVALID,
        "The page token was not given out for this list and these filters.",
    )
