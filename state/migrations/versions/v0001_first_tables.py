"""The first tables, with a ledger that can only grow."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from state.guards import HEAD_HASH, HEAD_SEQ, REFUSE, SQLITE

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

POSTGRESQL = (
    f"CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $${REFUSE}$$",
    "CREATE FUNCTION audit_next() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"IF NEW.seq IS DISTINCT FROM ({HEAD_SEQ}) + 1 OR NEW.prev IS DISTINCT FROM {HEAD_HASH} "
    "THEN RAISE EXCEPTION 'a record only follows the last one'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER audit_no_rewrite BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_only_next BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_next()",
    "ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_no_rewrite",
    "ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_no_truncate",
    "ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_only_next",
)


def upgrade() -> None:
    """Make every table, index and trigger."""
    _installation()
    _items()
    _item_indexes()
    _links()
    _journal()
    _holds()
    _comments()
    _feeds()
    _audit()
    for statement in SQLITE if op.get_context().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


def _text(name: str, *more: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), *more, nullable=nullable)


def _word(name: str, *more: Any, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), *more, nullable=nullable, **options)


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False, **options)


def _time(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, **options)


def _index(name: str, table: str, *columns: str, only: str | None = None, unique: bool = False) -> None:
    condition = None if only is None else sa.text(only)
    op.create_index(name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition)


def _installation() -> None:
    op.create_table("meta", _word("name", primary_key=True), _word("value"))
    op.create_table("counter", _word("name", primary_key=True), _number("value"))
    op.create_table(
        "lease",
        _word("name", primary_key=True),
        _number("token"),
        _word("host"),
        _word("boot"),
        _number("pid"),
        _word("started"),
        _time("since"),
        _time("expires_at", nullable=True),
    )


def _items() -> None:
    op.create_table(
        "item",
        _number("seq", primary_key=True, autoincrement=False),
        _word("ref", unique=True),
        _text("title"),
        _text("description"),
        _word("priority"),
        _word("original_priority"),
        _number("urgency"),
        _word("status"),
        _word("owner", nullable=True),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("original_due_date", sa.Date(), nullable=False),
        _text("controls"),
        _text("risks"),
        _word("source_kind"),
        _word("source_ref"),
        _word("external_ref", nullable=True, unique=True),
        _word("fingerprint", nullable=True, unique=True),
        _word("claim_kind", nullable=True),
        _word("claim_by", nullable=True),
        _time("claim_at", nullable=True),
        _text("claim_text", nullable=True),
        _time("created_at"),
        _time("updated_at"),
        _time("resolved_at", nullable=True),
        _number("revision"),
        _number("dirty"),
        sa.CheckConstraint("dirty IN (0, 1)", name="item_dirty"),
    )


def _item_indexes() -> None:
    _index("item_by_need", "item", "urgency", "due_date", "seq", only="dirty = 1")
    _index("item_by_status", "item", "status", "priority")
    op.create_table(
        "test_result",
        _word("item", sa.ForeignKey("item.ref"), primary_key=True),
        _word("outcome", primary_key=True),
        _time("observed_at", primary_key=True),
        _text("source_ref"),
    )


def _links() -> None:
    op.create_table(
        "link",
        _number("id", primary_key=True),
        _word("item", sa.ForeignKey("item.ref")),
        _word("tracker"),
        _word("ticket_id"),
        _word("ticket_key"),
        _text("url"),
        _word("marker_key"),
        _number("generation"),
        _text("baseline"),
        _number("item_revision"),
        _word("ticket_revision"),
        _time("linked_at"),
        _word("linked_by"),
        _time("missing_since", nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        _number("comments"),
        _time("seen_at", nullable=True),
        _time("ended_at", nullable=True),
    )
    _index("link_current_item", "link", "item", only="ended_at IS NULL", unique=True)
    _index("link_current_ticket", "link", "tracker", "ticket_id", only="ended_at IS NULL", unique=True)
    _index("link_by_key", "link", "marker_key")
    _index("link_by_item", "link", "item", "tracker")


def _journal() -> None:
    op.create_table(
        "intent",
        _word("id", primary_key=True),
        _word("run"),
        _word("kind"),
        _word("item"),
        _word("tracker"),
        _word("key"),
        _text("payload"),
        _time("begun_at"),
        _time("asked_at", nullable=True),
        _time("finished_at", nullable=True),
        _word("outcome", nullable=True),
        _text("reason", nullable=True),
    )
    _index("intent_open", "intent", "tracker", "begun_at", only="finished_at IS NULL")
    _index("intent_by_tracker", "intent", "tracker", "kind", "begun_at")
    _index("intent_by_item", "intent", "item")


def _holds() -> None:
    op.create_table(
        "hold",
        _number("seq", primary_key=True, autoincrement=False),
        _word("kind"),
        _word("item"),
        _word("tracker"),
        _text("detail"),
        _word("field"),
        _text("ours", nullable=True),
        _text("theirs", nullable=True),
        _time("opened_at"),
        _time("closed_at", nullable=True),
        _text("closed_how", nullable=True),
    )
    _index("hold_open", "hold", "item", "tracker", "kind", "field", only="closed_at IS NULL", unique=True)


def _comments() -> None:
    op.create_table(
        "comment",
        _number("seq", primary_key=True, autoincrement=False),
        _word("item", sa.ForeignKey("item.ref")),
        _word("author"),
        _text("text"),
        _time("at"),
        _number("inbound"),
        _word("tracker"),
        _word("remote_id"),
    )
    _index("comment_remote", "comment", "tracker", "remote_id", only="remote_id <> ''", unique=True)
    _index("comment_waiting", "comment", "item", only="remote_id = '' AND inbound = 0")
    _index("comment_by_item", "comment", "item")


def _feeds() -> None:
    op.create_table(
        "feed",
        _word("tracker", primary_key=True),
        _time("settled_at", nullable=True),
        _word("settled_validator"),
        _time("fresh_at", nullable=True),
        _word("fresh_validator"),
        _time("settling_at", nullable=True),
        _word("settling_validator"),
        _time("settle_at", nullable=True),
        _word("rules"),
        _time("audited_at", nullable=True),
        _time("stored_at"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        _number("seq", primary_key=True, autoincrement=False),
        _word("prev"),
        _word("hash"),
        _word("object"),
        _text("body"),
    )
    _index("audit_by_object", "audit", "object", "seq")
