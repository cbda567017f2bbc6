"""What the server writes to its log: events as JSON lines, and nothing of a person in them."""

import logging
import sys
import time
from pathlib import Path
from traceback import extract_tb
from typing import cast

import structlog

LIBRARIES_LOGGED_EVERY_S = 1.0
"""A client's nonsense makes gRPC log every call: it must not fill a disk."""


def configure() -> None:
    """Write JSON lines to stderr; tracebacks never show values."""
    logging.basicConfig(handlers=[_Libraries(logging.WARNING)])
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


class _Libraries(logging.Handler):
    """Tells what libraries log once in a while, and where: their texts may quote what was sent."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._log = logger(__name__)
        self._quiet_until = 0.0
        self._untold = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record of a library."""
        now = time.monotonic()
        if now < self._quiet_until:
            self._untold += 1
            return
        exc = record.exc_info[1] if record.exc_info else None
        self._log.warning(
            "library",
            library=record.name,
            places=places(exc) if exc else [f"{record.filename}:{record.lineno}"],
            untold=self._untold,
        )
        self._quiet_until, self._untold = now + LIBRARIES_LOGGED_EVERY_S, 0


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger that names its module."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(module=name))


def places(exc: BaseException) -> list[str]:
    """Return where an exception and its causes came from, without their texts.

    Texts and local values of exceptions may quote rows and statements, and so people.
    """
    found: list[str] = []
    cause: BaseException | None = exc
    while cause is not None:
        frames = extract_tb(cause.__traceback__)
        found.append(type(cause).__name__)
        found += [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames[-8:]]
        cause = cause.__cause__ or cause.__context__
    return found
