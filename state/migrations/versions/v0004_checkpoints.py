"""Personal text beside the ledger, checkpoints of it, and where they are kept."""

import sqlalchemy as sa
from alembic import op

from state.columns import Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add three tables."""
    op.create_table(
        "salted",
        sa.Column("hash", sa.String(), primary_key=True),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
    )
    op.create_index("salted_by_digest", "salted", ["digest"], unique=True)
    op.create_table(
        "checkpoint",
        sa.Column("size", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("head", sa.String(), nullable=False),
        sa.Column("edge", sa.Text(), nullable=False),
        sa.Column("signed_at", Utc(), nullable=False),
    )
    op.create_table(
        "anchor",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("kept_at", Utc(), nullable=True),
        sa.Column("failed_at", Utc(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
    )
