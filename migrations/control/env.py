"""Alembic's entry: migrate the connection that the service hands over."""

from alembic import context

from tidegate.adapters.control_database import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
