"""Where Alembic gets its connection: from the transaction that asked for the migration."""

from alembic import context

from state.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
