"""The reference data that a new store starts with: sources, categories, purpose codes.

They are data of the law and of the agreements with the sources, one TOML table a code, and never
an enum: a code that comes or goes changes a file here and a revision in the store.
"""

import tomllib
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

Body = dict[str, Any]
"""What is said of one code: ids, names, dates as ISO strings."""

_FILE_OF_KIND = {
    "source": "sources.toml",
    "category": "categories.toml",
    "purpose_code": "purpose_codes.toml",
}


def documents() -> dict[str, dict[str, Body]]:
    """Return all reference data: kind (source, category, purpose_code) -> code -> body."""
    return {kind: _codes_of(name) for kind, name in _FILE_OF_KIND.items()}


@cache
def pairs_of_kind(kind: str) -> tuple[tuple[str, str], ...]:
    """Return the (source, category) pairs whose categories are of one kind, sorted."""
    return tuple(
        sorted(
            (source, code)
            for code, body in _codes_of("categories.toml").items()
            if body["kind"] == kind
            for source in body["sources"]
        )
    )


def _codes_of(name: str) -> dict[str, Body]:
    text = files(__package__).joinpath("reference", name).read_text(encoding="utf-8")
    return {
        code: {field: _plain(value) for field, value in body.items()}
        for code, body in tomllib.loads(text).items()
    }


def _plain(value: Any) -> Any:
    """Turn a date into text, so that a body can be kept as JSON."""
    return value.isoformat() if isinstance(value, date) else value
