"""Signed tokens: how a proxy on this machine, which has ended TLS, says who its client is.

A token is a JSON Web Token with the claims ``sub`` (the client's name), ``aud``, ``iat`` and
``exp``, signed with a key whose public part stands, under its ``kid``, in a JSON Web Key Set file.
Keys are rotated by changing that file: it is read again when it changes.
"""

import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jwt

from osms_server import logs
from osms_server.identity.followed_files import FollowedFiles

ALGORITHMS = ["EdDSA", "ES256"]
"""Of public keys only: a shared secret would let everybody who verifies sign, too."""
TOKEN_LIFE_MAX_S = 300
"""Longer a token may not live: whoever gets hold of one can use it so long."""
CLOCK_SKEW_S = 5
"""How far the clock of who signs may be ahead."""
TOKENS_KEPT_MAX = 4_096
"""How many verified tokens are kept: clients send one again and again."""
TOKEN_CHARACTERS_MAX = 4_096
KEYS_LOOKED_AT_EVERY_S = 1.0

_log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Token:
    """What a verified token says."""

    client: str
    """The client's name."""
    issued_at: datetime
    """When it was signed."""
    expires_at: float
    """Until when it is good, in seconds since 1970."""


class TokenError(Exception):
    """A token that is not taken; ``why`` is a code of the contract's CALLER_UNKNOWN."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Tokens:
    """Verifies tokens with the keys of a file."""

    def __init__(self, keys: Path, audience: str) -> None:
        """Read the keys. Raises OSError or ValueError if there are none to be read."""
        self._file = keys
        self._audience = audience
        self._followed = FollowedFiles(keys)
        self._keys = _read(keys)
        self._looks_at = 0.0
        self._kept: OrderedDict[str, Token] = OrderedDict()

    def read(self, text: str) -> Token:
        """Return what a token says; raise TokenError if it is not good, or not any more."""
        now = time.time()
        self._look(now)
        token = self._kept.get(text)
        if token is None:
            token = self._verified(text)
            if len(self._kept) >= TOKENS_KEPT_MAX:
                self._kept.popitem(last=False)
            self._kept[text] = token
        if token.expires_at <= now:
            raise TokenError("token_expired")
        return token

    def _verified(self, text: str) -> Token:
        try:
            if len(text) > TOKEN_CHARACTERS_MAX:
                raise TokenError("token_invalid")
            key = self._keys.get(str(jwt.get_unverified_header(text).get("kid")))
            if key is None:
                raise TokenError("token_invalid")
            claims = jwt.decode(
                text,
                key,
                algorithms=ALGORITHMS,
                audience=self._audience,
                leeway=CLOCK_SKEW_S,
                options={"require": ["sub", "aud", "iat", "exp"], "strict_aud": True},
            )
        except jwt.ExpiredSignatureError as exc:
            raise TokenError("token_expired") from exc
        except jwt.PyJWTError as exc:
            raise TokenError("token_invalid") from exc
        issued_s, expires_s = float(claims["iat"]), float(claims["exp"])
        if not 0 < expires_s - issued_s <= TOKEN_LIFE_MAX_S:
            raise TokenError("token_invalid")
        return Token(claims["sub"], datetime.fromtimestamp(issued_s, UTC), expires_s)

    def _look(self, now: float) -> None:
        """Read the keys anew if their file has changed; one that cannot be read changes nothing."""
        if now < self._looks_at:
            return
        self._looks_at = now + KEYS_LOOKED_AT_EVERY_S
        if not self._followed.changed():
            return
        try:
            self._keys = _read(self._file)
        except (OSError, ValueError) as exc:
            _log.error("token keys", places=logs.places(exc))
            return
        # A key that was taken away takes its tokens with it.
        self._kept.clear()
        _log.info("token keys read", keys=len(self._keys))


def _read(file: Path) -> dict[str, jwt.PyJWK]:
    """Return the public keys of a JSON Web Key Set, by kid."""
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))["keys"]
        keys = {}
        for entry in entries:
            if entry.get("kty") not in ("OKP", "EC") or "d" in entry:
                raise ValueError(f"{file}: only public keys of the types OKP and EC are taken")
            keys[str(entry["kid"])] = jwt.PyJWK(entry)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, jwt.PyJWTError) as exc:
        raise ValueError(f"{file}: not a JSON Web Key Set with a kid for each key") from exc
    if not keys:
        raise ValueError(f"{file}: there is no key in it")
    return keys
