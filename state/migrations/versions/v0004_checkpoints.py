"""Personal text beside the ledger, checkpoints of it, and where they are kept; on a server, one way to add to it."""

import sqlalchemy as sa
from alembic import op

from state.columns import Utc
from state.guards import NEXT, PATH

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NEXT = f"""
CREATE OR REPLACE FUNCTION audit_next() RETURNS trigger LANGUAGE plpgsql
SET search_path = {PATH} AS $${NEXT}$$"""
_APPEND = """
CREATE FUNCTION audit_append(seqs integer[], prevs text[], hashes text[], objects text[], bodies text[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN
INSERT INTO {schema}.audit (seq, prev, hash, object, body)
SELECT * FROM unnest(seqs, prevs, hashes, objects, bodies) AS new (seq, prev, hash, object, body) ORDER BY new.seq;
END $$"""

_SAYS_SO = """object = 'person' AND body LIKE '{"action":"person.erased",%'"""
_SQLITE = f"""
CREATE TRIGGER salted_only_erased BEFORE DELETE ON salted
WHEN NOT EXISTS (SELECT 1 FROM audit WHERE {_SAYS_SO} AND instr(body, OLD.hash) > 0)
BEGIN SELECT RAISE(ABORT, 'a personal text goes only with a record of it'); END"""  # noqa: S608
_ERASED = f"""
CREATE FUNCTION audit_erased() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$ BEGIN
IF NOT EXISTS (SELECT FROM {{schema}}.audit WHERE {_SAYS_SO.replace("{", "{{")} AND position(OLD.hash IN body) > 0) THEN
  RAISE EXCEPTION 'a personal text goes only with a record of it';
END IF;
RETURN OLD; END $$"""
_GUARDED = (
    "CREATE TRIGGER salted_only_erased BEFORE DELETE ON salted FOR EACH ROW EXECUTE FUNCTION audit_erased()",
    "ALTER TABLE salted ENABLE ALWAYS TRIGGER salted_only_erased",
)


def upgrade() -> None:
    """Add three tables and, on a server, a function that appends to the ledger with the rights of its owner.

    A personal text is deleted only where a record says so.
    """
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
    if op.get_context().dialect.name == "postgresql":
        _guard_server()
    else:
        op.execute(_SQLITE)


def _guard_server() -> None:
    """Whoever calls the functions, they are about the table here, and not about one in a caller's own schema."""
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    for statement in (_NEXT, _APPEND, _ERASED):
        op.execute(statement.format(schema=schema))
    for statement in _GUARDED:
        op.execute(statement)
