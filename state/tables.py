"""The tables behind the store."""

from sqlalchemy import Boolean, CheckConstraint, Column, Date, Index, Integer, Table, Text

from state.columns import METADATA, Names, Utc, key, only, optional, required

META = Table(
    "meta",
    METADATA,
    key("name"),
    required("value"),
)
"""A fact about this installation."""

COUNTER = Table(
    "counter",
    METADATA,
    key("name"),
    required("value", Integer),
)
"""The last number given out in a series that never repeats."""

LEASE = Table(
    "lease",
    METADATA,
    key("name"),
    required("token", Integer),
    required("host"),
    required("boot"),
    required("pid", Integer),
    required("started"),
    required("since", Utc),
    optional("expires_at", Utc),
)
"""Who may run; `token` grows with each holder."""

ITEM = Table(
    "item",
    METADATA,
    key("seq", Integer),
    required("ref", unique=True),
    required("title", Text),
    required("description", Text),
    required("priority"),
    required("original_priority"),
    required("urgency", Integer),
    required("status"),
    optional("owner"),
    required("due_date", Date),
    required("original_due_date", Date),
    required("controls", Names),
    required("risks", Names),
    required("source_kind"),
    required("source_ref"),
    optional("accepted_ref"),
    optional("accepted_until", Date),
    optional("accepted_as"),
    required("origin", Text),
    optional("external_ref", unique=True),
    optional("fingerprint", unique=True),
    optional("predecessor"),
    optional("part_of"),
    optional("claim_kind"),
    optional("claim_by"),
    optional("claim_at", Utc),
    optional("claim_text", Text),
    required("created_at", Utc),
    required("updated_at", Utc),
    optional("resolved_at", Utc),
    required("revision", Integer),
    required("dirty", Integer),
    required("overdue", Integer),
    CheckConstraint("dirty IN (0, 1)", name="item_dirty"),
    Index("item_by_need", "urgency", "due_date", "seq", **only("dirty = 1")),
    Index("item_by_status", "status", "priority"),
    Index("item_by_group", "part_of", **only("part_of IS NOT NULL")),
    Index("item_by_day", "due_date", **only("overdue = 0")),
)
"""An action item; `urgency` is its priority as a number, `dirty` says that it is to be compared again.

`overdue` says that it was told to be past its due date, `origin` holds facts of its source as JSON.
"""

LINK = Table(
    "link",
    METADATA,
    Column("id", Integer, primary_key=True),
    required("item", of="item.ref"),
    required("tracker"),
    required("ticket_id"),
    required("ticket_key"),
    required("url", Text),
    required("marker_key"),
    required("generation", Integer),
    required("baseline", Text),
    required("item_revision", Integer),
    required("ticket_revision"),
    required("linked_at", Utc),
    required("linked_by"),
    optional("missing_since", Utc),
    required("archived", Boolean),
    required("comments", Integer),
    optional("seen_at", Utc),
    required("reporter"),
    optional("ended_at", Utc),
    Index("link_current_item", "item", unique=True, **only("ended_at IS NULL")),
    Index("link_current_ticket", "tracker", "ticket_id", unique=True, **only("ended_at IS NULL")),
    Index("link_by_key", "marker_key"),
    Index("link_by_item", "item", "tracker"),
)
"""A ticket that an item has, or had until `ended_at`."""

INTENT = Table(
    "intent",
    METADATA,
    key("id"),
    required("run"),
    required("kind"),
    required("item"),
    required("tracker"),
    required("key"),
    required("payload", Text),
    required("begun_at", Utc),
    optional("asked_at", Utc),
    optional("begun_there", Utc),
    optional("finished_at", Utc),
    optional("outcome"),
    optional("reason", Text),
    Index("intent_open", "tracker", "begun_at", **only("finished_at IS NULL")),
    Index("intent_by_tracker", "tracker", "kind", "begun_at"),
    Index("intent_by_item", "item"),
    Index("intent_finished", "finished_at", **only("finished_at IS NOT NULL")),
)
"""A journalled operation, open until `finished_at`."""

HOLD = Table(
    "hold",
    METADATA,
    key("seq", Integer),
    required("kind"),
    required("item"),
    required("tracker"),
    required("detail", Text),
    required("field"),
    optional("ours", Text),
    optional("theirs", Text),
    required("opened_at", Utc),
    optional("closed_at", Utc),
    optional("closed_how", Text),
    Index("hold_open", "item", "tracker", "kind", "field", unique=True, **only("closed_at IS NULL")),
)
"""Something that waits for a person, or did until `closed_at`; `field` is empty where none is meant."""

COMMENT = Table(
    "comment",
    METADATA,
    key("seq", Integer),
    required("item", of="item.ref"),
    required("author"),
    required("text", Text),
    required("at", Utc),
    required("inbound", Integer),
    required("tracker"),
    required("remote_id"),
    required("topic"),
    required("standing"),
    optional("edited_at", Utc),
    optional("deleted_at", Utc),
    Index("comment_remote", "tracker", "remote_id", unique=True, **only("remote_id <> ''")),
    Index("comment_waiting", "item", **only("(remote_id = '' OR standing <> '') AND inbound = 0")),
    Index("comment_by_item", "item"),
    Index("comment_by_topic", "item", "tracker", "topic", unique=True, **only("topic <> ''")),
)
"""Something said about an item; `remote_id` is empty until it stands in the tracker.

A comment with a `topic` is the only one of its item about that: when what is to be said changes, it is edited.
`standing` is the SHA-256 of the text that stands there, where that was not what `text` says now.
"""

RESULT = Table(
    "test_result",
    METADATA,
    key("item", of="item.ref"),
    key("outcome"),
    key("observed_at", Utc),
    required("source_ref", Text),
)
"""What an automated test said about an item at one time."""

FEED = Table(
    "feed",
    METADATA,
    key("tracker"),
    optional("settled_at", Utc),
    required("settled_validator"),
    optional("fresh_at", Utc),
    required("fresh_validator"),
    optional("settling_at", Utc),
    required("settling_validator"),
    optional("settle_at", Utc),
    required("rules"),
    optional("audited_at", Utc),
    required("stored_at", Utc),
)
"""Where a tracker's change feed stands; `stored_at` is when that was last written."""

AUDIT = Table(
    "audit",
    METADATA,
    key("seq", Integer),
    required("prev"),
    required("hash"),
    required("object"),
    required("body", Text),
    Index("audit_by_object", "object", "seq"),
)
"""One record of the ledger: `body` is the text that was hashed, `object` a copy from it to search by."""
