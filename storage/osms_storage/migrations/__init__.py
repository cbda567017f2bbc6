"""Brings a store's schema to this release's, and tells where it stands."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from osms_storage.errors import SchemaMismatchError
from osms_storage.store import Store, store_url


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def expected_schema() -> str:
    """Return the schema revision this release works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def migrate(store: str, target: str = "head") -> None:
    """Bring a store, given as path or URL, up or down to a schema revision; make it if need be.

    Raises SchemaMismatchError if the store has a schema newer than this release knows.
    """

    def run(connection: Connection) -> None:
        current = _current(connection)
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if current is not None and current not in known:
            raise SchemaMismatchError(current, expected_schema())
        config.attributes["connection"] = connection
        if target == "base":
            command.downgrade(config, target)
        else:
            command.upgrade(config, target)

    config = _config()
    engine = create_async_engine(store_url(store))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


async def check_schema(store: Store) -> None:
    """Raise SchemaMismatchError unless the store's schema is this release's."""
    async with store.reading() as connection:
        found = await connection.run_sync(_current)
    if found != expected_schema():
        raise SchemaMismatchError(found, expected_schema())
