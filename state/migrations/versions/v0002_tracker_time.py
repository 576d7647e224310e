"""When an operation began by the tracker's own clock, and a quick way to what may be forgotten."""

import sqlalchemy as sa
from alembic import op

from state.columns import Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column and an index to the journal."""
    op.add_column("intent", sa.Column("begun_there", Utc(), nullable=True))
    done = sa.text("finished_at IS NOT NULL")
    op.create_index("intent_finished", "intent", ["finished_at"], sqlite_where=done, postgresql_where=done)
