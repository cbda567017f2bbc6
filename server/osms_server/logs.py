"""What the server writes to its log: events as JSON lines, and nothing of a person in them."""

import logging
import sys
from pathlib import Path
from traceback import extract_tb
from typing import cast

import structlog


def configure() -> None:
    """Write JSON lines to stderr; tracebacks never show values."""
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
