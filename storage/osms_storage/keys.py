"""Many keys in one statement, as one parameter: the statement's text never changes."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Dialect, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Boolean, TypeDecorator


class _KeyList(TypeDecorator[Sequence[Any]]):
    """A list of integers or texts: an array where the engine has them, else JSON."""

    impl = Text
    cache_ok = True

    def __init__(self, *, texts: bool) -> None:
        super().__init__()
        self.texts = texts

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Return the engine's own type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(Text() if self.texts else BigInteger()))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        """Return the list as the driver takes it."""
        if value is None or dialect.name == "postgresql":
            return value
        return json.dumps(value) if self.texts else key_text(value)


def key_text(keys: Sequence[int]) -> str:
    """Return keys as a JSON array."""
    return "[" + ",".join(map(str, keys)) + "]"


class _Among(GenericFunction[bool]):
    """Takes a key and a list of keys."""

    type = Boolean()
    inherit_cache = True


@compiles(_Among, "postgresql")
def _array(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    key, keys = element.clauses
    return f"{compiler.process(key, **options)} = ANY({compiler.process(keys, **options)})"


@compiles(_Among)
def _json(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    key, keys = element.clauses
    values = f"(SELECT value FROM json_each({compiler.process(keys, **options)}))"
    return f"{compiler.process(key, **options)} IN {values}"


def among(key: ColumnElement[Any], name: str = "keys") -> ColumnElement[bool]:
    """Return the condition that a key is one of the list passed as a parameter of this name."""
    return _Among(key, bindparam(name, type_=_KeyList(texts=isinstance(key.type, Text))))
