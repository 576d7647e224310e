"""The tables of the compliance programme: evidence, acceptances, controls and risks."""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, Text
from sqlmodel import Field, SQLModel

from state.columns import Names, Utc, only


class EvidenceRow(SQLModel, table=True):
    """One version of a piece of evidence; versions are added, never changed, but for `stored` once bytes are here."""

    __tablename__: ClassVar[Any] = "evidence"
    __table_args__ = (
        Index("evidence_by_item", "item"),
        Index("evidence_by_origin", "origin", "remote_id", **only("remote_id <> ''")),
        Index("evidence_by_end", "expires_on", **only("expires_on IS NOT NULL")),
    )

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    item: str | None = Field(foreign_key="item.ref")
    controls: str = Field(sa_type=Names)
    kind: str
    shows: str = Field(sa_type=Text)
    origin: str
    remote_id: str
    url: str = Field(sa_type=Text)
    name: str
    by: str
    captured_at: datetime = Field(sa_type=Utc)
    sha256: str | None
    size: int | None
    mime: str
    stored: int
    period_start: date | None
    period_end: date | None
    expires_on: date | None


class ReviewRow(SQLModel, table=True):
    """What a reviewer found of one version; the latest counts, and none is ever changed."""

    __tablename__: ClassVar[Any] = "review"
    __table_args__ = (Index("review_by_evidence", "evidence", "version"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    evidence: int
    version: int
    verdict: str
    by: str
    at: datetime = Field(sa_type=Utc)
    reason: str = Field(sa_type=Text)


class LinkCheckRow(SQLModel, table=True):
    """What the link of one version was found to be; a row is added when that differs from the last one."""

    __tablename__: ClassVar[Any] = "link_check"
    __table_args__ = (Index("link_check_by_evidence", "evidence", "version"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    evidence: int
    version: int
    health: str
    at: datetime = Field(sa_type=Utc)
    sha256: str | None
    detail: str = Field(sa_type=Text)


class AcceptanceRow(SQLModel, table=True):
    """A request to live with a risk and what became of it; an item has one that is asked for and one that is active."""

    __tablename__: ClassVar[Any] = "acceptance"
    __table_args__ = (
        Index("acceptance_by_item", "item"),
        Index("acceptance_requested", "item", unique=True, **only("state = 'requested'")),
        Index("acceptance_active", "item", unique=True, **only("state = 'active'")),
    )

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    item: str = Field(foreign_key="item.ref")
    state: str
    justification: str = Field(sa_type=Text)
    until: date | None
    compensating: str = Field(sa_type=Text)
    likelihood: int | None
    impact: int | None
    conditions: str = Field(sa_type=Text)
    requester: str
    requested_at: datetime = Field(sa_type=Utc)
    fingerprint: str
    editors: str = Field(sa_type=Names)
    system: str
    event: str
    renewal_of: str
    active_from: datetime | None = Field(sa_type=Utc)
    warned_at: datetime | None = Field(sa_type=Utc)
    ended_at: datetime | None = Field(sa_type=Utc)
    ended_why: str = Field(sa_type=Text)


class DecisionRow(SQLModel, table=True):
    """What one person decided about an acceptance; none is ever changed."""

    __tablename__: ClassVar[Any] = "decision"
    __table_args__ = (Index("decision_by_acceptance", "acceptance"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    acceptance: int
    verdict: str
    by: str
    at: datetime = Field(sa_type=Utc)
    reason: str = Field(sa_type=Text)
    authority: str = Field(sa_type=Text)
    channel: str
    typed_by: str
    event: str
    snapshot: str


class DueChangeRow(SQLModel, table=True):
    """A later due date that somebody asked for, and what was decided; open until `decided_at`."""

    __tablename__: ClassVar[Any] = "due_change"
    __table_args__ = (
        Index("due_change_by_item", "item"),
        Index("due_change_open", "item", unique=True, **only("decided_at IS NULL")),
    )

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    item: str = Field(foreign_key="item.ref")
    before: date
    after: date
    requester: str
    requested_at: datetime = Field(sa_type=Utc)
    system: str
    event: str
    reason: str = Field(sa_type=Text)
    verdict: str
    decided_by: str
    decided_at: datetime | None = Field(sa_type=Utc)
    decided_why: str = Field(sa_type=Text)


class FrameworkRow(SQLModel, table=True):
    """A set of controls as one file gave it."""

    __tablename__: ClassVar[Any] = "framework"

    id: str = Field(primary_key=True)
    title: str = Field(sa_type=Text)
    version: str
    source: str
    sha256: str
    added_at: datetime = Field(sa_type=Utc)


class ControlRow(SQLModel, table=True):
    """A control with the status last recorded; `id` is `framework:code`.

    `id_key` and `code_key` are both as names are compared. `stale` says that what its status rests on has changed.
    """

    __tablename__: ClassVar[Any] = "control"
    __table_args__ = (
        CheckConstraint("stale IN (0, 1)", name="control_stale"),
        Index("control_by_code", "code_key"),
        Index("control_by_framework", "framework", "place"),
        Index("control_by_answer", "answered_by", **only("answered_by IS NOT NULL")),
        Index("control_is_stale", "id", **only("stale = 1")),
    )

    id: str = Field(primary_key=True)
    id_key: str = Field(unique=True)
    code_key: str
    answered_by: str | None
    stale: int
    framework: str = Field(foreign_key="framework.id")
    code: str
    place: int
    title: str = Field(sa_type=Text)
    guidance: str = Field(sa_type=Text)
    owner: str | None
    status: str
    why: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=Utc)
    exempt_why: str | None = Field(sa_type=Text)
    exempt_by: str | None
    exempt_at: datetime | None = Field(sa_type=Utc)


class ItemControlRow(SQLModel, table=True):
    """An item that names a control."""

    __tablename__: ClassVar[Any] = "item_control"
    __table_args__ = (Index("item_control_by_item", "item"),)

    control: str = Field(primary_key=True, foreign_key="control.id")
    item: str = Field(primary_key=True, foreign_key="item.ref")


class TestRow(SQLModel, table=True):
    """The latest word of an automated test."""

    __test__: ClassVar[bool] = False
    __tablename__: ClassVar[Any] = "test"
    __table_args__ = (Index("test_by_item", "item"), Index("test_by_time", "observed_at"))

    fingerprint: str = Field(primary_key=True)
    title: str = Field(sa_type=Text)
    outcome: str
    observed_at: datetime = Field(sa_type=Utc)
    controls: str = Field(sa_type=Names)
    item: str | None = Field(foreign_key="item.ref")
    source_ref: str = Field(sa_type=Text)
    report_sha256: str


class TestControlRow(SQLModel, table=True):
    """A test that names a control."""

    __test__: ClassVar[bool] = False
    __tablename__: ClassVar[Any] = "test_control"
    __table_args__ = (Index("test_control_by_test", "test"),)

    control: str = Field(primary_key=True, foreign_key="control.id")
    test: str = Field(primary_key=True, foreign_key="test.fingerprint")


class RiskRow(SQLModel, table=True):
    """A risk of the register; `key` is its id as names are compared, `stale` says that an item of it has moved."""

    __tablename__: ClassVar[Any] = "risk"
    __table_args__ = (CheckConstraint("stale IN (0, 1)", name="risk_stale"),)

    id: str = Field(primary_key=True)
    statement: str = Field(sa_type=Text)
    owner: str | None
    treatment: str
    gap: str = Field(sa_type=Text)
    existing: str = Field(sa_type=Names)
    next_review: date | None
    created_at: datetime = Field(sa_type=Utc)
    updated_at: datetime = Field(sa_type=Utc)
    due_since: datetime | None = Field(sa_type=Utc)
    due_why: str = Field(sa_type=Text)
    key: str = Field(unique=True)
    stale: int


class ItemRiskRow(SQLModel, table=True):
    """An item that names a risk."""

    __tablename__: ClassVar[Any] = "item_risk"
    __table_args__ = (Index("item_risk_by_item", "item"),)

    risk: str = Field(primary_key=True, foreign_key="risk.id")
    item: str = Field(primary_key=True, foreign_key="item.ref")


class ScoreRow(SQLModel, table=True):
    """One rating of a risk; none is ever changed."""

    __tablename__: ClassVar[Any] = "score"
    __table_args__ = (Index("score_by_risk", "risk", "seq"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    risk: str = Field(foreign_key="risk.id")
    kind: str
    likelihood: int
    impact: int
    by: str
    at: datetime = Field(sa_type=Utc)
    reason: str = Field(sa_type=Text)
