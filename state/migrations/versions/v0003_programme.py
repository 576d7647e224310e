"""Evidence, acceptances, controls and risks; groups and origins of items; comments that are edited."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables of the programme, and what items and comments need beside."""
    _items()
    _comments()
    _evidence()
    _reviews()
    _acceptances()
    _decisions()
    _due_changes()
    _controls()
    _tests()
    _risks()


def _text(name: str, *more: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), *more, nullable=nullable)


def _word(name: str, *more: Any, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), *more, nullable=nullable, **options)


def _number(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=nullable, **options)


def _day(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Date(), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _index(name: str, table: str, *columns: str, only: str | None = None, unique: bool = False) -> None:
    condition = None if only is None else sa.text(only)
    op.create_index(name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition)


def _pairs(table: str, name: str, goal: str, other: str, other_goal: str) -> None:
    """A table that says which of one kind belong to which of another."""
    first = _word(name, sa.ForeignKey(goal), primary_key=True)
    op.create_table(table, first, _word(other, sa.ForeignKey(other_goal), primary_key=True))
    _index(f"{table}_by_{other}", table, other)


def _items() -> None:
    op.add_column("item", sa.Column("origin", sa.Text(), nullable=False, server_default=""))
    op.add_column("item", _word("predecessor", nullable=True))
    op.add_column("item", _word("part_of", nullable=True))
    op.add_column("item", _number("overdue", server_default="0"))
    op.add_column("item", _word("accepted_ref", nullable=True))
    op.add_column("item", _day("accepted_until", nullable=True))
    op.add_column("item", _word("accepted_as", nullable=True))
    op.add_column("link", _word("reporter", server_default=""))
    _index("item_by_group", "item", "part_of", only="part_of IS NOT NULL")
    _index("item_by_day", "item", "due_date", only="overdue = 0")


def _comments() -> None:
    op.add_column("comment", _word("topic", server_default=""))
    op.add_column("comment", _word("standing", server_default=""))
    op.add_column("comment", _time("edited_at", nullable=True))
    op.add_column("comment", _time("deleted_at", nullable=True))
    op.drop_index("comment_waiting", "comment")
    _index("comment_waiting", "comment", "item", only="(remote_id = '' OR standing <> '') AND inbound = 0")
    _index("comment_by_topic", "comment", "item", "tracker", "topic", only="topic <> ''", unique=True)


def _evidence() -> None:
    op.create_table(
        "evidence",
        _number("seq", primary_key=True, autoincrement=False),
        _number("version", primary_key=True, autoincrement=False),
        _word("item", sa.ForeignKey("item.ref"), nullable=True),
        _text("controls"),
        _word("kind"),
        _text("shows"),
        _word("origin"),
        _word("remote_id"),
        _text("url"),
        _word("name"),
        _word("by"),
        _time("captured_at"),
        _word("sha256", nullable=True),
        _number("size", nullable=True),
        _word("mime"),
        _number("stored"),
        _day("period_start", nullable=True),
        _day("period_end", nullable=True),
        _day("expires_on", nullable=True),
    )
    _index("evidence_by_end", "evidence", "expires_on", only="expires_on IS NOT NULL")
    _index("evidence_by_item", "evidence", "item")
    _index("evidence_by_origin", "evidence", "origin", "remote_id", only="remote_id <> ''")


def _reviews() -> None:
    op.create_table(
        "review",
        _number("seq", primary_key=True, autoincrement=False),
        _number("evidence"),
        _number("version"),
        _word("verdict"),
        _word("by"),
        _time("at"),
        _text("reason"),
    )
    _index("review_by_evidence", "review", "evidence", "version")
    op.create_table(
        "link_check",
        _number("seq", primary_key=True, autoincrement=False),
        _number("evidence"),
        _number("version"),
        _word("health"),
        _time("at"),
        _word("sha256", nullable=True),
        _text("detail"),
    )
    _index("link_check_by_evidence", "link_check", "evidence", "version")


def _acceptances() -> None:
    op.create_table(
        "acceptance",
        _number("seq", primary_key=True, autoincrement=False),
        _word("item", sa.ForeignKey("item.ref")),
        _word("state"),
        _text("justification"),
        _day("until", nullable=True),
        _text("compensating"),
        _number("likelihood", nullable=True),
        _number("impact", nullable=True),
        _text("conditions"),
        _word("requester"),
        _time("requested_at"),
        _word("fingerprint"),
        _text("editors"),
        _word("system"),
        _word("event"),
        _word("renewal_of"),
        _time("active_from", nullable=True),
        _time("warned_at", nullable=True),
        _time("ended_at", nullable=True),
        _text("ended_why"),
    )
    _index("acceptance_active", "acceptance", "item", only="state = 'active'", unique=True)
    _index("acceptance_by_item", "acceptance", "item")
    _index("acceptance_requested", "acceptance", "item", only="state = 'requested'", unique=True)


def _decisions() -> None:
    op.create_table(
        "decision",
        _number("seq", primary_key=True, autoincrement=False),
        _number("acceptance"),
        _word("verdict"),
        _word("by"),
        _time("at"),
        _text("reason"),
        _text("authority"),
        _word("channel"),
        _word("typed_by"),
        _word("event"),
        _word("snapshot"),
    )
    _index("decision_by_acceptance", "decision", "acceptance")


def _due_changes() -> None:
    op.create_table(
        "due_change",
        _number("seq", primary_key=True, autoincrement=False),
        _word("item", sa.ForeignKey("item.ref")),
        _day("before"),
        _day("after"),
        _word("requester"),
        _time("requested_at"),
        _word("system"),
        _word("event"),
        _text("reason"),
        _word("verdict"),
        _word("decided_by"),
        _time("decided_at", nullable=True),
        _text("decided_why"),
    )
    _index("due_change_by_item", "due_change", "item")
    _index("due_change_open", "due_change", "item", only="decided_at IS NULL", unique=True)


def _controls() -> None:
    op.create_table(
        "framework",
        _word("id", primary_key=True),
        _text("title"),
        _word("version"),
        _word("source"),
        _word("sha256"),
        _time("added_at"),
    )
    op.create_table(
        "control",
        _word("id", primary_key=True),
        _word("id_key", unique=True),
        _word("code_key"),
        _word("answered_by", nullable=True),
        _number("stale"),
        _word("framework", sa.ForeignKey("framework.id")),
        _word("code"),
        _number("place"),
        _text("title"),
        _text("guidance"),
        _word("owner", nullable=True),
        _word("status"),
        _text("why"),
        _time("since"),
        _text("exempt_why", nullable=True),
        _word("exempt_by", nullable=True),
        _time("exempt_at", nullable=True),
        sa.CheckConstraint("stale IN (0, 1)", name="control_stale"),
    )
    _index("control_by_code", "control", "code_key")
    _index("control_by_framework", "control", "framework", "place")
    _index("control_by_answer", "control", "answered_by", only="answered_by IS NOT NULL")
    _index("control_is_stale", "control", "id", only="stale = 1")
    _pairs("item_control", "control", "control.id", "item", "item.ref")


def _tests() -> None:
    op.create_table(
        "test",
        _word("fingerprint", primary_key=True),
        _text("title"),
        _word("outcome"),
        _time("observed_at"),
        _text("controls"),
        _word("item", sa.ForeignKey("item.ref"), nullable=True),
        _text("source_ref"),
        _word("report_sha256"),
    )
    _index("test_by_item", "test", "item")
    _index("test_by_time", "test", "observed_at")
    _pairs("test_control", "control", "control.id", "test", "test.fingerprint")


def _risks() -> None:
    op.create_table(
        "risk",
        _word("id", primary_key=True),
        _text("statement"),
        _word("owner", nullable=True),
        _word("treatment"),
        _text("gap"),
        _text("existing"),
        _day("next_review", nullable=True),
        _time("created_at"),
        _time("updated_at"),
        _time("due_since", nullable=True),
        _text("due_why"),
        _word("key", unique=True),
        _number("stale"),
        sa.CheckConstraint("stale IN (0, 1)", name="risk_stale"),
    )
    _pairs("item_risk", "risk", "risk.id", "item", "item.ref")
    op.create_table(
        "score",
        _number("seq", primary_key=True, autoincrement=False),
        _word("risk", sa.ForeignKey("risk.id")),
        _word("kind"),
        _number("likelihood"),
        _number("impact"),
        _word("by"),
        _time("at"),
        _text("reason"),
    )
    _index("score_by_risk", "score", "risk", "seq")
