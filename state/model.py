"""The nouns of the compliance work and of its mirror in a tracker: frozen values without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any


class Priority(StrEnum):
    """How urgent an item is, most urgent first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Status(StrEnum):
    """The four statuses the compliance side knows."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    ACCEPTED_AS_RISK = "accepted_as_risk"


class ClaimKind(StrEnum):
    """What a tracker says about an item; a claim rides beside the status and decides nothing."""

    RESOLVED = "resolved"
    ACCEPTANCE_REQUESTED = "acceptance_requested"


class SourceKind(StrEnum):
    """Where an item came from."""

    AUTOMATED_TEST = "automated_test"
    UNIMPLEMENTED_CONTROL = "unimplemented_control"
    MANUAL = "manual"
    ASSESSMENT = "assessment"


class Field(StrEnum):
    """The fields that are compared three ways between an item and its ticket."""

    STATUS = "status"
    TITLE = "title"
    BODY = "body"
    PRIORITY = "priority"
    ASSIGNEE = "assignee"
    DUE_DATE = "due_date"
    LABELS = "labels"


class Authority(StrEnum):
    """Who may change a field."""

    ITEM = "item"
    TICKET = "ticket"
    BOTH = "both"


class Category(StrEnum):
    """The three kinds of ticket state that every tracker distinguishes."""

    NEW = "new"
    INDETERMINATE = "indeterminate"
    DONE = "done"


class BodyFormat(StrEnum):
    """How a tracker writes long text: a string of Markdown or wiki markup, or a JSON document tree."""

    MARKDOWN = "markdown"
    WIKI = "wiki"
    ADF = "adf"


class Actor(StrEnum):
    """What kind of agent did something."""

    HUMAN = "human"
    BOT = "bot"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a tracker said of an item: kind, the tracker account that said it, when (UTC), in which words."""

    kind: ClaimKind
    by: str | None = None
    at: datetime | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ActionItem:
    """One thing that someone must do for compliance; `ref` (`AI-000123`) is never reused.

    `owner` is an e-mail address. Date-times are aware, UTC. `revision` grows by one with every change.
    `original_*` keep what the item was first given and are never rewritten.
    """

    ref: str
    title: str
    description: str
    priority: Priority
    original_priority: Priority
    status: Status
    owner: str | None
    due_date: date
    original_due_date: date
    controls: tuple[str, ...]
    risks: tuple[str, ...]
    source_kind: SourceKind
    source_ref: str
    external_ref: str | None
    fingerprint: str | None
    claim: Claim | None
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    revision: int


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """What a source or a person says an item should be, before it has a ref.

    `None` means "not said": a new item takes the default, an existing one keeps what it has.
    `fingerprint` or `external_ref` (whichever is set) finds the item again on a second intake.
    """

    title: str
    description: str = ""
    priority: Priority | None = None
    owner: str | None = None
    due_date: date | None = None
    controls: tuple[str, ...] | None = None
    risks: tuple[str, ...] | None = None
    source_kind: SourceKind = SourceKind.MANUAL
    source_ref: str = ""
    external_ref: str | None = None
    fingerprint: str | None = None


class TestOutcome(StrEnum):
    """What an automated test said."""

    __test__ = False

    FAIL = "fail"
    PASS = "pass"  # noqa: S105
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of one automated test on one resource, observed at `observed_at` (UTC)."""

    draft: ItemDraft
    outcome: TestOutcome
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """One person under many names: `email` is the identity, `accounts` maps a tracker kind to an account id."""

    email: str
    accounts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class TicketRef:
    """A ticket's identity: the configured tracker and that tracker's immutable id.

    `key` is what people call the ticket. It may change, does not count for equality, and only helps a tracker
    that reads by key to find the ticket, where it then checks the id.
    """

    tracker: str
    id: str
    key: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Marker:
    """The item's key, planted in the ticket in the very request that creates it.

    `key` is 26 characters of `[a-z0-9]`, unique to item, tracker, installation and generation.
    """

    key: str
    item: str


Body = str | Mapping[str, Any] | None
"""A ticket's long text as the tracker holds it: a string, a document tree (`BodyFormat.ADF`), or none."""


@dataclass(frozen=True, slots=True)
class TicketState:
    """A ticket's state: `category` decides, `name` and `resolution` (as the tracker spells them) classify."""

    category: Category
    name: str
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a tracker shows now, in our fields.

    `url` is for people. `assignee` is the tracker's account id. `labels` holds every label,
    ours and others'. `updated` is the tracker's own UTC time. `revision` changes whenever the tracker shows
    that anything on the ticket has changed, comments included; equal revisions mean nothing new, and revisions of
    one ticket sort as text in the order of time. `comments` is how many there are, `None` where it is not told.
    `marker` is set only where the tracker can vouch that the marker is ours. `project` is where the ticket
    lives now, as the tracker spells it. `linked_change_open` says that an open change request is linked.
    """

    ref: TicketRef
    url: str
    title: str
    body: Body
    state: TicketState
    priority: str | None
    assignee: str | None
    due_date: date | None
    labels: frozenset[str]
    created: datetime
    updated: datetime
    revision: str
    marker: Marker | None = None
    project: str = ""
    archived: bool = False
    linked_change_open: bool = False
    comments: int | None = None


class Gone(StrEnum):
    """Why a ticket could not be read."""

    DELETED = "deleted"
    TRANSFERRED = "transferred"
    HIDDEN = "hidden"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Missing:
    """A ticket that a direct read did not find; `detail` says what the tracker answered."""

    ref: TicketRef
    why: Gone
    detail: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket to be created, in the tracker's own terms; `body` is in the tracker's format.

    A value of `None` is not sent.
    """

    marker: Marker
    title: str
    body: Body
    priority: str | None
    assignee: str | None
    due_date: date | None
    labels: tuple[str, ...]


class Keep:
    """Stands in a patch for "leave this field alone"."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "KEEP"


KEEP = Keep()


@dataclass(frozen=True, slots=True)
class TransitionTo:
    """The state to bring a ticket to: any state named in `names`, else any of `category`.

    `resolution` is asked for where the tracker's workflow lets it be set.
    """

    category: Category
    names: tuple[str, ...] = ()
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """Exactly what changes on a ticket. `KEEP` leaves a field alone, `None` clears it.

    Labels are given as differences, so that other people's labels stay. `marker` plants the item's key.
    """

    title: str | Keep = KEEP
    body: Body | Keep = KEEP
    priority: str | Keep | None = KEEP
    assignee: str | Keep | None = KEEP
    due_date: date | Keep | None = KEEP
    add_labels: tuple[str, ...] = ()
    remove_labels: tuple[str, ...] = ()
    state: TransitionTo | None = None
    marker: Marker | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a tracker's change feed resumes.

    `at` is a point in the tracker's own time; the feed gives what changed at or after it. `validator` lets the
    tracker answer "nothing changed" cheaply; it is opaque and may be empty.
    """

    at: datetime
    validator: str = ""


class ActivityKind(StrEnum):
    """What somebody did to a ticket."""

    COMMENT = "comment"
    FIELD = "field"
    LINK = "link"
    ATTACHMENT = "attachment"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody as a tracker knows them: immutable `id`, display `name`, and whether it is the one we use."""

    id: str
    name: str
    ours: bool = False
    bot: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that one account did to a ticket at one time (UTC).

    `id` is the tracker's own id of the event. A comment has `text` (plain or Markdown) and, if it is one of
    ours, `marker_key`. A field change has `field` (a `Field` value, `resolution`, or the tracker's own name),
    `before` and `after` as the tracker spells them.
    """

    id: str
    kind: ActivityKind
    by: Account
    at: datetime
    text: str = ""
    field: str = ""
    before: str | None = None
    after: str | None = None
    marker_key: str | None = None


@dataclass(frozen=True, slots=True)
class Agreed:
    """One field's values when both sides last agreed: how the item rendered and how the ticket read.

    They are equal unless the tracker cannot hold the item's value exactly.
    """

    ours: str | None
    theirs: str | None


Baseline = Mapping[Field, Agreed]
"""The field values both sides last agreed on, per link."""


@dataclass(frozen=True, slots=True)
class Link:
    """This item is that ticket, since when (UTC), by which run, and how both read when they last agreed.

    `item_revision` and `ticket_revision` are what the baseline was taken from. `generation` counts the tickets
    this item has had in this tracker, from 1. `missing_since` is set once a direct read did not find the ticket.
    `comments` were on the ticket, and what people did to it is known up to `seen_at` (the tracker's time).
    """

    item: str
    ref: TicketRef
    url: str
    marker: Marker
    baseline: Baseline
    item_revision: int
    ticket_revision: str
    linked_at: datetime
    linked_by: str
    generation: int = 1
    missing_since: datetime | None = None
    archived: bool = False
    comments: int = 0
    seen_at: datetime | None = None


class HoldKind(StrEnum):
    """Why something waits for a person."""

    CONFLICT = "conflict"
    ACCEPTANCE_REQUESTED = "acceptance_requested"
    UNMAPPED = "unmapped"
    DUE_CHANGE = "due_change"
    DUPLICATE = "duplicate"
    GONE = "gone"
    ARCHIVED = "archived"
    NO_ROUTE = "no_route"
    NO_WAY = "no_way"
    REJECTED = "rejected"
    MANY_TICKETS = "many_tickets"


@dataclass(frozen=True, slots=True)
class Hold:
    """Something waits for a person: what, on which item, and the command that settles it.

    `field` is set for holds on one field; `ours` and `theirs` are both sides' values then. `id` (`H-12`) is empty
    until the hold is stored.
    """

    kind: HoldKind
    item: str
    tracker: str
    detail: str
    field: Field | None = None
    ours: str | None = None
    theirs: str | None = None
    id: str = ""
    opened_at: datetime | None = None

    @property
    def command(self) -> str:
        """The command that settles this hold."""
        return f"counterfoil holds settle {self.id or '<id>'} --take item|ticket --reason TEXT"


class OperationKind(StrEnum):
    """What a run may do, to a ticket or to the record."""

    CREATE = "create"
    UPDATE = "update"
    COMMENT = "comment"
    PULL = "pull"
    LINK = "link"
    HOLD = "hold"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation ended: `done`, `refused`, `deferred` or `unknown`, with the reason in words."""

    kind: str
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """A create that is known to have happened; `ticket` is set where the tracker's answer shows it whole."""

    marker: Marker
    ref: TicketRef
    url: str
    at: datetime
    ticket: Ticket | None = None


@dataclass(frozen=True, slots=True)
class NotCreated:
    """A create that is known not to have happened, because the tracker refused it."""

    marker: Marker
    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What would stop or bend a run: what is wrong, and the line or the step that mends it."""

    what: str
    fix: str
    fatal: bool = True


@dataclass(frozen=True, slots=True)
class Agent:
    """Who did something: kind, system (`counterfoil`, or a tracker's name), account id there, display name."""

    kind: Actor
    system: str
    account: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One chained record of one change, as stored; `body` is the canonical text that was hashed."""

    seq: int
    prev: str
    hash: str
    body: str


@dataclass(frozen=True, slots=True)
class Comment:
    """Something said about an item.

    `remote_id` is the tracker's id once the comment stands there; `author` is an e-mail address or an account
    name; `inbound` says that it came from the tracker.
    """

    id: str
    item: str
    author: str
    text: str
    at: datetime
    inbound: bool
    tracker: str = ""
    remote_id: str = ""
