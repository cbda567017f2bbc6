"""Brings a store's schema to this release's, and tells where it stands."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, column, select, table

from osms_storage.engines import engine_for
from osms_storage.errors import SchemaMismatchError
from osms_storage.private_files import make_file
from osms_storage.store import Store
from osms_storage.urls import store_file, store_url

_VERSION = table("alembic_version", column("version_num"))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


@cache
def expected_schema() -> str:
    """Return the schema revision this release works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def schema_of(connection: Connection) -> str | None:
    """Return the schema revision of a store; None if it has none."""
    # Not by a MigrationContext: each makes a table of its own, and health asks once a second, so
    # that an engine's cache filled with hundreds of statements that nobody asks for again.
    if not connection.dialect.has_table(connection, _VERSION.name):
        return None
    found: str | None = connection.scalar(select(_VERSION.c.version_num))
    return found


async def migrate(store: str, target: str = "head") -> str | None:
    """Bring a store, given as path or URL, up or down to a schema revision; make it if need be.

    Returns the schema it has then. Raises SchemaMismatchError if the store has a schema that this
    release does not know, StoreUnavailableError, ValueError for a target that does not exist.
    """

    def run(connection: Connection) -> str | None:
        # From base to head.
        scripts = ScriptDirectory.from_config(config).walk_revisions()
        known = [None, *(script.revision for script in reversed(list(scripts)))]
        current = schema_of(connection)
        wanted = {"head": known[-1], "base": None}.get(target, target)
        if wanted not in known:
            raise ValueError(f"There is no schema {target}.")
        if current not in known:
            raise SchemaMismatchError(current, expected_schema())
        config.attributes["connection"] = connection
        if known.index(wanted) < known.index(current):
            command.downgrade(config, wanted or "base")
        else:
            command.upgrade(config, wanted or "base")
        return schema_of(connection)

    config = _config()
    file = store_file(store)
    if file is not None and not file.parent.is_dir():
        raise NotADirectoryError(f"There is no folder {file.parent} to make a store in.")
    if file is not None:
        # The engine gives the files that it keeps beside this one the same mode.
        make_file(file)
    url = store_url(store)
    engine, reader = engine_for(url).create_engines(url, readers=1)
    try:
        with engine_for(url).translated():
            async with engine.begin() as connection:
                return await connection.run_sync(run)
    finally:
        await engine.dispose()
        await reader.dispose()


async def check_schema(store: Store) -> None:
    """Raise SchemaMismatchError unless the store's schema is this release's."""
    async with store.reading(newest=True) as connection:
        found = await connection.run_sync(schema_of)
    if found != expected_schema():
        raise SchemaMismatchError(found, expected_schema())
