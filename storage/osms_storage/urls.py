"""How a store is named: by a path, or by a URL of one host or several."""

import re
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_SEVERAL_HOSTS = re.compile(
    r"(?P<beginning>[\w+]+://(?:[^:/@]*(?::[^@]*)?@)?)(?P<hosts>[^/?@]*,[^/?@]*)(?P<rest>([/?].*)?)"
)
_HOST = re.compile(r"(?P<name>\[[^\[\]]+\]|[^:\[\]]+)(?::(?P<port>\d+))?")
_PORT = "5432"
_HALF_A_URL = re.compile(r"(sqlite|postgres(ql)?)(\+\w+)?:")
_NO_URL = (
    "The URL of a store is written postgresql://USER@HOST:PORT/DATABASE; a / or @ in a password "
    "is written %2F or %40 there."
)


def store_url(store: str) -> str:
    """Return the URL of a store given as a path or as a URL.

    Raises ValueError for a URL that cannot be read; it tells nothing of it, for it may hold a
    password.
    """
    if "://" not in store:
        if _HALF_A_URL.match(store):
            raise ValueError(_NO_URL)
        return f"sqlite+aiosqlite:///{Path(store).absolute()}"
    url = _parsed(store)
    if url.drivername in _DRIVERS:
        url = url.set(drivername=_DRIVERS[url.drivername])
    return url.render_as_string(hide_password=False)


def store_file(store: str) -> Path | None:
    """Return the file of a store given as a path or as a URL; None for a database server."""
    url = make_url(store_url(store))
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return Path(url.database)


def holds_password(store: str) -> bool:
    """Tell whether a password stands in the path or URL of a store."""
    try:
        url = make_url(store_url(store))
    except ValueError:
        # Nobody knows what is what in it.
        return "@" in store
    return url.password is not None or "password" in url.query


def _parsed(store: str) -> URL:
    """Parse a URL; several hosts stand in it where PostgreSQL's own programs look for them."""
    several = _SEVERAL_HOSTS.fullmatch(store)
    if several is None:
        return _made(store)
    hosts = [_HOST.fullmatch(host) for host in several["hosts"].split(",")]
    pairs = [
        (host["name"].strip("[]"), host["port"] or _PORT) for host in hosts if host is not None
    ]
    if len(pairs) < len(hosts):
        raise ValueError("Several hosts of a store are written HOST:PORT,HOST:PORT.")
    names, ports = zip(*pairs, strict=True)
    url = _made(several["beginning"] + several["rest"])
    # Where SQLAlchemy looks for them.
    return url.update_query_dict({"host": ",".join(names), "port": ",".join(ports)})


def _made(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        # It quotes what it took for a port, and that may be a part of a password.
        raise ValueError(_NO_URL) from None
