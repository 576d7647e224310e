"""The tables of the compliance programme: evidence, acceptances, controls and risks."""

from sqlalchemy import CheckConstraint, Date, Index, Integer, Table, Text

from state.columns import METADATA, Names, Utc, key, only, optional, required

EVIDENCE = Table(
    "evidence",
    METADATA,
    key("seq", Integer),
    key("version", Integer),
    optional("item", of="item.ref"),
    required("controls", Names),
    required("kind"),
    required("shows", Text),
    required("origin"),
    required("remote_id"),
    required("url", Text),
    required("name"),
    required("by"),
    required("captured_at", Utc),
    optional("sha256"),
    optional("size", Integer),
    required("mime"),
    required("stored", Integer),
    optional("period_start", Date),
    optional("period_end", Date),
    optional("expires_on", Date),
    Index("evidence_by_item", "item"),
    Index("evidence_by_origin", "origin", "remote_id", **only("remote_id <> ''")),
    Index("evidence_by_end", "expires_on", **only("expires_on IS NOT NULL")),
)
"""One version of a piece of evidence; versions are added, never changed, but for `stored` once bytes are here."""

REVIEW = Table(
    "review",
    METADATA,
    key("seq", Integer),
    required("evidence", Integer),
    required("version", Integer),
    required("verdict"),
    required("by"),
    required("at", Utc),
    required("reason", Text),
    Index("review_by_evidence", "evidence", "version"),
)
"""What a reviewer found of one version; the latest counts, and none is ever changed."""

CHECK = Table(
    "link_check",
    METADATA,
    key("seq", Integer),
    required("evidence", Integer),
    required("version", Integer),
    required("health"),
    required("at", Utc),
    optional("sha256"),
    required("detail", Text),
    Index("link_check_by_evidence", "evidence", "version"),
)
"""What the link of one version was found to be; a row is added when that differs from the last one."""

ACCEPTANCE = Table(
    "acceptance",
    METADATA,
    key("seq", Integer),
    required("item", of="item.ref"),
    required("state"),
    required("justification", Text),
    optional("until", Date),
    required("compensating", Text),
    optional("likelihood", Integer),
    optional("impact", Integer),
    required("conditions", Text),
    required("requester"),
    required("requested_at", Utc),
    required("fingerprint"),
    required("editors", Names),
    required("system"),
    required("event"),
    required("renewal_of"),
    optional("active_from", Utc),
    optional("warned_at", Utc),
    optional("ended_at", Utc),
    required("ended_why", Text),
    Index("acceptance_by_item", "item"),
    Index("acceptance_requested", "item", unique=True, **only("state = 'requested'")),
    Index("acceptance_active", "item", unique=True, **only("state = 'active'")),
)
"""A request to live with a risk and what became of it; an item has one that is asked for and one that is active."""

DECISION = Table(
    "decision",
    METADATA,
    key("seq", Integer),
    required("acceptance", Integer),
    required("verdict"),
    required("by"),
    required("at", Utc),
    required("reason", Text),
    required("authority", Text),
    required("channel"),
    required("typed_by"),
    required("event"),
    required("snapshot"),
    Index("decision_by_acceptance", "acceptance"),
)
"""What one person decided about an acceptance; none is ever changed."""

DUE = Table(
    "due_change",
    METADATA,
    key("seq", Integer),
    required("item", of="item.ref"),
    required("before", Date),
    required("after", Date),
    required("requester"),
    required("requested_at", Utc),
    required("system"),
    required("event"),
    required("reason", Text),
    required("verdict"),
    required("decided_by"),
    optional("decided_at", Utc),
    required("decided_why", Text),
    Index("due_change_by_item", "item"),
    Index("due_change_open", "item", unique=True, **only("decided_at IS NULL")),
)
"""A later due date that somebody asked for, and what was decided; open until `decided_at`."""

FRAMEWORK = Table(
    "framework",
    METADATA,
    key("id"),
    required("title", Text),
    required("version"),
    required("source"),
    required("sha256"),
    required("added_at", Utc),
)
"""A set of controls as one file gave it."""

CONTROL = Table(
    "control",
    METADATA,
    key("id"),
    required("id_key", unique=True),
    required("code_key"),
    optional("answered_by"),
    required("stale", Integer),
    required("framework", of="framework.id"),
    required("code"),
    required("place", Integer),
    required("title", Text),
    required("guidance", Text),
    optional("owner"),
    required("status"),
    required("why", Text),
    required("since", Utc),
    optional("exempt_why", Text),
    optional("exempt_by"),
    optional("exempt_at", Utc),
    CheckConstraint("stale IN (0, 1)", name="control_stale"),
    Index("control_by_code", "code_key"),
    Index("control_by_framework", "framework", "place"),
    Index("control_by_answer", "answered_by", **only("answered_by IS NOT NULL")),
    Index("control_is_stale", "id", **only("stale = 1")),
)
"""A control with the status last recorded; `id` is `framework:code`.

`id_key` and `code_key` are both as names are compared. `stale` says that what its status rests on has changed.
"""

ITEM_CONTROL = Table(
    "item_control",
    METADATA,
    key("control", of="control.id"),
    key("item", of="item.ref"),
    Index("item_control_by_item", "item"),
)
"""An item that names a control."""

TEST = Table(
    "test",
    METADATA,
    key("fingerprint"),
    required("title", Text),
    required("outcome"),
    required("observed_at", Utc),
    required("controls", Names),
    optional("item", of="item.ref"),
    required("source_ref", Text),
    required("report_sha256"),
    Index("test_by_item", "item"),
    Index("test_by_time", "observed_at"),
)
"""The latest word of an automated test."""

TEST_CONTROL = Table(
    "test_control",
    METADATA,
    key("control", of="control.id"),
    key("test", of="test.fingerprint"),
    Index("test_control_by_test", "test"),
)
"""A test that names a control."""

RISK = Table(
    "risk",
    METADATA,
    key("id"),
    required("statement", Text),
    optional("owner"),
    required("treatment"),
    required("gap", Text),
    required("existing", Names),
    optional("next_review", Date),
    required("created_at", Utc),
    required("updated_at", Utc),
    optional("due_since", Utc),
    required("due_why", Text),
    required("key", unique=True),
    required("stale", Integer),
    CheckConstraint("stale IN (0, 1)", name="risk_stale"),
)
"""A risk of the register; `key` is its id as names are compared, `stale` says that an item of it has moved."""

ITEM_RISK = Table(
    "item_risk",
    METADATA,
    key("risk", of="risk.id"),
    key("item", of="item.ref"),
    Index("item_risk_by_item", "item"),
)
"""An item that names a risk."""

SCORE = Table(
    "score",
    METADATA,
    key("seq", Integer),
    required("risk", of="risk.id"),
    required("kind"),
    required("likelihood", Integer),
    required("impact", Integer),
    required("by"),
    required("at", Utc),
    required("reason", Text),
    Index("score_by_risk", "risk", "seq"),
)
"""One rating of a risk; none is ever changed."""
