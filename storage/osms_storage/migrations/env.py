"""Run by alembic with a connection that osms_storage.migrations gives it."""

from alembic import context

from osms_storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
