"""Where Alembic gets its connection: from the transaction that asked for the migration."""

from alembic import context
from sqlmodel import SQLModel

import state.tables  # noqa: F401

context.configure(connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata)
with context.begin_transaction():
    context.run_migrations()
