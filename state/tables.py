"""The tables behind the store."""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, Text
from sqlmodel import Field, SQLModel

from state.columns import Names, Utc, only


class Meta(SQLModel, table=True):
    """A fact about this installation."""

    __tablename__: ClassVar[Any] = "meta"

    name: str = Field(primary_key=True)
    value: str


class Counter(SQLModel, table=True):
    """The last number given out in a series that never repeats."""

    __tablename__: ClassVar[Any] = "counter"

    name: str = Field(primary_key=True)
    value: int


class LeaseRow(SQLModel, table=True):
    """Who may run; `token` grows with each holder."""

    __tablename__: ClassVar[Any] = "lease"

    name: str = Field(primary_key=True)
    token: int
    host: str
    boot: str
    pid: int
    started: str
    since: datetime = Field(sa_type=Utc)
    expires_at: datetime | None = Field(default=None, sa_type=Utc)


class ItemRow(SQLModel, table=True):
    """An action item; `urgency` is its priority as a number, `dirty` says that it is to be compared again.

    `overdue` says that it was told to be past its due date, `origin` holds facts of its source as JSON.
    """

    __tablename__: ClassVar[Any] = "item"
    __table_args__ = (
        CheckConstraint("dirty IN (0, 1)", name="item_dirty"),
        Index("item_by_need", "urgency", "due_date", "seq", **only("dirty = 1")),
        Index("item_by_status", "status", "priority"),
        Index("item_by_group", "part_of", **only("part_of IS NOT NULL")),
        Index("item_by_day", "due_date", **only("overdue = 0")),
    )

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    ref: str = Field(unique=True)
    title: str = Field(sa_type=Text)
    description: str = Field(sa_type=Text)
    priority: str
    original_priority: str
    urgency: int
    status: str
    owner: str | None
    due_date: date
    original_due_date: date
    controls: str = Field(sa_type=Names)
    risks: str = Field(sa_type=Names)
    source_kind: str
    source_ref: str
    accepted_ref: str | None
    accepted_until: date | None
    accepted_as: str | None
    origin: str = Field(sa_type=Text)
    external_ref: str | None = Field(unique=True)
    fingerprint: str | None = Field(unique=True)
    predecessor: str | None
    part_of: str | None
    claim_kind: str | None
    claim_by: str | None
    claim_at: datetime | None = Field(sa_type=Utc)
    claim_text: str | None = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=Utc)
    updated_at: datetime = Field(sa_type=Utc)
    resolved_at: datetime | None = Field(sa_type=Utc)
    revision: int
    dirty: int
    overdue: int


class LinkRow(SQLModel, table=True):
    """A ticket that an item has, or had until `ended_at`."""

    __tablename__: ClassVar[Any] = "link"
    __table_args__ = (
        Index("link_current_item", "item", unique=True, **only("ended_at IS NULL")),
        Index("link_current_ticket", "tracker", "ticket_id", unique=True, **only("ended_at IS NULL")),
        Index("link_by_key", "marker_key"),
        Index("link_by_item", "item", "tracker"),
    )

    id: int | None = Field(default=None, primary_key=True)
    item: str = Field(foreign_key="item.ref")
    tracker: str
    ticket_id: str
    ticket_key: str
    url: str = Field(sa_type=Text)
    marker_key: str
    generation: int
    baseline: str = Field(sa_type=Text)
    item_revision: int
    ticket_revision: str
    linked_at: datetime = Field(sa_type=Utc)
    linked_by: str
    missing_since: datetime | None = Field(sa_type=Utc)
    archived: bool
    comments: int
    seen_at: datetime | None = Field(sa_type=Utc)
    reporter: str
    ended_at: datetime | None = Field(sa_type=Utc)


class IntentRow(SQLModel, table=True):
    """A journalled operation, open until `finished_at`."""

    __tablename__: ClassVar[Any] = "intent"
    __table_args__ = (
        Index("intent_open", "tracker", "begun_at", **only("finished_at IS NULL")),
        Index("intent_by_tracker", "tracker", "kind", "begun_at"),
        Index("intent_by_item", "item"),
        Index("intent_finished", "finished_at", **only("finished_at IS NOT NULL")),
    )

    id: str = Field(primary_key=True)
    run: str
    kind: str
    item: str
    tracker: str
    key: str
    payload: str = Field(sa_type=Text)
    begun_at: datetime = Field(sa_type=Utc)
    asked_at: datetime | None = Field(sa_type=Utc)
    begun_there: datetime | None = Field(sa_type=Utc)
    finished_at: datetime | None = Field(sa_type=Utc)
    outcome: str | None
    reason: str | None = Field(sa_type=Text)


class HoldRow(SQLModel, table=True):
    """Something that waits for a person, or did until `closed_at`; `field` is empty where none is meant."""

    __tablename__: ClassVar[Any] = "hold"
    __table_args__ = (Index("hold_open", "item", "tracker", "kind", "field", unique=True, **only("closed_at IS NULL")),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str
    item: str
    tracker: str
    detail: str = Field(sa_type=Text)
    field: str
    ours: str | None = Field(sa_type=Text)
    theirs: str | None = Field(sa_type=Text)
    opened_at: datetime = Field(sa_type=Utc)
    closed_at: datetime | None = Field(sa_type=Utc)
    closed_how: str | None = Field(sa_type=Text)


class CommentRow(SQLModel, table=True):
    """Something said about an item; `remote_id` is empty until it stands in the tracker.

    A comment with a `topic` is the only one of its item about that: when what is to be said changes, it is edited.
    `standing` is the SHA-256 of the text that stands there, where that was not what `text` says now.
    """

    __tablename__: ClassVar[Any] = "comment"
    __table_args__ = (
        Index("comment_remote", "tracker", "remote_id", unique=True, **only("remote_id <> ''")),
        Index("comment_waiting", "item", **only("(remote_id = '' OR standing <> '') AND inbound = 0")),
        Index("comment_by_item", "item"),
        Index("comment_by_topic", "item", "tracker", "topic", unique=True, **only("topic <> ''")),
    )

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    item: str = Field(foreign_key="item.ref")
    author: str
    text: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=Utc)
    inbound: int
    tracker: str
    remote_id: str
    topic: str
    standing: str
    edited_at: datetime | None = Field(sa_type=Utc)
    deleted_at: datetime | None = Field(sa_type=Utc)


class ResultRow(SQLModel, table=True):
    """What an automated test said about an item at one time."""

    __tablename__: ClassVar[Any] = "test_result"

    item: str = Field(primary_key=True, foreign_key="item.ref")
    outcome: str = Field(primary_key=True)
    observed_at: datetime = Field(primary_key=True, sa_type=Utc)
    source_ref: str = Field(sa_type=Text)


class FeedRow(SQLModel, table=True):
    """Where a tracker's change feed stands; `stored_at` is when that was last written."""

    __tablename__: ClassVar[Any] = "feed"

    tracker: str = Field(primary_key=True)
    settled_at: datetime | None = Field(sa_type=Utc)
    settled_validator: str
    fresh_at: datetime | None = Field(sa_type=Utc)
    fresh_validator: str
    settling_at: datetime | None = Field(sa_type=Utc)
    settling_validator: str
    settle_at: datetime | None = Field(sa_type=Utc)
    rules: str
    audited_at: datetime | None = Field(sa_type=Utc)
    stored_at: datetime = Field(sa_type=Utc)


class AuditRow(SQLModel, table=True):
    """One record of the ledger: `body` is the text that was hashed, `object` a copy from it to search by."""

    __tablename__: ClassVar[Any] = "audit"
    __table_args__ = (Index("audit_by_object", "object", "seq"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    prev: str
    hash: str
    object: str
    body: str = Field(sa_type=Text)


class SaltedRow(SQLModel, table=True):
    """A personal text that records hold the `hash` of, made with its `salt`; `digest` finds the same text again."""

    __tablename__: ClassVar[Any] = "salted"
    __table_args__ = (Index("salted_by_digest", "digest", unique=True),)

    hash: str = Field(primary_key=True)
    salt: str
    text: str = Field(sa_type=Text)
    digest: str


class CheckpointRow(SQLModel, table=True):
    """A checkpoint that was signed at `size` records; `head` and `edge` tell chain and tree before the last of them."""

    __tablename__: ClassVar[Any] = "checkpoint"

    size: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    note: str = Field(sa_type=Text)
    head: str
    edge: str = Field(sa_type=Text)
    signed_at: datetime = Field(sa_type=Utc)


class AnchorRow(SQLModel, table=True):
    """Which checkpoint an anchor keeps by now, and why it did not take a later one, if it did not."""

    __tablename__: ClassVar[Any] = "anchor"

    name: str = Field(primary_key=True)
    size: int
    kept_at: datetime | None = Field(sa_type=Utc)
    failed_at: datetime | None = Field(sa_type=Utc)
    why: str = Field(sa_type=Text)
